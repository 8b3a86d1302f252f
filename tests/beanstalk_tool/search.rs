//! A server whose jobs cannot all be found: some went away after they were counted.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{JoinHandle, spawn};

use tempfile::TempDir;

use crate::tool::until;

/// The newest id, far more than anybody waits for to be looked at.
const NEWEST: u64 = 1_000_000_000_000;

/// A server with one job that counts two.
struct Server {
    directory: TempDir,
    /// How many ids it was asked about.
    looked: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl Server {
    /// With `recovers` it counts one once it was asked about some.
    fn start(recovers: bool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("queue.sock")).unwrap();
        let looked = Arc::new(AtomicU64::new(0));
        let seen = looked.clone();
        // It ends with the connection, however that ends.
        let thread = spawn(move || drop(serve(&listener.accept().unwrap().0, &seen, recovers)));
        Self { directory, looked, thread }
    }

    /// The tool's `list_jobs`, at work.
    fn list(&self) -> Child {
        Command::new(env!("CARGO_BIN_EXE_ayl_beanstalk"))
            .args(["--host", &format!("unix:{}", self.directory.path().join("queue.sock").display())])
            .args(["-t", "a", "list_jobs"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// What the tool said beside the one job, once it and this have ended.
    fn ended(self, tool: Child, code: i32) -> String {
        let ended = tool.wait_with_output().unwrap();
        self.thread.join().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&ended.stdout), text(&ended.stderr));
        assert_eq!(ended.status.code(), Some(code), "{err}");
        assert_eq!(out.lines().count(), 2, "{out}");
        assert!(out.lines().nth(1).is_some_and(|job| job.contains(&NEWEST.to_string())), "{out}");
        err
    }
}

fn serve(stream: &UnixStream, looked: &AtomicU64, recovers: bool) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream);
    let mut out = stream;
    let data = |kind: &str, text: &str| format!("{kind} {}\r\n{text}\r\n", text.len());
    let mut line = String::new();
    while lines.read_line(&mut line)? > 0 {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let reply = match words[..] {
            ["stats-tube", _] => {
                let jobs =
                    if recovers && looked.load(Ordering::Relaxed) > 0 { "ready: 1" } else { "ready: 2" };
                data("OK", &include_str!("search/tube.yml").replace("ready: 2", jobs))
            }
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
    let server = Server::start(false);
    let tool = server.list();
    until("ids have been looked at", || server.looked.load(Ordering::Relaxed) > 100_000);
    assert!(Command::new("kill").args(["-INT", &tool.id().to_string()]).status().unwrap().success());
    server.ended(tool, 130);
}

#[test]
fn a_search_for_jobs_that_went_away_ends_without_looking_at_every_id_there_was() {
    let server = Server::start(true);
    let (tool, looked) = (server.list(), server.looked.clone());
    let said = server.ended(tool, 0);
    assert_eq!(said, "ayl_beanstalk: jobs came or went while they were looked for: 2 at first, 1 at last\n");
    assert!(looked.load(Ordering::Relaxed) < 100_000);
}
