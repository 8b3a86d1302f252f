//! What is different on a terminal: width, colors, progress, keys.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus};

use abaqis_daemons::control::messages::Response;
use abaqis_daemons::control::status::State;
use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::scripted::{Scripted, until};

/// A program on a terminal of 80 × 24, and what it shows.
struct Terminal {
    child: Child,
    keyboard: File,
    shown: std::sync::mpsc::Receiver<Vec<u8>>,
    seen: String,
}

impl Terminal {
    fn start(mut command: Command) -> Self {
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&size), None).unwrap();
        let end = || File::from(pty.slave.try_clone().unwrap());
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        // It keeps the ends as well.
        drop(command);
        let mut screen = File::from(pty.master);
        let keyboard = screen.try_clone().unwrap();
        let (sender, shown) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // The last one to close the other side makes it an error.
            while let Ok(n @ 1..) = screen.read(&mut buffer) {
                let _ = sender.send(buffer[..n].to_vec());
            }
        });
        drop(pty.slave);
        Self { child, keyboard, shown, seen: String::new() }
    }

    fn look(&mut self) -> &str {
        for bytes in self.shown.try_iter() {
            self.seen.push_str(&String::from_utf8_lossy(&bytes));
        }
        &self.seen
    }

    fn shows(&mut self, text: &str) {
        until(text, || self.look().contains(text));
    }

    fn press(&mut self, key: u8) {
        self.keyboard.write_all(&[key]).unwrap();
    }

    fn ended(&mut self) -> (ExitStatus, String) {
        let mut status = None;
        until("it ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        // All of it is there once the reading thread has seen the end.
        for bytes in &self.shown {
            self.seen.push_str(&String::from_utf8_lossy(&bytes));
        }
        (status.unwrap(), std::mem::take(&mut self.seen))
    }
}

fn instance(number: u32, state: State) -> Response {
    Response::Instance(Box::new(crate::scripted::instance(&format!("abaqis/worker/{number}"), state)))
}

fn done() -> Response {
    Response::Done { text: None }
}

#[test]
fn a_table_fits_and_has_colors() {
    let scripted = Scripted::new(vec![instance(1, State::Ready), instance(2, State::Failed), done()]);
    let (status, shown) = Terminal::start(scripted.command(&["status"])).ended();
    assert!(status.success());
    assert!(shown.contains("\x1b[1;31mfailed\x1b[0m"), "{shown}");
    assert!(shown.contains("1 ready"), "{shown}");
    for line in shown.lines() {
        let mut plain = String::new();
        let mut rest = line;
        while let Some((before, after)) = rest.split_once("\x1b[") {
            plain.push_str(before);
            rest = after.split_once('m').unwrap().1;
        }
        plain.push_str(rest);
        assert!(plain.trim_end().chars().count() <= 80, "{plain}");
    }
}

#[test]
fn no_color_is_respected() {
    let scripted = Scripted::new(vec![instance(1, State::Failed), done()]);
    let mut command = scripted.command(&["status"]);
    command.env("NO_COLOR", "1");
    let (_, shown) = Terminal::start(command).ended();
    assert!(!shown.contains('\x1b'), "{shown}");
    assert!(shown.contains("1 failed"), "{shown}");
}

#[test]
fn waiting_shows_how_far_it_is_and_can_be_interrupted() {
    let progress = Response::Progress { done: 3, total: 8, text: "abaqis/worker/3".into() };
    let scripted = Scripted::new(vec![progress]);
    let mut terminal = Terminal::start(scripted.command(&["restart", "abaqis"]));
    terminal.shows("3 of 8 restarted (abaqis/worker/3)");
    kill(Pid::from_raw(terminal.child.id().cast_signed()), Signal::SIGINT).unwrap();
    let (status, shown) = terminal.ended();
    assert_eq!(status.code(), Some(130));
    let said = "abaqis-daemons: no longer waiting; the restart goes on, `abaqis-daemons status` shows it";
    assert!(shown.contains(said), "{shown}");
    scripted.left.recv().unwrap();
}

#[test]
fn watching_is_left_with_q_or_ctrl_c_and_leaves_the_terminal_as_it_was() {
    for key in [b'q', 3] {
        let scripted = Scripted::new(vec![instance(1, State::Ready), done()]);
        let mut terminal = Terminal::start(scripted.command(&["status", "--watch"]));
        terminal.shows("1 ready");
        // A second look, by itself.
        until("it asks again", || scripted.asked.try_iter().count() > 0);
        terminal.press(key);
        let (status, shown) = terminal.ended();
        assert!(status.success());
        assert!(shown.starts_with("\x1b[?1049h\x1b[?25l"), "{shown:?}");
        assert!(shown.ends_with("\x1b[?25h\x1b[?1049l"), "{shown:?}");
    }
}

#[test]
fn watching_more_than_fits_shows_what_is_wrong_and_the_sum() {
    let mut replies: Vec<Response> = (1..=40).map(|n| instance(n, State::Ready)).collect();
    replies.push(instance(41, State::Failed));
    replies.push(done());
    let scripted = Scripted::new(replies);
    let mut command = scripted.command(&["status", "--watch"]);
    command.env("NO_COLOR", "1");
    let mut terminal = Terminal::start(command);
    terminal.shows("40 ready, 1 failed");
    terminal.press(b'q');
    let (_, shown) = terminal.ended();
    assert!(shown.contains("abaqis/worker/41"), "{shown}");
    assert!(shown.contains("lines more"), "{shown}");
    let page = shown.split("\x1b[H").nth(2).unwrap();
    assert!(page.lines().count() <= 24, "{page}");
}

#[test]
fn without_a_terminal_there_is_nothing_to_watch() {
    let scripted = Scripted::new(vec![done()]);
    let said = "abaqis-daemons: --watch needs a terminal\n".to_owned();
    assert_eq!(scripted.run(&["status", "--watch"]), (64, String::new(), said));
}
