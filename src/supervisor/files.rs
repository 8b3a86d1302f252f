//! Reads files that others may have written, without being led astray.
//!
//! As root the supervisor can read everything, so whoever can choose what it reads
//! could see it, and whoever can change what it obeys could become root:
//!
//! | file | as root it is read only if |
//! |---|---|
//! | configuration | nobody but root can change it or any directory on the way |
//! | an application's | its user could read it too, or nobody but root can change the way |
//! | an environment's | the same, and nobody but root and its user can change it or any directory on the way |
//!
//! A symlink to `/etc/shadow` in an application's directory is refused by the second.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::process::plain;
use crate::watch::walk;

/// Why a file was not read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The system refused.
    #[error("{}: {}", path.display(), plain(source))]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A directory, a FIFO, a device.
    #[error("{}: not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// More than it may hold.
    #[error("{}: larger than {cap} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most bytes that are read of such a file.
        cap: u64,
    },
    /// Not UTF-8.
    #[error("{}: not UTF-8 text", .0.display())]
    NotText(PathBuf),
    /// Somebody else could change what root obeys.
    #[error("{}: user {uid} could change it; it has to belong to root and be writable by root alone", path.display())]
    Untrusted {
        /// The file or directory that another can change.
        path: PathBuf,
        /// Who owns it.
        uid: u32,
    },
    /// Somebody else could choose with what environment a daemon runs, and so what it runs.
    #[error("{}: others than user {theirs} could change it; it has to belong to that user or root and be writable by its owner alone", path.display())]
    OpenToOthers {
        /// The file or directory that another can change.
        path: PathBuf,
        /// The user of the daemon.
        theirs: u32,
    },
    /// The application's user cannot read it.
    #[error("{}: not readable by the application's user, and another than root could have put it there", .0.display())]
    NotTheirs(PathBuf),
}

impl ReadError {
    /// Whether there simply is no such file.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// Who a file is read for.
#[derive(Debug, Clone, Copy)]
pub enum For {
    /// The supervisor, which does what it says.
    Supervisor,
    /// An application, which runs as this user and group.
    Application {
        /// The user.
        uid: u32,
        /// Its group.
        gid: u32,
    },
    /// A daemon, whose environment it becomes, and which runs as this user and group.
    Environment {
        /// The user.
        uid: u32,
        /// Its group.
        gid: u32,
    },
}

/// Reads a text of at most `cap` bytes. `root`: whether this process is root's.
pub fn read_text(path: &Path, cap: u64, reader: For, root: bool) -> Result<String, ReadError> {
    let bytes = read_bytes(path, cap, reader, root)?;
    String::from_utf8(bytes).map_err(|_| ReadError::NotText(path.to_owned()))
}

/// The same of any bytes.
pub fn read_bytes(path: &Path, cap: u64, reader: For, root: bool) -> Result<Vec<u8>, ReadError> {
    let io = |source| ReadError::Io { path: path.to_owned(), source };
    // Not to hang at a FIFO.
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path).map_err(io)?;
    let found = file.metadata().map_err(io)?;
    if !found.is_file() {
        return Err(ReadError::NotAFile(path.to_owned()));
    }
    if root {
        allowed(path, &found, reader)?;
    }
    // What is kept of it is kept for long: no more room than it takes.
    let size = usize::try_from(found.len().min(cap)).unwrap_or_default();
    let mut bytes = Vec::with_capacity(size);
    file.take(cap + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > cap {
        return Err(ReadError::TooLarge { path: path.to_owned(), cap });
    }
    Ok(bytes)
}

fn allowed(path: &Path, found: &Metadata, reader: For) -> Result<(), ReadError> {
    match reader {
        For::Supervisor => only_root_can_change(path, found),
        For::Application { uid, gid } => readable(path, found, uid, gid),
        For::Environment { uid, gid } => {
            readable(path, found, uid, gid)?;
            match changed_by_others(path, found, uid) {
                Some((path, _)) => Err(ReadError::OpenToOthers { path, theirs: uid }),
                None => Ok(()),
            }
        }
    }
}

fn readable(path: &Path, found: &Metadata, uid: u32, gid: u32) -> Result<(), ReadError> {
    let mode = found.mode();
    let theirs = found.uid() == uid || mode & 0o004 != 0 || (found.gid() == gid && mode & 0o040 != 0);
    if theirs || only_root_can_change(path, found).is_ok() {
        Ok(())
    } else {
        Err(ReadError::NotTheirs(path.to_owned()))
    }
}

/// Whether, for root, a program is one that root alone can change.
pub fn check_program(path: &Path, found: &Metadata) -> Result<(), ReadError> {
    only_root_can_change(path, found)
}

fn only_root_can_change(path: &Path, opened: &Metadata) -> Result<(), ReadError> {
    match changed_by_others(path, opened, 0) {
        Some((path, uid)) => Err(ReadError::Untrusted { path, uid }),
        None => Ok(()),
    }
}

/// The file or directory on the way that others than root and the user `uid` can change, and whose
/// it is.
fn changed_by_others(path: &Path, opened: &Metadata, uid: u32) -> Option<(PathBuf, u32)> {
    for step in walk(path).steps {
        if let Some(found) = step.found
            && !is_theirs_alone(&found, uid)
        {
            return Some((step.directory.join(&step.name), found.uid()));
        }
    }
    // What was opened may be another file than the one the path leads to by now.
    (!is_theirs_alone(opened, uid)).then(|| (path.to_owned(), opened.uid()))
}

/// Root's or the user's, and nobody else may change it. In a directory with the sticky bit others
/// may add entries, but those are not theirs.
fn is_theirs_alone(found: &Metadata, uid: u32) -> bool {
    let writable = !found.file_type().is_symlink() && found.mode() & 0o022 != 0;
    let sticky = found.is_dir() && found.mode() & 0o1000 != 0;
    (found.uid() == 0 || found.uid() == uid) && (!writable || sticky)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use tempfile::TempDir;

    use super::*;

    fn error(path: &Path, cap: u64) -> String {
        read_text(path, cap, For::Supervisor, false).unwrap_err().to_string()
    }

    #[test]
    fn what_is_read_is_a_text_file_of_limited_size() {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("VERSION");
        let at = file.display();
        assert_eq!(error(&file, 10), format!("{at}: No such file or directory"));
        fs::write(&file, "4.2.0\n").unwrap();
        assert_eq!(read_text(&file, 6, For::Supervisor, false).unwrap(), "4.2.0\n");
        assert_eq!(error(&file, 5), format!("{at}: larger than 5 bytes"));
        fs::write(&file, b"\xff").unwrap();
        assert_eq!(error(&file, 5), format!("{at}: not UTF-8 text"));
        assert_eq!(error(dir.path(), 5), format!("{}: not a regular file", dir.path().display()));
    }

    fn is_root() -> bool {
        fs::metadata("/proc/self").is_ok_and(|found| found.uid() == 0)
    }

    #[test]
    fn root_obeys_only_what_root_alone_can_change() {
        if !is_root() {
            return;
        }
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("daemons.yml");
        fs::write(&file, "x").unwrap();
        let read = || read_text(&file, 10, For::Supervisor, true).map_err(|error| error.to_string());
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        assert_eq!(read().unwrap(), "x");
        let refused = |path: &Path, uid| {
            let rule = "it has to belong to root and be writable by root alone";
            Err(format!("{}: user {uid} could change it; {rule}", path.display()))
        };
        fs::set_permissions(&file, Permissions::from_mode(0o664)).unwrap();
        assert_eq!(read(), refused(&file, 0));
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        chown(dir.path(), Some(65534), None).unwrap();
        assert_eq!(read(), refused(dir.path(), 65534));
    }

    #[test]
    fn root_reads_for_an_application_only_what_its_user_could() {
        if !is_root() {
            return;
        }
        let dir = TempDir::new().unwrap();
        let theirs = dir.path().join("current");
        fs::create_dir(&theirs).unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        chown(&theirs, Some(65534), Some(65534)).unwrap();
        let secret = dir.path().join("secret");
        fs::write(&secret, "s").unwrap();
        fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
        symlink(&secret, theirs.join("VERSION")).unwrap();
        let nobody = For::Application { uid: 65534, gid: 65534 };
        let read = |path: &Path| read_text(path, 10, nobody, true).map_err(|error| error.to_string());
        assert_eq!(
            read(&theirs.join("VERSION")),
            Err(format!(
                "{}: not readable by the application's user, and another than root could have put it there",
                theirs.join("VERSION").display()
            ))
        );
        assert_eq!(read(&secret).unwrap(), "s", "root chose the path");
        fs::write(theirs.join("env"), "e").unwrap();
        assert_eq!(read(&theirs.join("env")).unwrap(), "e");
    }

    #[test]
    fn an_environment_is_taken_from_what_root_and_its_user_alone_can_change() {
        if !is_root() {
            return;
        }
        let dir = TempDir::new().unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        let (theirs, another) = (65534, 65533);
        let file = dir.path().join("env");
        fs::write(&file, "e").unwrap();
        let read = || {
            let reader = For::Environment { uid: theirs, gid: theirs };
            read_text(&file, 10, reader, true).map_err(|error| error.to_string())
        };
        let refused = |path: &Path| {
            let rule = "it has to belong to that user or root and be writable by its owner alone";
            Err(format!("{}: others than user {theirs} could change it; {rule}", path.display()))
        };
        for (owner, mode, may) in [
            (0, 0o644, true),
            (theirs, 0o600, true),
            (theirs, 0o664, false),
            (0, 0o646, false),
            (another, 0o644, false),
        ] {
            chown(&file, Some(owner), None).unwrap();
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            assert_eq!(read(), if may { Ok("e".to_owned()) } else { refused(&file) }, "{owner} {mode:o}");
        }
        chown(&file, Some(theirs), None).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        chown(dir.path(), Some(another), None).unwrap();
        assert_eq!(read(), refused(dir.path()));
        chown(dir.path(), Some(theirs), None).unwrap();
        assert_eq!(read().unwrap(), "e");
        fs::set_permissions(dir.path(), Permissions::from_mode(0o777)).unwrap();
        assert_eq!(read(), refused(dir.path()));
        // A link of another's that leads to a good file.
        fs::set_permissions(dir.path(), Permissions::from_mode(0o1777)).unwrap();
        assert_eq!(read().unwrap(), "e", "nobody else can rename it");
        fs::rename(&file, dir.path().join("good")).unwrap();
        symlink(dir.path().join("good"), &file).unwrap();
        std::os::unix::fs::lchown(&file, Some(another), None).unwrap();
        assert_eq!(read(), refused(&file));
    }
}
