//! The wall clock that the programs of a site see: set back and forth by libfaketime, where that
//! is installed and root can give it a `/dev/shm` of its own. What they see of the monotonic
//! clock stays true, as it does where an operator or a time server sets the clock.

use std::fs;
use std::path::{Path, PathBuf};

use crate::site::replace;

/// A clock that can be set.
pub(crate) struct Clock {
    file: PathBuf,
    library: Option<PathBuf>,
}

impl Clock {
    /// One that is right, kept in a file of the site.
    pub(crate) fn new(site: &Path, root: bool) -> Self {
        let clock = Self { file: site.join("clock"), library: library().filter(|_| root) };
        clock.set(0);
        clock
    }

    /// What has a program see it.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let Some(library) = &self.library else { return Vec::new() };
        vec![
            ("LD_PRELOAD", library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("NO_FAKE_STAT", "1".to_owned()),
        ]
    }

    /// Whether it can be set at all.
    pub(crate) fn can_be_set(&self) -> bool {
        self.library.is_some()
    }

    /// Whether a process looks at it, if it can be set: every call that asks for the time goes by it then.
    pub(crate) fn is_of(&self, pid: i32) -> bool {
        let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
        self.library.is_none() || maps.contains("libfaketime")
    }

    /// From now on it is so many seconds fast, or slow.
    pub(crate) fn set(&self, seconds: i64) {
        replace(&self.file, &format!("{seconds:+}\n"));
    }
}

fn library() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files =
        folders.chain(["/usr/lib64".into()]).map(|folder| folder.join("faketime/libfaketime.so.1"));
    files.find(|file| file.exists())
}
