//! The executor of `--runtime exec`: a command for each job, with the body on its
//! standard input, and its exit code for an answer.
//!
//! | the command | the answer |
//! |---|---|
//! | exits with 0 | `ok` |
//! | exits with 75 (`EX_TEMPFAIL`) | `decay`, after the message's delay |
//! | exits with 76 (`EX_PROTOCOL`) | `bury` |
//! | exits otherwise, is killed, or cannot be run | `error` |
//!
//! A job that is killed for its time takes its command with it: the command dies with
//! this process.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};

use serde_json::{Value, json};

use super::executor::{LIFELINE, SOCKET};
use super::frame::{self, PROTOCOL};
use crate::process::companion;

/// `EX_TEMPFAIL` of sysexits.
const TRY_AGAIN: i32 = 75;
/// `EX_PROTOCOL` of sysexits.
const BURY: i32 = 76;

/// Speaks the executor protocol on the socket it was started with, until it ends.
///
/// Returns the exit code: 70 (`EX_SOFTWARE`) when the other side does not keep to the
/// protocol.
pub fn exec_executor(command: &[String]) -> u8 {
    companion::keep_to_myself(LIFELINE);
    let served = companion::inherited_socket(SOCKET).and_then(|socket| serve(socket, command));
    u8::from(served.is_err()) * 70
}

fn serve(mut socket: UnixStream, command: &[String]) -> io::Result<()> {
    let mut inbox = Vec::new();
    loop {
        let Some(frame) = frame::decode::<Value>(&mut inbox).map_err(io::Error::other)? else {
            let mut bytes = [0; 8 * 1024];
            match socket.read(&mut bytes)? {
                0 => return Ok(()),
                count => inbox.extend_from_slice(&bytes[..count]),
            }
            continue;
        };
        let answer = match frame.get("type").and_then(Value::as_str) {
            Some("boot") => {
                let runtime = command.join(" ");
                json!({"type": "ready", "protocol": PROTOCOL, "runtime": runtime, "pid": std::process::id()})
            }
            Some("run") => {
                let body = frame.get("body").and_then(Value::as_str).unwrap_or_default();
                let mut answer = answer(run(command, body));
                answer["id"] = frame["id"].clone();
                answer
            }
            Some("stop") => return Ok(()),
            _ => return Err(io::ErrorKind::InvalidData.into()),
        };
        socket.write_all(&frame::encode(&answer).map_err(io::Error::other)?)?;
    }
}

fn run(command: &[String], body: &str) -> io::Result<ExitStatus> {
    let (program, arguments) = command.split_first().ok_or(io::ErrorKind::NotFound)?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).env_remove(SOCKET).env_remove(LIFELINE);
    let _lifeline = companion::die_with_parent(&mut command)?;
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that does not read its input is not at fault.
        let _ = stdin.write_all(body.as_bytes());
    }
    child.wait()
}

fn answer(ended: io::Result<ExitStatus>) -> Value {
    let error = |class: &str, message: String| json!({"type": "error", "class": class, "message": message});
    match ended {
        Err(failed) => error("CannotRun", failed.to_string()),
        Ok(status) => match (status.code(), status.signal()) {
            (Some(0), _) => json!({"type": "ok"}),
            (Some(TRY_AGAIN), _) => json!({"type": "decay", "delay": null}),
            (Some(BURY), _) => json!({"type": "bury"}),
            (Some(code), _) => error("ExitStatus", format!("the command exited with status {code}")),
            (None, signal) => {
                error("Signal", format!("the command was killed by signal {}", signal.unwrap_or_default()))
            }
        },
    }
}
