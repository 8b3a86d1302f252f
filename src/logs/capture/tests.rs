//! A disk that hangs.

#[path = "../../../tests/support/wait.rs"]
mod wait;

use std::io::Write;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use wait::until;

use super::*;
use crate::logs::copier::Copier;
use crate::logs::copier::tests::idle;
use crate::logs::file::tests::log;
use crate::process::output_pipe;

/// Output that is captured for the file of `log`, its pipe's other end, and what copies it once somebody has it
/// run: until then the disk hangs.
fn hanging(log: FileLog) -> (Capture, File, Copier) {
    let mut copier = None;
    let capture = Capture::with(|poller| {
        let (files, its) = idle(poller);
        copier = Some(its);
        Some(files)
    });
    let (mut capture, (reader, writer)) = (capture.unwrap(), output_pipe(None).unwrap());
    capture.add("a/b/1", &Destination::File(Box::new(log)), reader);
    (capture, writer.into(), copier.unwrap())
}

/// Has the disk go on, and writes until a line is copied.
fn go_on(copier: Copier, writer: &mut File, path: &Path) -> JoinHandle<()> {
    let thread = thread::spawn(|| copier.run());
    until("a line is copied", || {
        writer.write_all(b"back\n").unwrap();
        std::fs::read_to_string(path).is_ok_and(|text| text.ends_with("back\n")).then_some(())
    });
    thread
}

#[test]
fn while_a_disk_hangs_pipes_are_read_all_the_same_and_it_is_told_how_much_is_missing() {
    let (_folder, log) = log(1 << 20, 1);
    let path = log.path.clone();
    let (capture, mut writer, copier) = hanging(log);
    // More than the pipe holds, and nobody who copies it.
    for _ in 0..10_000 {
        writer.write_all(b"hello to a disk that hangs\n").unwrap();
    }
    let thread = go_on(copier, &mut writer, &path);
    drop(writer);
    capture.finish(Duration::from_mins(1));
    thread.join().unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    let counted = |line: &str| line.strip_prefix('[')?.split_once(' ')?.0.parse::<usize>().ok();
    let dropped: usize = text.lines().filter_map(counted).sum();
    assert!(dropped > 5000, "{dropped}");
    assert!(dropped + text.lines().count() > 10_000, "each is there or counted");
}

#[test]
fn pipes_are_not_let_go_of_while_a_disk_hangs_and_are_read_on() {
    let (_folder, log) = log(1 << 20, 1);
    let path = log.path.clone();
    let (mut capture, mut writer, copier) = hanging(log);
    writer.write_all(b"one\n").unwrap();
    assert!(capture.hand_over(Vec::new()).blocking_recv().is_err(), "it cannot be written");
    let thread = go_on(copier, &mut writer, &path);
    let mut handed = capture.hand_over(Vec::new()).blocking_recv().unwrap();
    thread.join().unwrap();
    writer.write_all(b"for the next\n").unwrap();
    let mut left = [0; 64];
    let n = File::from(handed.remove(0).reader).read(&mut left).unwrap();
    assert!(left[..n].ends_with(b"back\nfor the next\n") || &left[..n] == b"for the next\n", "{left:?}");
}
