//! Log files: written by a thread that may wait for the disk, rotated by size.
//!
//! ```text
//!   solr.log ─► solr.log.1 ─► solr.log.2 ─► gone      keep: 2
//! ```
//!
//! With whose rights a file is made depends on who may put things into its folder. In a folder that
//! only root can change, all the way up, root makes it, readable by the daemon's group.
//! In a folder of the daemon's user that not everybody can write to, it is touched with that
//! user's rights alone: a symbolic link there leads nowhere the user could not go anyway. Any
//! other folder is refused.

use std::collections::{HashMap, VecDeque};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use super::FileLog;
use super::lines::{newlines, note};
use crate::process::{ActingAs, hold_signals, users};

/// Pieces that may wait for all files together,
const QUEUE: usize = 256;

/// and for one of them. A piece is at most some 64 KiB.
const SHARE: usize = 16;

enum Work {
    Add { token: u64, name: Arc<str>, log: FileLog, waiting: Arc<AtomicUsize> },
    Write { token: u64, bytes: Vec<u8> },
    End { token: u64 },
    Reopen,
    Flush(SyncSender<()>),
}

/// The thread that writes. It may wait for a disk; whoever calls it does not.
pub(super) struct Files {
    queue: SyncSender<Work>,
    /// What found no room in the queue and cannot be dropped: that a file comes or goes. It goes first.
    backlog: VecDeque<Work>,
    waiting: HashMap<u64, Arc<AtomicUsize>>,
}

impl Files {
    pub(super) fn begin() -> io::Result<Self> {
        let (queue, work) = sync_channel(QUEUE);
        let thread = thread::Builder::new().name("log-files".to_owned()).stack_size(256 * 1024);
        // It ends with the queue.
        thread.spawn(move || {
            hold_signals();
            run(&work);
        })?;
        Ok(Self { queue, backlog: VecDeque::new(), waiting: HashMap::new() })
    }

    pub(super) fn add(&mut self, token: u64, name: &Arc<str>, log: &FileLog) {
        let waiting = Arc::<AtomicUsize>::default();
        self.waiting.insert(token, Arc::clone(&waiting));
        self.order(Work::Add { token, name: Arc::clone(name), log: log.clone(), waiting });
    }

    fn order(&mut self, work: Work) {
        self.backlog.push_back(work);
        self.catch_up();
    }

    /// Whether there was room for all of the backlog.
    fn catch_up(&mut self) -> bool {
        while let Some(work) = self.backlog.pop_front() {
            if let Err(TrySendError::Full(work)) = self.queue.try_send(work) {
                self.backlog.push_front(work);
                return false;
            }
        }
        true
    }

    /// Whether another piece for this file may wait.
    pub(super) fn has_room(&self, token: u64) -> bool {
        self.waiting.get(&token).is_some_and(|waiting| waiting.load(Ordering::Relaxed) < SHARE)
    }

    /// Given back if there is no room.
    pub(super) fn write(&mut self, token: u64, bytes: Vec<u8>) -> Result<(), Vec<u8>> {
        if !self.catch_up() {
            return Err(bytes);
        }
        match self.queue.try_send(Work::Write { token, bytes }) {
            Err(TrySendError::Full(work) | TrySendError::Disconnected(work)) => match work {
                Work::Write { bytes, .. } => Err(bytes),
                _ => Ok(()),
            },
            Ok(()) => {
                if let Some(waiting) = self.waiting.get(&token) {
                    waiting.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            }
        }
    }

    pub(super) fn end(&mut self, token: u64) {
        self.waiting.remove(&token);
        self.order(Work::End { token });
    }

    /// Waits until everything is written, but no longer than this; whether it is.
    pub(super) fn flush(&mut self, at_most: Duration) -> bool {
        super::flush(|done| self.catch_up() && self.queue.try_send(Work::Flush(done)).is_ok(), at_most)
    }

    pub(super) fn reopen(&mut self) {
        if !matches!(self.backlog.back(), Some(Work::Reopen)) {
            self.order(Work::Reopen);
        }
    }
}

fn run(work: &Receiver<Work>) {
    let mut files: HashMap<u64, (LogFile, Arc<AtomicUsize>)> = HashMap::new();
    while let Ok(work) = work.recv() {
        match work {
            Work::Add { token, name, log, waiting } => {
                files.insert(token, (LogFile::new(name, log), waiting));
            }
            Work::Write { token, bytes } => {
                if let Some((file, waiting)) = files.get_mut(&token) {
                    waiting.fetch_sub(1, Ordering::Relaxed);
                    file.write(&bytes);
                }
            }
            Work::End { token } => drop(files.remove(&token)),
            Work::Reopen => files.values_mut().for_each(|(file, _)| file.file = None),
            Work::Flush(done) => drop(done.try_send(())),
        }
    }
}

/// One file.
struct LogFile {
    name: Arc<str>,
    log: FileLog,
    file: Option<File>,
    size: u64,
    /// Lines that could not be written since the last that could.
    lost: u64,
    /// Whether it ends within a line.
    open: bool,
}

impl LogFile {
    fn new(name: Arc<str>, log: FileLog) -> Self {
        Self { name, log, file: None, size: 0, lost: 0, open: false }
    }

    /// What cannot be written is counted, and said once.
    fn write(&mut self, bytes: &[u8]) {
        match self.try_write(bytes) {
            Ok(()) => {}
            Err(error) => {
                if self.lost == 0 {
                    let path = self.log.path.display();
                    tracing::error!(
                        instance = &*self.name,
                        "cannot write the log {path}: {error}; its lines are dropped until that works again"
                    );
                }
                self.lost += newlines(bytes).max(1);
                self.file = None;
            }
        }
    }

    fn try_write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.begin()?;
        if let Some(note) = note(self.lost, self.open) {
            self.put(&note)?;
            tracing::info!(instance = &*self.name, "the log {} is written again", self.log.path.display());
            self.lost = 0;
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = usize::try_from(self.log.max_size.saturating_sub(self.size)).unwrap_or(usize::MAX);
            if rest.len() <= room {
                return self.put(rest);
            }
            // As many whole lines as fit; a line that fits nowhere has a file to itself.
            let fits = rest[..room].iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
            let now = if fits == 0 && self.size == 0 {
                rest.iter().position(|&byte| byte == b'\n').map_or(rest.len(), |end| end + 1)
            } else {
                fits
            };
            self.put(&rest[..now])?;
            rest = &rest[now..];
            if !rest.is_empty() || self.size >= self.log.max_size {
                self.rotate()?;
            }
        }
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        if let Some(last) = bytes.last() {
            file.write_all(bytes)?;
            self.size += bytes.len() as u64;
            self.open = *last != b'\n';
        }
        Ok(())
    }

    fn begin(&mut self) -> io::Result<()> {
        if self.file.is_none() {
            let file = open(&self.log)?;
            self.size = file.metadata()?.len();
            self.open = false;
            self.file = Some(file);
        }
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.file = None;
        let acting = acting(&self.log)?;
        let old = |n: u32| {
            let mut path = self.log.path.clone().into_os_string();
            path.push(format!(".{n}"));
            PathBuf::from(path)
        };
        let path = &self.log.path;
        if self.log.keep == 0 {
            fs::remove_file(path)?;
        } else {
            for n in (1..self.log.keep).rev() {
                // Those that are not there yet cannot be moved.
                let _ = fs::rename(old(n), old(n + 1));
            }
            fs::rename(path, old(1))?;
        }
        drop(acting);
        self.begin()
    }
}

/// With whose rights the files of this log are touched; `None`: with ours.
fn acting(log: &FileLog) -> io::Result<Option<ActingAs>> {
    if users::own_uid() != 0 {
        return Ok(None);
    }
    let folder = log.path.parent().unwrap_or(Path::new("/")).canonicalize()?;
    let mut above = folder.ancestors().skip(1);
    if is_changed_by_root_alone(&folder, 0)?
        && above.all(|folder| is_changed_by_root_alone(folder, STICKY).unwrap_or(false))
    {
        return Ok(None);
    }
    match log.owner {
        Some((uid, gid)) if uid != 0 && is_of_user(&folder, uid)? => Ok(Some(ActingAs::user(uid, gid))),
        _ => Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("{} can be changed by others than root and the daemon's user", folder.display()),
        )),
    }
}

/// Only the owner of an entry may rename it, in a folder that others may write: `/tmp`.
const STICKY: u32 = 0o1000;

/// Whether nobody but root can replace what lies in `folder`. If its mode has one of the bits `protects`,
/// others may add to it: what is root's there they cannot replace.
fn is_changed_by_root_alone(folder: &Path, protects: u32) -> io::Result<bool> {
    let found = folder.metadata()?;
    Ok(found.uid() == 0 && (found.mode() & 0o022 == 0 || found.mode() & protects != 0))
}

/// Whether it is the user's, and not everybody's.
fn is_of_user(folder: &Path, uid: u32) -> io::Result<bool> {
    let found = folder.metadata()?;
    Ok(found.uid() == uid && (found.mode() & 0o002 == 0 || found.mode() & STICKY != 0))
}

fn open(log: &FileLog) -> io::Result<File> {
    if log.path.as_os_str().as_bytes().contains(&0) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let acting = acting(log)?;
    let file = File::options()
        .append(true)
        .create(true)
        .mode(0o640)
        // A named pipe without a reader would keep us waiting.
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(&log.path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    if acting.is_none()
        && let Some((_, gid)) = log.owner
        && users::own_uid() == 0
        && found.gid() != gid
    {
        fchown(&file, None, Some(gid))?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests;
