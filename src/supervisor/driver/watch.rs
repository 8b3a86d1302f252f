//! Learns that a file may have changed: daemons.yml, version files, `current`.
//!
//! A file is not watched, the directories that decide what its path leads to are:
//!
//! ```text
//!     /var/www/abaqis/current/VERSION        watched
//!     /var/www/abaqis/current -> releases/2  entry `current` of /var/www/abaqis
//!     /var/www/abaqis/releases/2/VERSION     entry `VERSION` of /var/www/abaqis/releases/2
//! ```
//!
//! so a rename over the file, a symlink that is swapped (Capistrano's `current`, a
//! mounted volume's `..data`) and a directory that comes later are all seen. What is
//! reported is only that it is worth looking: the reader compares contents. Nothing
//! runs while nothing happens.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::StreamExt;
use inotify::{EventMask, EventOwned, EventStream, Inotify, WatchDescriptor, WatchMask};
use tokio::time::{Instant, sleep_until};

use crate::supervisor::path::walk;

/// A change is reported once nothing more has happened for this long.
const QUIET: Duration = Duration::from_millis(50);

/// Under changes that never cease, one report in this time.
const PATIENCE: Duration = Duration::from_secs(1);

/// Something to hear of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Interest {
    /// What this path leads to.
    Path(PathBuf),
    /// Every entry of this directory, which need not exist yet.
    Entries(PathBuf),
}

/// Which entries of a watched directory matter.
#[derive(Debug, Default, PartialEq, Eq)]
struct Entries {
    all: bool,
    names: BTreeSet<OsString>,
}

impl Entries {
    fn matter(&self, name: Option<&OsStr>) -> bool {
        // Without a name it is about the directory itself.
        self.all || name.is_none_or(|name| self.names.contains(name))
    }
}

/// Watches the directories of a set of [`Interest`]s.
pub(super) struct Watcher {
    events: EventStream<Vec<u8>>,
    interests: Vec<Interest>,
    watched: HashMap<WatchDescriptor, Entries>,
    /// When the first and the last change were seen that are still to be reported.
    changed: Option<(Instant, Instant)>,
}

impl Watcher {
    /// Watches nothing yet. Fails where the user has no inotify instance left.
    pub(super) fn new() -> io::Result<Self> {
        let events = Inotify::init()?.into_event_stream(vec![0; 4096])?;
        Ok(Self { events, interests: Vec::new(), watched: HashMap::new(), changed: None })
    }

    /// Replaces what is watched. Call it before reading the files, so that a change
    /// in between is not missed. Returns why a directory cannot be watched.
    pub(super) fn watch(&mut self, interests: Vec<Interest>) -> Vec<String> {
        self.interests = interests;
        self.arm()
    }

    /// Waits until something of interest may have changed and it is quiet again.
    ///
    /// May be dropped and called again: nothing is lost.
    pub(super) async fn changed(&mut self) -> Vec<String> {
        loop {
            let report_at = self.changed.map(|(first, last)| (last + QUIET).min(first + PATIENCE));
            let event = match report_at {
                None => self.events.next().await,
                Some(at) => tokio::select! {
                    event = self.events.next() => event,
                    () = sleep_until(at) => {
                        self.changed = None;
                        return self.arm();
                    }
                },
            };
            if self.matters(event) {
                let now = Instant::now();
                self.changed = Some((self.changed.map_or(now, |(first, _)| first), now));
            }
        }
    }

    fn matters(&self, event: Option<io::Result<EventOwned>>) -> bool {
        // An error, like a queue that overflowed, means that something was missed.
        let Some(Ok(event)) = event else { return true };
        if event.mask.contains(EventMask::Q_OVERFLOW) {
            return true;
        }
        // A directory that is let go says so once more: that is no news.
        !event.mask.contains(EventMask::IGNORED)
            && self.watched.get(&event.wd).is_some_and(|entries| entries.matter(event.name.as_deref()))
    }

    /// Follows every path anew and watches what it leads through now.
    fn arm(&mut self) -> Vec<String> {
        let mut refused = Vec::new();
        let mut watched: HashMap<WatchDescriptor, Entries> = HashMap::new();
        for (directory, entries) in self.directories() {
            match self.events.watches().add(&directory, mask()) {
                Ok(descriptor) => {
                    let known = watched.entry(descriptor).or_default();
                    known.all |= entries.all;
                    known.names.extend(entries.names);
                }
                // Gone since it was followed; its parent says so.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => refused.push(format!("{}: {}", directory.display(), why(&error))),
            }
        }
        for descriptor in self.watched.keys().filter(|known| !watched.contains_key(known)) {
            // Fails when the directory is gone, and with it the watch.
            let _ = self.events.watches().remove(descriptor.clone());
        }
        self.watched = watched;
        refused
    }

    fn directories(&self) -> BTreeMap<PathBuf, Entries> {
        let mut directories: BTreeMap<PathBuf, Entries> = BTreeMap::new();
        for interest in &self.interests {
            let (Interest::Path(path) | Interest::Entries(path)) = interest;
            let walk = walk(path);
            let last = walk.steps.len().saturating_sub(1);
            for (i, step) in walk.steps.into_iter().enumerate() {
                // What decides is a symlink and the end; a directory in between that is
                // replaced takes the watched ones below it along.
                if i == last || step.is_link() {
                    directories.entry(step.directory).or_default().names.insert(step.name);
                }
            }
            if let (Interest::Entries(_), Some(end)) = (interest, walk.end) {
                directories.entry(end).or_default().all = true;
            }
        }
        directories
    }
}

fn mask() -> WatchMask {
    WatchMask::ATTRIB
        | WatchMask::CLOSE_WRITE
        | WatchMask::CREATE
        | WatchMask::DELETE
        | WatchMask::DELETE_SELF
        | WatchMask::MOVE
        | WatchMask::MOVE_SELF
        | WatchMask::ONLYDIR
}

fn why(error: &io::Error) -> String {
    match error.kind() {
        // The kernel says ENOSPC, which has nothing to do with a disk here.
        io::ErrorKind::StorageFull => "fs.inotify.max_user_watches is reached".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
