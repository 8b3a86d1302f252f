//! A disk that hangs.

use std::io::Write;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::logs::copier::tests::idle;
use crate::logs::file::tests::log;
use crate::process::output_pipe;

/// Until something is so. There is no other sign of a pipe that somebody has read.
fn until(mut is: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_mins(1);
    while !is() {
        assert!(Instant::now() < end, "it never is");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn while_a_disk_hangs_pipes_are_read_all_the_same_and_it_is_told_how_much_is_missing() {
    let (folder, to): (TempDir, FileLog) = log(1 << 20, 1);
    let (mut copier, path) = (None, to.path.clone());
    let mut capture = Capture::with(|poller| {
        let (files, its) = idle(poller);
        copier = Some(its);
        Some(files)
    })
    .unwrap();
    let (reader, writer) = output_pipe(None).unwrap();
    capture.add("a/b/1", &Destination::File(Box::new(to)), reader);
    let mut writer = File::from(writer);
    // More than the pipe holds, and nobody who copies it.
    for _ in 0..10_000 {
        writer.write_all(b"hello to a disk that hangs\n").unwrap();
    }
    let thread = thread::spawn(|| copier.unwrap().run());
    until(|| {
        // It is back: a line that is written now is copied.
        writer.write_all(b"back\n").unwrap();
        std::fs::read_to_string(&path).is_ok_and(|text| text.ends_with("back\n"))
    });
    drop(writer);
    capture.finish(Duration::from_mins(1));
    thread.join().unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    let counted = |line: &str| line.strip_prefix('[')?.split_once(' ')?.0.parse::<usize>().ok();
    let dropped: usize = text.lines().filter_map(counted).sum();
    assert!(dropped > 5000, "{dropped}");
    assert!(dropped + text.lines().count() > 10_000, "each is there or counted");
    drop(folder);
}

#[test]
fn pipes_are_not_let_go_of_while_a_disk_hangs_and_are_read_on() {
    let (folder, to): (TempDir, FileLog) = log(1 << 20, 1);
    let (mut copier, path) = (None, to.path.clone());
    let mut capture = Capture::with(|poller| {
        let (files, its) = idle(poller);
        copier = Some(its);
        Some(files)
    })
    .unwrap();
    let (reader, writer) = output_pipe(None).unwrap();
    capture.add("a/b/1", &Destination::File(Box::new(to)), reader);
    let mut writer = File::from(writer);
    writer.write_all(b"one\n").unwrap();
    assert!(capture.hand_over(Vec::new()).blocking_recv().is_err(), "it cannot be written");
    let thread = thread::spawn(|| copier.unwrap().run());
    until(|| {
        writer.write_all(b"back\n").unwrap();
        std::fs::read_to_string(&path).is_ok_and(|text| text.ends_with("back\n"))
    });
    let mut handed = capture.hand_over(Vec::new()).blocking_recv().unwrap();
    thread.join().unwrap();
    writer.write_all(b"for the next\n").unwrap();
    let mut left = [0; 64];
    let n = File::from(handed.remove(0).reader).read(&mut left).unwrap();
    assert!(left[..n].ends_with(b"back\nfor the next\n") || &left[..n] == b"for the next\n", "{left:?}");
    drop(folder);
}
