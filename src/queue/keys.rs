//! Reading a key file; what it holds is [`KeySet`]'s.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::ayl::{AccessError, KeyError, KeySet, check_access};

/// The longest key file, in bytes.
const LONGEST: u64 = 1 << 20;

/// Why a key file cannot be used.
#[derive(Debug, Error)]
pub enum KeyFileError {
    /// It cannot be read.
    #[error("the key file {path} cannot be read: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It belongs to the wrong user, or others have a right to it.
    #[error("the key file {path} is refused: {source}")]
    Access {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: AccessError,
    },
    /// A line of it is wrong.
    #[error("the key file {path}, {source}")]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, and why.
        source: KeyError,
    },
}

/// The keys of the file at `path`, which may belong to root or to this process's user only.
pub fn read_keys(path: &Path) -> Result<KeySet, KeyFileError> {
    let failed = |source| KeyFileError::Io { path: path.to_owned(), source };
    // What is checked is what is read: the open file, whatever its name means by then.
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() || metadata.len() > LONGEST {
        return Err(failed(io::Error::other("it is not a file of at most 1 MiB")));
    }
    check_access(metadata.uid(), metadata.mode(), nix::unistd::geteuid().as_raw())
        .map_err(|source| KeyFileError::Access { path: path.to_owned(), source })?;
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).map_err(failed)?;
    KeySet::parse(&text).map_err(|source| KeyFileError::Line { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_file_is_read_only_where_nobody_else_can() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let said = |path: &Path| {
            read_keys(path).unwrap_err().to_string().replace(&folder.path().display().to_string(), "")
        };
        assert!(said(&path).starts_with("the key file /keys cannot be read: No such file"));
        fs::write(&path, format!("k sign {}\n", "ab".repeat(32))).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(
            said(&path),
            "the key file /keys is refused: its mode is 0640, expected 0600 or 0400: others could use the keys"
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(read_keys(&path).unwrap().signing().unwrap().0, "k");
        fs::write(&path, "k sign 00").unwrap();
        assert_eq!(said(&path), "the key file /keys, line 1: the key is 1 bytes long, at least 32");
        assert_eq!(said(folder.path()), "the key file  cannot be read: it is not a file of at most 1 MiB");
    }
}
