//! The file of a timetable, read from the disk.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::cli::exit::{Error, Exit};
use crate::config::SourceFile;
use crate::config::yaml::MAX_BYTES;
use crate::schedule::timetable::{Timetable, load};

/// The timetable at `path`, in the time zones of this host.
pub(super) fn read(path: &Path) -> Result<Timetable, Error> {
    let text = bytes(path).map_err(|error| {
        let exit = match error.kind() {
            io::ErrorKind::PermissionDenied => Exit::NotPermitted,
            _ => Exit::NoInput,
        };
        Error::new(exit, format!("{}: {error}", path.display()))
    })?;
    load(&SourceFile::new(path, text), jiff::tz::db())
        .map_err(|problems| Error::new(Exit::Configuration, problems.to_string()))
}

/// The file's bytes, one more than is allowed at most: then it is known to be too large.
fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
