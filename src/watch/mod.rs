//! Learns that a file may have changed: daemons.yml, version files, `current`, timetables.
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
//!
//! A change is reported when nothing more has happened for a while, since a file that
//! is written, or one of several, is not yet what it is to be. One that was made aside
//! and renamed into place is, and is reported at once if it stands for itself:
//!
//! ```text
//!     written:    1  2  3 ........ report
//!     renamed:    1 report  2  3 ........ report     2 comes soon after a report
//! ```

mod path;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use notify::event::{EventKind, EventKindMask, ModifyKind, RenameMode};
use notify::{Config, ErrorKind, Event, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

pub use path::{Step, Walk, walk};

/// A change is reported once nothing more has happened for this long.
const QUIET: Duration = Duration::from_millis(50);

/// Under changes that never cease, one report in this time.
const PATIENCE: Duration = Duration::from_secs(1);

/// How many changes may wait; a flood is one change in any case.
const WAITING: usize = 64;

/// Something to hear of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Interest {
    /// What this path leads to.
    Path(PathBuf),
    /// The same, of a file that says all there is to say: renamed into place, it is whole.
    Whole(PathBuf),
    /// Every entry of this directory, which need not exist yet.
    Entries(PathBuf),
}

/// Which entries of a watched directory matter.
#[derive(Debug, Default, PartialEq, Eq)]
struct Entries {
    all: bool,
    names: BTreeSet<OsString>,
    /// Those of `names` that are whole once they are renamed.
    whole: BTreeSet<OsString>,
    /// The path that leads through it.
    on_the_way_to: PathBuf,
}

impl Entries {
    fn matter(&self, name: &OsStr) -> bool {
        self.all || self.names.contains(name)
    }
}

/// What an event says of what is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum News {
    Nothing,
    /// Something has changed, and may not be through with it.
    Changed,
    /// A whole file is in its place.
    Whole,
}

/// Device, number and time of birth.
type Identity = (u64, u64, SystemTime);

/// Watches the directories of a set of [`Interest`]s.
pub struct Watcher {
    inotify: RecommendedWatcher,
    events: mpsc::Receiver<notify::Result<Event>>,
    interests: Vec<Interest>,
    watched: BTreeMap<PathBuf, Entries>,
    /// Which directories these are, as far as their watches are known to hold.
    armed: BTreeMap<PathBuf, Identity>,
    /// When the first and the last change were seen that are still to be reported.
    changed: Option<(Instant, Instant)>,
    /// When a change was reported last.
    reported: Option<Instant>,
    may_follow: Box<MayFollow>,
}

/// Whether a path may be followed now.
type MayFollow = dyn Fn(&Path) -> bool + Send;

impl Watcher {
    /// Watches nothing yet. Fails where the user has no inotify instance left.
    pub fn new() -> io::Result<Self> {
        let (tell, events) = mpsc::channel(WAITING);
        // Not what is opened or read: applications do that all day.
        let kinds = EventKindMask::CREATE
            | EventKindMask::REMOVE
            | EventKindMask::MODIFY_META
            | EventKindMask::MODIFY_NAME
            | EventKindMask::ACCESS_CLOSE;
        let config = Config::default().with_event_kinds(kinds);
        let handler = move |event: notify::Result<Event>| {
            // A full channel says by itself that something was missed. Waiting for room
            // would hold up `watch`, which waits for this thread.
            let _ = tell.try_send(event);
        };
        let inotify = RecommendedWatcher::new(handler, config).map_err(|error| match into_io(error) {
            error if error.raw_os_error() == Some(libc::EMFILE) => {
                io::Error::other("fs.inotify.max_user_instances is reached, or no more files may be open")
            }
            error => error,
        })?;
        let (interests, watched, armed) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        let may_follow = Box::new(|_: &Path| true);
        Ok(Self { inotify, events, interests, watched, armed, changed: None, reported: None, may_follow })
    }

    /// From now on asks before it follows a path of interest, which may lead to what does not answer; one
    /// that may not be followed is not watched.
    pub fn ask(&mut self, may_follow: impl Fn(&Path) -> bool + Send + 'static) {
        self.may_follow = Box::new(may_follow);
    }

    /// Replaces what is watched. Call it before reading the files, so that a change
    /// in between is not missed. Returns why a directory cannot be watched.
    pub fn watch(&mut self, interests: Vec<Interest>) -> Vec<String> {
        self.interests = interests;
        self.follow()
    }

    /// Waits until something of interest may have changed and it is quiet again, or a whole
    /// file was renamed into place and nothing was reported for as long. Then its path may
    /// lead elsewhere: [`follow`](Self::follow) it before it is read.
    ///
    /// May be dropped and called again: nothing is lost.
    pub async fn changed(&mut self) {
        loop {
            let report_at = self.changed.map(|(first, last)| (last + QUIET).min(first + PATIENCE));
            let event = match report_at {
                None => self.events.recv().await,
                Some(at) => tokio::select! {
                    event = self.events.recv() => event,
                    () = sleep_until(at) => {
                        self.changed = None;
                        return self.report();
                    }
                },
            };
            match self.news(event) {
                News::Nothing => {}
                // What else has changed by now is reported when that is through with it.
                News::Whole if self.reported.is_none_or(|at| at.elapsed() >= QUIET) => return self.report(),
                News::Whole | News::Changed => {
                    let now = Instant::now();
                    self.changed = Some((self.changed.map_or(now, |(first, _)| first), now));
                }
            }
        }
    }

    fn report(&mut self) {
        self.reported = Some(Instant::now());
    }

    fn news(&mut self, event: Option<notify::Result<Event>>) -> News {
        // An error, a queue that overflowed, a channel that was full: something was missed.
        let full = self.events.len() + 1 >= WAITING;
        let event = event.and_then(Result::ok).filter(|event| !full && !event.need_rescan());
        let Some(event) = event else {
            self.armed.clear();
            return News::Changed;
        };
        let renamed = match event.kind {
            // Both ends of a rename were heard of one by one.
            EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => return News::Nothing,
            EventKind::Modify(ModifyKind::Name(RenameMode::To)) => true,
            _ => false,
        };
        for path in &event.paths {
            self.armed.remove(path);
        }
        event.paths.iter().map(|path| self.news_of(path, renamed)).max().unwrap_or(News::Nothing)
    }

    fn news_of(&self, path: &Path, renamed: bool) -> News {
        // Of a watched directory itself: it has gone, or is another.
        if self.watched.contains_key(path) {
            return News::Changed;
        }
        let entry = path.parent().and_then(|parent| self.watched.get(parent)).zip(path.file_name());
        match entry {
            Some((entries, name)) if renamed && entries.whole.contains(name) => News::Whole,
            Some((entries, name)) if entries.matter(name) => News::Changed,
            _ => News::Nothing,
        }
    }

    /// Follows every path anew and watches what it leads through now. Returns why a directory cannot be
    /// watched.
    pub fn follow(&mut self) -> Vec<String> {
        let mut refused = Vec::new();
        let watched = self.directories();
        for gone in self.watched.keys().filter(|known| !watched.contains_key(*known)) {
            // Fails when the directory is gone, and with it the watch.
            let _ = self.inotify.unwatch(gone);
            self.armed.remove(gone);
        }
        for (directory, entries) in &watched {
            if !(self.may_follow)(&entries.on_the_way_to) {
                continue;
            }
            // Another directory may have the name by now. What is the same is not asked for again:
            // that waits for another thread.
            let identity = identity(directory);
            if identity.is_some() && identity.as_ref() == self.armed.get(directory) {
                continue;
            }
            self.armed.remove(directory);
            let armed = self.inotify.watch(directory, RecursiveMode::NonRecursive).map_err(into_io);
            match armed {
                Ok(()) => self.armed.extend(identity.map(|identity| (directory.clone(), identity))),
                // Gone since it was followed; its parent says so.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => refused.push(format!("{}: {error}", directory.display())),
            }
        }
        self.watched = watched;
        refused
    }

    fn directories(&self) -> BTreeMap<PathBuf, Entries> {
        let mut directories: BTreeMap<PathBuf, Entries> = BTreeMap::new();
        for interest in &self.interests {
            let (Interest::Path(path) | Interest::Whole(path) | Interest::Entries(path)) = interest;
            if !(self.may_follow)(path) {
                continue;
            }
            let walk = walk(path);
            let last = walk.steps.len().saturating_sub(1);
            for (i, step) in walk.steps.into_iter().enumerate() {
                // What decides is a symlink and the end; a directory in between that is
                // replaced takes the watched ones below it along.
                if i == last || step.is_link() {
                    let entries = directories.entry(step.directory).or_insert_with(|| through(path));
                    if let Interest::Whole(_) = interest {
                        entries.whole.insert(step.name.clone());
                    }
                    entries.names.insert(step.name);
                }
            }
            if let (Interest::Entries(_), Some(end)) = (interest, walk.end) {
                directories.entry(end).or_insert_with(|| through(path)).all = true;
            }
        }
        directories
    }
}

/// A directory that `path` leads through.
fn through(path: &Path) -> Entries {
    Entries { on_the_way_to: path.to_owned(), ..Entries::default() }
}

/// What tells a directory from another that has its name, and its number, later. `None`: nothing does.
fn identity(directory: &Path) -> Option<Identity> {
    let found = directory.metadata().ok()?;
    Some((found.dev(), found.ino(), found.created().ok()?))
}

fn into_io(error: notify::Error) -> io::Error {
    match error.kind {
        ErrorKind::Io(error) => error,
        ErrorKind::PathNotFound | ErrorKind::WatchNotFound => io::ErrorKind::NotFound.into(),
        ErrorKind::MaxFilesWatch => io::Error::other("fs.inotify.max_user_watches is reached"),
        kind => io::Error::other(format!("{kind:?}")),
    }
}

#[cfg(test)]
mod tests;
