//! Files that are rotated, refused, full.

use std::os::unix::fs::{PermissionsExt, symlink};

use tempfile::TempDir;

use super::*;

/// A folder, and a log of its owner's in it.
pub(in crate::logs) fn log(max_size: u64, keep: u32) -> (TempDir, FileLog) {
    let folder = TempDir::new().unwrap();
    // Below /tmp, where everybody may write: so it is made the user's.
    let owner = (users::own_uid() == 0).then_some((61_007, 61_007));
    if let Some((uid, gid)) = owner {
        std::os::unix::fs::chown(folder.path(), Some(uid), Some(gid)).unwrap();
    }
    let log = FileLog { path: folder.path().join("a.log"), max_size, keep, owner };
    (folder, log)
}

/// The same, as it is written.
fn file(max_size: u64, keep: u32) -> (TempDir, LogFile) {
    let (folder, log) = log(max_size, keep);
    (folder, LogFile::new("a/b/1".into(), log))
}

fn said(file: &LogFile) -> String {
    String::from_utf8(file.missed.note(false).unwrap_or_default()).unwrap()
}

pub(in crate::logs) fn text(folder: &TempDir, name: &str) -> String {
    fs::read_to_string(folder.path().join(name)).unwrap_or_else(|error| error.kind().to_string())
}

#[test]
fn files_are_rotated_between_lines() {
    let (folder, mut file) = file(10, 2);
    for n in 0..6 {
        file.write(format!("line{n}\n").as_bytes());
    }
    file.write(b"a very long line\nshort\n");
    assert_eq!(text(&folder, "a.log"), "short\n");
    assert_eq!(text(&folder, "a.log.1"), "a very long line\n");
    assert_eq!(text(&folder, "a.log.2"), "line5\n");
    assert_eq!(text(&folder, "a.log.3"), "entity not found");
    assert!(file.missed.is_nothing());
}

#[test]
fn none_is_kept_if_none_is_wanted() {
    let (folder, mut file) = file(6, 0);
    file.write(b"one\ntwo\nthree\n");
    assert_eq!(text(&folder, "a.log"), "three\n");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn it_goes_on_where_it_was_and_after_it_was_renamed() {
    let (folder, mut file) = file(1000, 2);
    fs::write(folder.path().join("a.log"), "before\n").unwrap();
    fs::set_permissions(folder.path().join("a.log"), fs::Permissions::from_mode(0o666)).unwrap();
    file.write(b"one\n");
    fs::rename(folder.path().join("a.log"), folder.path().join("old")).unwrap();
    file.reopen();
    file.write(b"two\n");
    assert_eq!((text(&folder, "old"), text(&folder, "a.log")), ("before\none\n".into(), "two\n".into()));
}

#[test]
fn what_could_not_be_written_is_counted() {
    let (folder, mut file) = file(1000, 2);
    let gone = folder.path().join("elsewhere");
    symlink("/etc/passwd", folder.path().join("a.log")).unwrap();
    file.write(b"one\ntwo\n");
    file.write(b"three\n");
    assert_eq!(said(&file), "[3 lines dropped]\n");
    fs::rename(folder.path().join("a.log"), gone).unwrap();
    file.write(b"four\n");
    assert_eq!(text(&folder, "a.log"), "[3 lines dropped]\nfour\n");
}

#[test]
fn a_folder_of_somebody_else_is_refused() {
    let (folder, mut file) = file(1000, 2);
    if users::own_uid() != 0 {
        return;
    }
    file.log.owner = Some((61_008, 61_008));
    std::os::unix::fs::chown(folder.path(), Some(61_009), None).unwrap();
    file.write(b"one\n");
    assert_eq!(
        (said(&file).as_str(), fs::read_dir(folder.path()).unwrap().count()),
        ("[1 line dropped]\n", 0)
    );
    let error = open(&file.log).unwrap_err().to_string();
    assert!(error.ends_with("can be changed by others than root and the daemon's user"), "{error}");
}
