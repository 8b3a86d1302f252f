//! What an operator sees on a terminal: questions, the live table, and the way out of it.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::beanstalkd::Beanstalkd;
use crate::tool::{figure, says};

/// The tool on a terminal of its own, which `script` provides.
struct Terminal {
    child: Child,
    seen: Receiver<Vec<u8>>,
    text: String,
}

impl Terminal {
    fn start(server: &Beanstalkd, arguments: &str) -> Self {
        let line =
            format!("stty rows 24 columns 100; exec {} {arguments}", env!("CARGO_BIN_EXE_ayl_beanstalk"));
        let mut child = Command::new("script")
            .args(["-qec", &line, "/dev/null"])
            .env("AYL_BEANSTALK", server.address().to_string())
            .env("TERM", "xterm")
            .env("NO_COLOR", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (send, seen) = channel();
        let mut out = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = out.read(&mut bytes) {
                if send.send(bytes[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { child, seen, text: String::new() }
    }

    #[track_caller]
    fn shows(&mut self, text: &str) {
        let deadline = Instant::now() + Duration::from_mins(1);
        while !self.text.contains(text) {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(bytes) = self.seen.recv_timeout(left) else {
                panic!("{text:?} does not come: {:?}", self.text)
            };
            self.text.push_str(&String::from_utf8_lossy(&bytes));
        }
    }

    fn types(&mut self, keys: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(keys.as_bytes()).unwrap();
        stdin.flush().unwrap();
    }

    fn code(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

#[test]
fn before_many_jobs_are_deleted_a_terminal_is_asked() {
    let server = Beanstalkd::start();
    says(&server, &["-t", "a", "put_job", "x"]);
    let mut terminal = Terminal::start(&server, "-t a eat_all_jobs");
    terminal.shows("Delete 1 ready job of tube a? [y/N] ");
    terminal.types("\n");
    terminal.shows("ayl_beanstalk: nothing was done");
    assert_eq!(terminal.code(), Some(1));
    assert_eq!(figure(&server, "a", "current_jobs_ready"), 1);
    let mut terminal = Terminal::start(&server, "-t a eat_all_jobs");
    terminal.shows("[y/N] ");
    terminal.types("y\n");
    terminal.shows("Job: 1: x\r\nDeleted job");
    assert_eq!(terminal.code(), Some(0));
}

#[test]
fn top_lives_until_q() {
    let server = Beanstalkd::start();
    let mut terminal = Terminal::start(&server, "top");
    terminal.shows("TUBE");
    says(&server, &["-t", "fresh", "put_job", "x"]);
    terminal.shows("fresh");
    terminal.shows("jobs are ready and no worker watches the tube");
    terminal.types("q");
    assert_eq!(terminal.code(), Some(0));
}

#[test]
fn watching_ends_with_ctrl_c_and_shows_a_server_that_is_away() {
    let mut server = Beanstalkd::start();
    let mut terminal = Terminal::start(&server, "--watch tube_statistics");
    terminal.shows("Statistics for Tube: default");
    terminal.shows("workers_available");
    server.kill();
    terminal.shows("beanstalkd at unix:");
    server.restart();
    terminal.types("\u{3}");
    assert_eq!(terminal.code(), Some(0));
}
