//! The file with the process's number, for scripts that were made for the old worker.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// It is removed with the value, unless it is another's by then.
pub(super) struct PidFile(PathBuf);

impl PidFile {
    /// Writes it. A link is not followed: in a folder that others may write to it may lead to any
    /// file of this user's.
    pub(super) fn write(path: &Path) -> io::Result<Self> {
        let mut options = File::options();
        options.write(true).create(true).truncate(true).custom_flags(libc::O_NOFOLLOW);
        let mut file = options.open(path).map_err(|error| match error.raw_os_error() {
            Some(libc::ELOOP) => io::Error::other("it is a symbolic link, which is not followed"),
            _ => error,
        })?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let own = std::process::id().to_string();
        if fs::read_to_string(&self.0).is_ok_and(|text| text.trim_end() == own) {
            let _ = fs::remove_file(&self.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn it_holds_the_number_and_goes_with_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("worker.pid");
        fs::write(&path, "4294967295\nof another\n").unwrap();
        let file = PidFile::write(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn that_of_a_process_which_came_later_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("worker.pid");
        let file = PidFile::write(&path).unwrap();
        fs::write(&path, "1\n").unwrap();
        drop(file);
        assert_eq!(fs::read_to_string(&path).unwrap(), "1\n");
    }

    #[test]
    fn a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, mine) = (folder.path().join("worker.pid"), folder.path().join("mine"));
        fs::write(&mine, "precious").unwrap();
        symlink(&mine, &path).unwrap();
        let error = PidFile::write(&path).err().unwrap();
        assert_eq!(error.to_string(), "it is a symbolic link, which is not followed");
        assert_eq!(fs::read_to_string(&mine).unwrap(), "precious");
    }
}
