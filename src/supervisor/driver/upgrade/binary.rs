//! The program that is to take over: whether it may be trusted, and whether it can.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tokio::sync::oneshot;

use super::Image;
use crate::process::memory::leave_message;
use crate::process::{Command, Output, output_pipe, plain};
use crate::supervisor::driver::helper::Helper;
use crate::supervisor::files::check_program;

/// What a program says that understands the state, before its version.
pub(super) const UNDERSTOOD: &str = "understands the state: ";

/// As much is told of what a program says that refuses, in bytes.
const WORDS: u64 = 4096;

/// Whether the program is there, can be run, and, for root, is root's alone.
pub(super) fn trusted(program: &Path, uid: u32) -> Result<(), String> {
    let at = program.display();
    let found = program.metadata().map_err(|error| format!("{at}: {}", plain(&error)))?;
    if !found.is_file() || found.permissions().mode() & 0o111 == 0 {
        return Err(format!("{at}: not a program that can be run"));
    }
    if uid == 0 { check_program(program, &found).map_err(|error| error.to_string()) } else { Ok(()) }
}

/// Runs the program once, to read the state. It answers with its version, or why not.
pub(super) fn check(
    image: &Image,
    state: &[u8],
) -> Result<oneshot::Receiver<Result<String, String>>, String> {
    let cannot = |error: &dyn std::fmt::Display| format!("cannot check {}: {error}", image.program.display());
    let message = leave_message(state).map_err(|error| cannot(&error))?;
    let (reader, writer) = output_pipe(None).map_err(|error| cannot(&error))?;
    // Whoever may trace this process may open its memory: itself, and root.
    let at = format!("/proc/{}/fd/{}", std::process::id(), message.as_raw_fd());
    let mut argv = image.arguments.clone();
    argv[0] = image.program.clone().into_os_string();
    argv.push(format!("--check-state={at}").into());
    let command = Command {
        env: std::env::vars_os().filter(|(name, _)| name != "NOTIFY_SOCKET").collect(),
        die_with_parent: true,
        ..Command::new(argv)
    };
    let output = Output { stdout: writer.as_fd(), stderr: writer.as_fd() };
    let helper = Helper::start(&command, output).map_err(|error| cannot(&error))?;
    let (mut answer, answered) = oneshot::channel();
    tokio::spawn(async move {
        // Both for as long as it runs: its memory, and the other end of its words.
        let _message = message;
        drop(writer);
        // Dropped, and so killed, when nobody waits any longer.
        let outcome = tokio::select! {
            outcome = outcome(helper, File::from(reader)) => outcome,
            () = answer.closed() => return,
        };
        let _ = answer.send(outcome);
    });
    Ok(answered)
}

/// What the program says that reads the state: its version, or why it cannot take over.
async fn outcome(helper: Helper, words: File) -> Result<String, String> {
    helper.ended().await.map_err(|error| format!("its self-check failed: {error}"))?;
    let mut text = Vec::new();
    let _ = words.take(WORDS).read_to_end(&mut text);
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    match text.strip_prefix(UNDERSTOOD) {
        Some(version) => Ok(version.to_owned()),
        None if text.is_empty() => Err("its self-check ended and said nothing".to_owned()),
        None => Err(format!("its self-check failed: {text}")),
    }
}
