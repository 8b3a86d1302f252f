//! What this host remembers when the queue has forgotten: the past of each entry.
//!
//! A JSON object of entries, replaced as a whole by a rename. It is never needed, only
//! better to have: a file that cannot be read or written is said once and done without.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::names::EntryName;
use crate::schedule::Past;

/// Larger than any that was written.
const MAX_BYTES: u64 = 16 << 20;

/// The pasts of the entries, on disk too where there is a file.
#[derive(Debug, Default)]
pub(super) struct Memory {
    path: Option<PathBuf>,
    pasts: BTreeMap<EntryName, Past>,
    /// Whether the last write failed.
    failed: bool,
}

impl Memory {
    /// What is remembered in the file at `path`; with why it is not, where it is not.
    pub(super) fn recall(path: Option<PathBuf>) -> (Self, Option<String>) {
        let (pasts, trouble) = match path.as_deref().map(read) {
            None => (BTreeMap::new(), None),
            Some(Ok(pasts)) => (pasts, None),
            Some(Err(error)) if error.kind() == io::ErrorKind::NotFound => (BTreeMap::new(), None),
            Some(Err(error)) => (BTreeMap::new(), Some(error.to_string())),
        };
        (Self { path, pasts, failed: false }, trouble)
    }

    /// The past of an entry.
    pub(super) fn of(&self, entry: &EntryName) -> Option<&Past> {
        self.pasts.get(entry)
    }

    /// Remembers a past, unless a later one is known. Returns why it could not be written
    /// down, the first time.
    pub(super) fn remember(&mut self, entry: &EntryName, past: &Past) -> Option<String> {
        let later = past.clone().or_later(self.pasts.get(entry));
        if self.pasts.get(entry) == Some(&later) {
            return None;
        }
        self.pasts.insert(entry.clone(), later);
        let error = self.write().err();
        let first = error.is_some() && !self.failed;
        self.failed = error.is_some();
        error.filter(|_| first).map(|error| error.to_string())
    }

    fn write(&self) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let text = serde_json::to_vec(&self.pasts)?;
        let new = path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(&text)?;
        // Or a power cut could leave an empty file under the name.
        file.sync_data()?;
        fs::rename(new, path)
    }
}

/// What the file at `path` remembers.
///
/// # Errors
/// It cannot be read, or is none.
pub fn read(path: &Path) -> io::Result<BTreeMap<EntryName, Past>> {
    use std::io::Read;
    let mut text = Vec::new();
    File::open(path)?.take(MAX_BYTES).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn past(last: &str) -> Past {
        let last: Timestamp = last.parse().unwrap();
        Past { last, rule: "every 1h".to_owned(), put: vec![last], job: None }
    }

    #[test]
    fn what_was_remembered_is_known_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        let name: EntryName = "census".parse().unwrap();
        let (mut memory, trouble) = Memory::recall(Some(path.clone()));
        assert_eq!((memory.of(&name), trouble), (None, None));
        assert_eq!(memory.remember(&name, &past("2026-01-01T03:00:00Z")), None);
        // Nobody goes back.
        assert_eq!(memory.remember(&name, &past("2026-01-01T02:00:00Z")), None);
        let (memory, trouble) = Memory::recall(Some(path.clone()));
        assert_eq!(trouble, None);
        assert_eq!(memory.of(&name).unwrap().last, "2026-01-01T03:00:00Z".parse().unwrap());
        assert_eq!(memory.of(&name).unwrap().put.len(), 2);
        fs::write(&path, "{").unwrap();
        assert!(Memory::recall(Some(path)).1.is_some());
    }

    #[test]
    fn what_cannot_be_written_is_said_once_and_kept_in_mind() {
        let (mut memory, _) = Memory::recall(Some("/nowhere/at/all".into()));
        let name: EntryName = "census".parse().unwrap();
        let said = memory.remember(&name, &past("2026-01-01T03:00:00Z")).unwrap();
        assert_eq!(said, "No such file or directory (os error 2)");
        assert_eq!(memory.remember(&name, &past("2026-01-01T04:00:00Z")), None);
        assert!(memory.of(&name).is_some());
    }
}
