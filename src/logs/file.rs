//! A log file, rotated by size.
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

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::FileLog;
use super::lines::Missed;
use crate::process::{ActingAs, users};

/// One file.
pub(super) struct LogFile {
    name: Arc<str>,
    log: FileLog,
    file: Option<File>,
    size: u64,
    /// What is not in it since the last that is.
    missed: Missed,
    /// Whether the last attempt to write failed.
    fails: bool,
    /// Whether it ends within a line.
    open: bool,
}

impl LogFile {
    pub(super) fn new(name: Arc<str>, log: FileLog) -> Self {
        Self { name, log, file: None, size: 0, missed: Missed::default(), fails: false, open: false }
    }

    /// What cannot be written is counted, and said once.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        let mut rest = self.missed.skip(bytes);
        let result = self.try_write(&mut rest);
        let path = self.log.path.display();
        match result {
            Ok(()) if self.fails => {
                self.fails = false;
                tracing::info!(instance = &*self.name, "the log {path} is written again");
            }
            Ok(()) => {}
            Err(error) => {
                if !std::mem::replace(&mut self.fails, true) {
                    tracing::error!(
                        instance = &*self.name,
                        "cannot write the log {path}: {error}; its lines are dropped until that works again"
                    );
                }
                self.missed.lose(rest);
                self.file = None;
            }
        }
    }

    /// What was dropped before it came here.
    pub(super) fn miss(&mut self, missed: &Missed) {
        self.missed.add(missed);
    }

    /// Its name may be another file's by now: the next line goes to what has it then.
    pub(super) fn reopen(&mut self) {
        self.file = None;
    }

    /// Nothing more comes: says what is still missing.
    pub(super) fn end(&mut self) {
        self.missed.end();
        self.write(b"");
    }

    /// `rest`: what is not written yet.
    fn try_write(&mut self, rest: &mut &[u8]) -> io::Result<()> {
        if rest.is_empty() && self.missed.is_nothing() {
            return Ok(());
        }
        self.begin()?;
        if let Some(note) = self.missed.note(self.open) {
            self.put(&mut &note[..], note.len())?;
            self.missed = Missed::default();
        }
        while !rest.is_empty() {
            let room = usize::try_from(self.log.max_size.saturating_sub(self.size)).unwrap_or(usize::MAX);
            if rest.len() <= room {
                return self.put(rest, rest.len());
            }
            // As many whole lines as fit; a line that fits nowhere has a file to itself.
            let fits = rest[..room].iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
            let now = if fits == 0 && self.size == 0 {
                rest.iter().position(|&byte| byte == b'\n').map_or(rest.len(), |end| end + 1)
            } else {
                fits
            };
            self.put(rest, now)?;
            if !rest.is_empty() || self.size >= self.log.max_size {
                self.rotate()?;
            }
        }
        Ok(())
    }

    /// Writes as many bytes of `rest`, and takes from it what is written.
    fn put(&mut self, rest: &mut &[u8], mut count: usize) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        while count > 0 {
            match file.write(&rest[..count]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    self.open = rest[n - 1] != b'\n';
                    self.size += n as u64;
                    count -= n;
                    *rest = &rest[n..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn begin(&mut self) -> io::Result<()> {
        if self.file.is_none() {
            let file = open(&self.log)?;
            self.size = file.metadata()?.len();
            self.open &= self.size > 0;
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
pub(super) mod tests;
