//! A server whose jobs cannot all be found: some went away after they were counted.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::tool::until;

/// The newest id, far more than anybody waits for to be looked at.
const NEWEST: u64 = 1_000_000_000_000;

/// Answers as a server that counts two jobs and has one; counts in `looked` the ids it was
/// asked about.
fn serve(stream: &UnixStream, looked: &AtomicU64) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream);
    let mut out = stream;
    let data = |kind: &str, text: &str| format!("{kind} {}\r\n{text}\r\n", text.len());
    let mut line = String::new();
    while lines.read_line(&mut line)? > 0 {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let reply = match words[..] {
            ["stats-tube", _] => data("OK", include_str!("search/tube.yml")),
            ["use", tube] => format!("USING {tube}\r\n"),
            ["put", ..] => {
                lines.read_line(&mut String::new())?;
                format!("INSERTED {NEWEST}\r\n")
            }
            ["delete", _] => "DELETED\r\n".to_owned(),
            ["stats-job", id] => {
                looked.fetch_add(1, Ordering::Relaxed);
                if id == NEWEST.to_string() {
                    data("OK", &format!("---\nid: {id}\n{}", include_str!("search/job.yml")))
                } else {
                    "NOT_FOUND\r\n".to_owned()
                }
            }
            ["peek", id] => data(&format!("FOUND {id}"), "x"),
            _ => "UNKNOWN_COMMAND\r\n".to_owned(),
        };
        out.write_all(reply.as_bytes())?;
        line.clear();
    }
    Ok(())
}

#[test]
fn a_search_that_is_interrupted_lists_what_it_has_found() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("queue.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let looked = Arc::new(AtomicU64::new(0));
    let seen = looked.clone();
    // It ends with the connection, however that ends.
    let server = std::thread::spawn(move || drop(serve(&listener.accept().unwrap().0, &seen)));
    let tool = Command::new(env!("CARGO_BIN_EXE_ayl_beanstalk"))
        .args(["--host", &format!("unix:{}", socket.display()), "-t", "a", "list_jobs"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until("ids have been looked at", || looked.load(Ordering::Relaxed) > 10_000);
    assert!(Command::new("kill").args(["-INT", &tool.id().to_string()]).status().unwrap().success());
    let ended = tool.wait_with_output().unwrap();
    server.join().unwrap();
    let out = String::from_utf8_lossy(&ended.stdout);
    assert_eq!(ended.status.code(), Some(130), "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(out.lines().count(), 2, "{out}");
    assert!(out.lines().nth(1).is_some_and(|job| job.contains(&NEWEST.to_string())), "{out}");
}
