//! The file of a timetable, read from the disk.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::config::yaml::MAX_BYTES;
use crate::config::{Problems, SourceFile};
use crate::schedule::timetable::{Fault, Timetable, load};

/// Why there is no timetable.
#[derive(Debug, Error)]
pub enum ReadError {
    /// It cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not valid: everything that is wrong, with its place.
    #[error(transparent)]
    Invalid(#[from] Problems<Fault>),
}

/// The timetable at `path`, in the time zones of this host.
///
/// # Errors
/// [`ReadError`]
pub fn read(path: &Path) -> Result<Timetable, ReadError> {
    let text = bytes(path).map_err(|source| ReadError::Io { path: path.to_owned(), source })?;
    Ok(load(&SourceFile::new(path, text), jiff::tz::db())?)
}

/// The file's bytes, one more than is allowed at most: then it is known to be too large.
fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
