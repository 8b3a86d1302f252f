//! What daemons write, on its way to files and to the terminal.

use std::fs;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::chown;
use std::path::Path;

use abaqis_daemons::logs::{Destination, FileLog, JournalStreams, Logs};
use abaqis_daemons::process::{Exit, Output, spawn};
use tempfile::TempDir;

use crate::kit::{command, end, started, until};

/// A user of no other test.
const SOMEBODY: (u32, u32) = (61_021, 61_021);

fn file_log(folder: &TempDir, max_size: u64) -> Destination {
    let _ = chown(folder.path(), Some(SOMEBODY.0), Some(SOMEBODY.1));
    let path = folder.path().join("a.log");
    Destination::File(Box::new(FileLog { path, max_size, keep: 1, owner: Some(SOMEBODY) }))
}

/// Runs it to its end with that output.
fn run(logs: &mut Logs, to: &Destination, script: &str) {
    let output = logs.open("a/b/1", to).unwrap();
    let output = Output { stdout: output.as_fd(), stderr: output.as_fd() };
    let mut child = spawn(&command(&["sh", "-c", script]), output, None).unwrap();
    started(&mut child).unwrap();
    assert_eq!(end(&child), Exit::Code(0));
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn output_goes_to_a_file_over_restarts() {
    let folder = TempDir::new().unwrap();
    let (to, path) = (file_log(&folder, 1 << 20), folder.path().join("a.log"));
    let mut logs = Logs::new();
    run(&mut logs, &to, "echo one; echo two >&2");
    run(&mut logs, &to, "printf three");
    until("all is written", || (read(&path) == "one\ntwo\nthree").then_some(()));
    // Renamed by somebody else, and told so.
    fs::rename(&path, folder.path().join("old")).unwrap();
    logs.reopen();
    run(&mut logs, &to, "echo four");
    until("the new one is written", || (read(&path) == "four\n").then_some(()));
    logs.forget("a/b/1");
}

#[test]
fn once_the_journal_is_back_nothing_is_kept_of_what_stood_in_for_it() {
    let folder = TempDir::new().unwrap();
    let socket = folder.path().join("stdout");
    let mut logs = Logs::with_journal(JournalStreams::at(socket.clone()));
    let stand_in = logs.open("a/b/1", &Destination::Journal).unwrap();
    let _journal = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    drop(logs.open("a/b/1", &Destination::Journal).unwrap());
    // The pipe's end is only ours now: when it goes, the reader does, and lets go of the pipe.
    let link = fs::read_link(format!("/proc/self/fd/{}", stand_in.as_raw_fd())).unwrap();
    drop(stand_in);
    until("the pipe is closed", || {
        let open = fs::read_dir("/proc/self/fd").unwrap().flatten();
        (!open.filter_map(|fd| fs::read_link(fd.path()).ok()).any(|to| to == link)).then_some(())
    });
}

#[test]
fn no_line_of_a_flood_is_lost_without_being_counted() {
    const LINES: u64 = 400_000;
    let folder = TempDir::new().unwrap();
    let to = file_log(&folder, 1 << 40);
    let mut logs = Logs::new();
    run(&mut logs, &to, &format!("seq {LINES}"));
    let path = folder.path().join("a.log");
    let counted = |text: &str| -> u64 {
        let of = |line: &str| match line.strip_prefix('[').and_then(|rest| rest.split(' ').next()) {
            Some(dropped) => dropped.parse().unwrap(),
            // Counted with those that were dropped.
            None if line.ends_with(" [cut]") => 0,
            None => 1,
        };
        text.lines().map(of).sum()
    };
    logs.forget("a/b/1");
    until("every line is there or counted", || (counted(&read(&path)) == LINES).then_some(()));
}

#[test]
fn lines_for_the_terminal_can_be_followed() {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(16);
    let mut logs = Logs::new();
    logs.follow(Some(sender)).unwrap();
    run(&mut logs, &Destination::Terminal, "echo hello; printf 'no end'");
    for text in ["hello", "no end"] {
        let line = until("a line", || receiver.try_recv().ok());
        assert_eq!((&*line.instance, line.text.as_str()), ("a/b/1", text));
    }
}
