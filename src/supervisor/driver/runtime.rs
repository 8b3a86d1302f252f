//! The runtime directory: `/run/abaqis-daemons`, or where `ABAQIS_RUNTIME_DIR` says.
//!
//! ```text
//!     lock           held by the running supervisor, with its pid in it
//!     control.sock   what `abaqis-daemons status` and the others talk to
//!     notify/        a socket for each instance, named by its first process
//!     preload/       a folder for each preloader, with the socket that it forks executors on
//!     state/         what schedulers remember, where systemd gives no StateDirectory
//!     words          what operators have stopped, and what of it they have started again
//! ```
//!
//! It lies on a tmpfs: what it remembers outlives the supervisor, not a reboot.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use thiserror::Error;

/// The longest path of the directory, in bytes: a socket's address has 108 of them,
/// and what is put in here is named `notify/` and a number of up to 20 digits, or
/// `preload/`, 8 digits, and `s` with a process's number while it is made.
const MAX_PATH: usize = 78;

/// How long what a killed supervisor has left may hold the lock before that counts as held,
const LEFTOVER: Duration = Duration::from_secs(2);

/// and how often it is looked at meanwhile.
const PAUSE: Duration = Duration::from_millis(5);

/// Why the directory cannot be used.
#[derive(Debug, Error)]
pub enum RuntimeError {
    /// The system refused.
    #[error("the runtime directory cannot be used: {}: {source}", path.display())]
    Io {
        /// What it is about.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Another could put things there.
    #[error(
        "the runtime directory {} belongs to user {uid} with mode {mode:03o}: it has to be a directory of user {ours} that nobody else can write to; remove it, or set ABAQIS_RUNTIME_DIR",
        path.display()
    )]
    NotOurs {
        /// The directory.
        path: PathBuf,
        /// Who owns it.
        uid: u32,
        /// Its permissions.
        mode: u32,
        /// Who runs the supervisor.
        ours: u32,
    },
    /// A socket's address could not hold it.
    #[error(
        "the runtime directory {} is {} bytes long, at most {MAX_PATH}: set ABAQIS_RUNTIME_DIR to a shorter one",
        .0.display(), .0.as_os_str().len()
    )]
    TooLong(PathBuf),
    /// There is a supervisor already.
    #[error("a supervisor is already running on {}{}", path.display(), by(*pid))]
    Held {
        /// The directory.
        path: PathBuf,
        /// Its process, if it has said so.
        pid: Option<u32>,
    },
}

fn by(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(": process {pid}"))
}

/// The directory, held by this process for as long as this lives.
#[derive(Debug)]
pub(super) struct RuntimeDirectory {
    path: PathBuf,
    /// The lock goes when this is closed.
    lock: File,
    words: String,
}

impl RuntimeDirectory {
    /// Makes the directory if it is missing, and takes it. `uid`: this process's user.
    pub(super) fn take(path: &Path, uid: u32) -> Result<Self, RuntimeError> {
        if path.as_os_str().len() > MAX_PATH {
            return Err(RuntimeError::TooLong(path.to_owned()));
        }
        make_directory(path, 0o755, uid)?;
        let began = Instant::now();
        let lock = lock(path, || {
            thread::sleep(PAUSE);
            began.elapsed() < LEFTOVER
        })?;
        let notify = path.join("notify");
        // Sockets of an earlier supervisor.
        if let Err(error) = fs::remove_dir_all(&notify)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(io_error(&notify)(error));
        }
        make_directory(&notify, 0o755, uid)?;
        let preload = path.join("preload");
        super::ayl::clear(&preload).map_err(io_error(&preload))?;
        // One that cannot be read is as good as none: the worst that follows is that
        // something runs.
        let words = fs::read_to_string(path.join("words")).unwrap_or_default();
        Ok(Self { path: path.to_owned(), lock, words })
    }

    /// The directory that an earlier program of this process has taken, with all that lies there.
    pub(super) fn adopt(path: &Path, lock: OwnedFd) -> Self {
        let words = fs::read_to_string(path.join("words")).unwrap_or_default();
        Self { path: path.to_owned(), lock: lock.into(), words }
    }

    /// Its lock, to be handed to the next program.
    pub(super) fn lock(&self) -> BorrowedFd<'_> {
        self.lock.as_fd()
    }

    /// The directory itself.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The notify socket of the instance whose first process has this number.
    pub(super) fn notify_socket(&self, run: u64) -> PathBuf {
        self.path.join("notify").join(run.to_string())
    }

    /// Removes the notify sockets of no process, which an earlier program has left.
    pub(super) fn keep_notify_sockets(&self, of: &HashSet<PathBuf>) {
        let Ok(entries) = fs::read_dir(self.path.join("notify")) else { return };
        for path in entries.flatten().map(|entry| entry.path()).filter(|path| !of.contains(path)) {
            let _ = fs::remove_file(path);
        }
    }

    /// Where preloaders have their sockets.
    pub(super) fn preload(&self) -> PathBuf {
        self.path.join("preload")
    }

    /// Where daemons may remember what is to outlive a reboot: the folder that systemd keeps
    /// for it, if this is its service.
    pub(super) fn state(&self) -> PathBuf {
        let given = std::env::var("STATE_DIRECTORY").ok();
        let first = given.as_deref().and_then(|all| all.split(':').find(|path| !path.is_empty()));
        first.map_or_else(|| self.path.join("state"), PathBuf::from)
    }

    /// The operators' words that an earlier supervisor remembered; empty: none.
    pub(super) fn words(&self) -> &str {
        &self.words
    }

    /// Remembers the operators' words. Fails, for instance, when the disk is full; then
    /// the next call tries again.
    pub(super) fn remember(&mut self, words: String) -> io::Result<()> {
        if words == self.words {
            return Ok(());
        }
        let (new, path) = (self.path.join("words.new"), self.path.join("words"));
        fs::write(&new, &words).and_then(|()| fs::rename(&new, &path)).inspect_err(|_| {
            let _ = fs::remove_file(&new);
        })?;
        self.words = words;
        Ok(())
    }
}

impl Drop for RuntimeDirectory {
    fn drop(&mut self) {
        // The lock file stays: another supervisor may have it open already.
        let _ = fs::remove_dir_all(self.path.join("notify"));
        let _ = super::ayl::clear(&self.preload());
    }
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> RuntimeError {
    move |source| RuntimeError::Io { path: path.to_owned(), source }
}

/// Makes the runtime directory with this mode if it is missing, and makes sure that nobody
/// but the user `uid`, this process's own, can put anything there. Returns whether it was missing.
pub fn make_directory(path: &Path, mode: u32, uid: u32) -> Result<bool, RuntimeError> {
    // Not recursive: a missing parent is a slip in the configuration.
    let missing = match DirBuilder::new().mode(mode).create(path) {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
        Err(error) => return Err(io_error(path)(error)),
    };
    let found = path.symlink_metadata().map_err(io_error(path))?;
    let mode = found.mode() & 0o7777;
    if found.is_dir() && found.uid() == uid && mode & 0o022 == 0 {
        return Ok(missing);
    }
    Err(RuntimeError::NotOurs { path: path.to_owned(), uid: found.uid(), mode, ours: uid })
}

/// Takes the lock. A child of a supervisor that was killed has it as well until it has come to its program,
/// or to its end: for as long as `wait` says so, that is waited for.
fn lock(directory: &Path, mut wait: impl FnMut() -> bool) -> Result<File, RuntimeError> {
    let path = directory.join("lock");
    let io = io_error(&path);
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o644)
        .custom_flags(libc::O_NOFOLLOW)
        .open(&path)
        .map_err(&io)?;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let _ = file.rewind().and_then(|()| (&mut file).take(32).read_to_string(&mut text));
                let pid = text.trim().parse().ok();
                let lives = pid.is_none_or(|pid: u32| Path::new(&format!("/proc/{pid}")).exists());
                if lives || !wait() {
                    return Err(RuntimeError::Held { path: directory.to_owned(), pid });
                }
            }
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
    }
    file.set_len(0).and_then(|()| file.rewind()).map_err(&io)?;
    // Only for the text of `Held`: a full disk is no reason not to run.
    let _ = writeln!(file, "{}", std::process::id());
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use tempfile::TempDir;

    use super::*;

    fn uid(dir: &TempDir) -> u32 {
        dir.path().metadata().unwrap().uid()
    }

    fn error(path: &Path, uid: u32) -> String {
        RuntimeDirectory::take(path, uid).unwrap_err().to_string()
    }

    #[test]
    fn the_second_is_told_who_has_it() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("run");
        let held = RuntimeDirectory::take(&path, uid(&dir)).unwrap();
        assert_eq!(
            error(&path, uid(&dir)),
            format!("a supervisor is already running on {}: process {}", path.display(), std::process::id())
        );
        drop(held);
        RuntimeDirectory::take(&path, uid(&dir)).unwrap();
    }

    #[test]
    fn what_a_killed_supervisor_has_left_is_waited_for() {
        let dir = TempDir::new().unwrap();
        // Linux has no number as high.
        let gone = 5_000_000;
        let left = || {
            let mut file = lock(dir.path(), || false).unwrap();
            file.set_len(0).and_then(|()| file.rewind()).unwrap();
            write!(file, "{gone}").unwrap();
            Some(file)
        };
        let mut child = left();
        lock(dir.path(), || child.take().is_some()).unwrap();
        let _child = left();
        let held = lock(dir.path(), || false).unwrap_err();
        assert!(matches!(held, RuntimeError::Held { pid: Some(pid), .. } if pid == gone), "{held}");
    }

    #[test]
    fn a_directory_others_can_write_to_is_refused() {
        let dir = TempDir::new().unwrap();
        let uid = uid(&dir);
        let path = dir.path().join("run");
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o777)).unwrap();
        assert_eq!(
            error(&path, uid),
            format!(
                "the runtime directory {} belongs to user {uid} with mode 777: it has to be a directory of user {uid} \
                 that nobody else can write to; remove it, or set ABAQIS_RUNTIME_DIR",
                path.display()
            )
        );
        let link = dir.path().join("link");
        symlink(dir.path(), &link).unwrap();
        assert!(error(&link, uid).contains("it has to be a directory"));
        assert!(error(&dir.path().join("x".repeat(80)), uid).contains("at most 78"));
    }

    #[test]
    fn what_an_operator_stopped_outlives_the_supervisor() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("run");
        let mut held = RuntimeDirectory::take(&path, uid(&dir)).unwrap();
        assert_eq!(held.words(), "");
        held.remember("stop a".into()).unwrap();
        drop(held);
        assert_eq!(RuntimeDirectory::take(&path, uid(&dir)).unwrap().words(), "stop a");
    }

    #[test]
    fn what_could_not_be_written_is_tried_again() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("run");
        let mut held = RuntimeDirectory::take(&path, uid(&dir)).unwrap();
        fs::create_dir(path.join("words.new")).unwrap();
        assert!(held.remember("stop a".into()).is_err());
        fs::remove_dir(path.join("words.new")).unwrap();
        held.remember("stop a".into()).unwrap();
        assert_eq!(fs::read_to_string(path.join("words")).unwrap(), "stop a");
    }
}
