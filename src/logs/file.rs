//! Log files: written by a thread that may wait for the disk, rotated by size.
//!
//! ```text
//!   solr.log ─► solr.log.1 ─► solr.log.2 ─► gone      keep: 2
//! ```
//!
//! Who may put things into the folder decides who the file is made by. In a folder that
//! only root can change, all the way up, root makes it, readable by the daemon's group.
//! In a folder of the daemon's user that not everybody can write to, it is touched with that
//! user's rights alone: a symbolic link there leads nowhere the user could not go anyway. Any
//! other folder is refused.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

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
}

/// The thread that writes.
pub(super) struct Files {
    queue: SyncSender<Work>,
    thread: JoinHandle<()>,
    waiting: HashMap<u64, Arc<AtomicUsize>>,
}

impl Files {
    pub(super) fn begin() -> io::Result<Self> {
        let (queue, work) = sync_channel(QUEUE);
        let thread = thread::Builder::new().name("log-files".to_owned()).stack_size(256 * 1024);
        let thread = thread.spawn(move || {
            hold_signals();
            run(&work);
        })?;
        Ok(Self { queue, thread, waiting: HashMap::new() })
    }

    pub(super) fn add(&mut self, token: u64, name: &Arc<str>, log: &FileLog) {
        let waiting = Arc::<AtomicUsize>::default();
        self.waiting.insert(token, Arc::clone(&waiting));
        // May wait for a moment, but for no daemon: its pipe holds more.
        let _ = self.queue.send(Work::Add { token, name: Arc::clone(name), log: log.clone(), waiting });
    }

    /// Whether another piece for this file may wait.
    pub(super) fn has_room(&self, token: u64) -> bool {
        self.waiting.get(&token).is_some_and(|waiting| waiting.load(Ordering::Relaxed) < SHARE)
    }

    /// Given back if there is no room.
    pub(super) fn write(&self, token: u64, bytes: Vec<u8>) -> Result<(), Vec<u8>> {
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
        let _ = self.queue.send(Work::End { token });
    }

    /// Waits until everything is written. May take as long as the disk does.
    pub(super) fn finish(self) {
        drop(self.queue);
        let _ = self.thread.join();
    }

    pub(super) fn reopen(&self) {
        let _ = self.queue.send(Work::Reopen);
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

/// As whom the files of this log are touched.
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

/// Whether nobody but root can put something else in the place of what lies in `folder`. With one
/// of the bits `protects` in its mode it may be open to others: what lies there is root's.
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
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use tempfile::TempDir;

    use super::*;

    /// A folder, and a log of its owner's in it.
    fn log(max_size: u64, keep: u32) -> (TempDir, LogFile) {
        let folder = TempDir::new().unwrap();
        // Below /tmp, where everybody may write: so it is made the user's.
        let owner = (users::own_uid() == 0).then_some((61_007, 61_007));
        if let Some((uid, gid)) = owner {
            std::os::unix::fs::chown(folder.path(), Some(uid), Some(gid)).unwrap();
        }
        let log = FileLog { path: folder.path().join("a.log"), max_size, keep, owner };
        (folder, LogFile::new("a/b/1".into(), log))
    }

    fn text(folder: &TempDir, name: &str) -> String {
        fs::read_to_string(folder.path().join(name)).unwrap_or_else(|error| error.kind().to_string())
    }

    #[test]
    fn files_are_rotated_between_lines() {
        let (folder, mut file) = log(10, 2);
        for n in 0..6 {
            file.write(format!("line{n}\n").as_bytes());
        }
        file.write(b"a very long line\nshort\n");
        assert_eq!(text(&folder, "a.log"), "short\n");
        assert_eq!(text(&folder, "a.log.1"), "a very long line\n");
        assert_eq!(text(&folder, "a.log.2"), "line5\n");
        assert_eq!(text(&folder, "a.log.3"), "entity not found");
        assert_eq!(file.lost, 0);
    }

    #[test]
    fn none_is_kept_if_none_is_wanted() {
        let (folder, mut file) = log(6, 0);
        file.write(b"one\ntwo\nthree\n");
        assert_eq!(text(&folder, "a.log"), "three\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn it_goes_on_where_it_was_and_after_it_was_renamed() {
        let (folder, mut file) = log(1000, 2);
        fs::write(folder.path().join("a.log"), "before\n").unwrap();
        fs::set_permissions(folder.path().join("a.log"), fs::Permissions::from_mode(0o666)).unwrap();
        file.write(b"one\n");
        fs::rename(folder.path().join("a.log"), folder.path().join("old")).unwrap();
        file.file = None;
        file.write(b"two\n");
        assert_eq!((text(&folder, "old"), text(&folder, "a.log")), ("before\none\n".into(), "two\n".into()));
    }

    #[test]
    fn what_could_not_be_written_is_counted() {
        let (folder, mut file) = log(1000, 2);
        let gone = folder.path().join("elsewhere");
        symlink("/etc/passwd", folder.path().join("a.log")).unwrap();
        file.write(b"one\ntwo\n");
        file.write(b"three\n");
        assert_eq!(file.lost, 3);
        fs::rename(folder.path().join("a.log"), gone).unwrap();
        file.write(b"four\n");
        assert_eq!(text(&folder, "a.log"), "[3 lines dropped]\nfour\n");
    }

    #[test]
    fn a_folder_of_somebody_else_is_refused() {
        let (folder, mut file) = log(1000, 2);
        if users::own_uid() != 0 {
            return;
        }
        file.log.owner = Some((61_008, 61_008));
        std::os::unix::fs::chown(folder.path(), Some(61_009), None).unwrap();
        file.write(b"one\n");
        assert_eq!((file.lost, fs::read_dir(folder.path()).unwrap().count()), (1, 0));
        let error = open(&file.log).unwrap_err().to_string();
        assert!(error.ends_with("can be changed by others than root and the daemon's user"), "{error}");
    }
}
