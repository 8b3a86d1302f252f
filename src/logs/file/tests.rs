//! Log files as they are on the disk, and a disk that is stuck.

use std::os::unix::fs::{PermissionsExt, symlink};

use tempfile::TempDir;

use super::*;

/// A folder, and a log of its owner's in it.
fn log(max_size: u64, keep: u32) -> (TempDir, LogFile) {
    let folder = TempDir::new().unwrap();
    // Below /tmp, where everybody may write: so it is made the user's.
    let owner = (users::own_uid() == 0).then_some((61_007, 61_007));
    if let Some((uid, gid)) = owner {
        std::os::unix::fs::chown(folder.path(), Some(uid), Some(gid)).unwrap();
    }
    let log = FileLog { path: folder.path().join("a.log"), max_size, keep, owner };
    (folder, LogFile::new("a/b/1".into(), log))
}

fn text(folder: &TempDir, name: &str) -> String {
    fs::read_to_string(folder.path().join(name)).unwrap_or_else(|error| error.kind().to_string())
}

#[test]
fn files_are_rotated_between_lines() {
    let (folder, mut file) = log(10, 2);
    for n in 0..6 {
        file.write(format!("line{n}\n").as_bytes());
    }
    file.write(b"a very long line\nshort\n");
    assert_eq!(text(&folder, "a.log"), "short\n");
    assert_eq!(text(&folder, "a.log.1"), "a very long line\n");
    assert_eq!(text(&folder, "a.log.2"), "line5\n");
    assert_eq!(text(&folder, "a.log.3"), "entity not found");
    assert_eq!(file.lost, 0);
}

#[test]
fn none_is_kept_if_none_is_wanted() {
    let (folder, mut file) = log(6, 0);
    file.write(b"one\ntwo\nthree\n");
    assert_eq!(text(&folder, "a.log"), "three\n");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn it_goes_on_where_it_was_and_after_it_was_renamed() {
    let (folder, mut file) = log(1000, 2);
    fs::write(folder.path().join("a.log"), "before\n").unwrap();
    fs::set_permissions(folder.path().join("a.log"), fs::Permissions::from_mode(0o666)).unwrap();
    file.write(b"one\n");
    fs::rename(folder.path().join("a.log"), folder.path().join("old")).unwrap();
    file.file = None;
    file.write(b"two\n");
    assert_eq!((text(&folder, "old"), text(&folder, "a.log")), ("before\none\n".into(), "two\n".into()));
}

#[test]
fn what_could_not_be_written_is_counted() {
    let (folder, mut file) = log(1000, 2);
    let gone = folder.path().join("elsewhere");
    symlink("/etc/passwd", folder.path().join("a.log")).unwrap();
    file.write(b"one\ntwo\n");
    file.write(b"three\n");
    assert_eq!(file.lost, 3);
    fs::rename(folder.path().join("a.log"), gone).unwrap();
    file.write(b"four\n");
    assert_eq!(text(&folder, "a.log"), "[3 lines dropped]\nfour\n");
}

#[test]
fn a_disk_that_is_stuck_keeps_nobody_waiting_and_nothing_is_out_of_order_after_it() {
    let (queue, work) = sync_channel(2);
    let mut files = Files { queue, backlog: VecDeque::new(), waiting: HashMap::new() };
    let (folder, log) = log(1000, 2);
    for token in 0..5 {
        files.add(token, &log.name, &log.log);
    }
    files.end(0);
    files.reopen();
    assert_eq!(files.write(4, b"dropped\n".to_vec()), Err(b"dropped\n".to_vec()));
    assert!(!files.flush(Duration::from_millis(5)));
    // The disk is back.
    thread::spawn(move || run(&work));
    assert!(files.flush(Duration::from_mins(1)));
    assert_eq!(files.write(4, b"written\n".to_vec()), Ok(()));
    assert_eq!(files.write(0, b"of one that ended\n".to_vec()), Ok(()));
    assert!(files.flush(Duration::from_mins(1)));
    assert_eq!(text(&folder, "a.log"), "written\n");
}

#[test]
fn a_folder_of_somebody_else_is_refused() {
    let (folder, mut file) = log(1000, 2);
    if users::own_uid() != 0 {
        return;
    }
    file.log.owner = Some((61_008, 61_008));
    std::os::unix::fs::chown(folder.path(), Some(61_009), None).unwrap();
    file.write(b"one\n");
    assert_eq!((file.lost, fs::read_dir(folder.path()).unwrap().count()), (1, 0));
    let error = open(&file.log).unwrap_err().to_string();
    assert!(error.ends_with("can be changed by others than root and the daemon's user"), "{error}");
}
