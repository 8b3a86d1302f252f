//! A beanstalkd of a test's own.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use abaqis_daemons::names::ServerAddress;
use tempfile::TempDir;

/// A beanstalkd on a socket in a folder of its own. It dies with the value.
pub(crate) struct Beanstalkd {
    folder: TempDir,
    arguments: Vec<String>,
    child: Child,
}

impl Beanstalkd {
    /// Starts one that forgets.
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// Starts one that writes every change to a binlog at once.
    pub(crate) fn durable() -> Self {
        Self::with(&["-b", ".", "-f", "0"])
    }

    /// Starts one with more arguments; its working directory is its folder.
    pub(crate) fn with(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let child = start(folder.path(), &arguments);
        Self { folder, arguments, child }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> ServerAddress {
        ServerAddress::Unix(self.socket())
    }

    /// The socket it listens on.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it without a warning and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again as it was, after a `kill`.
    pub(crate) fn restart(&mut self) {
        self.child = start(self.folder.path(), &self.arguments);
    }

    /// Lets it take no more jobs.
    pub(crate) fn drain(&self) {
        let status = Command::new("kill").args(["-USR1", &self.pid().to_string()]).status().unwrap();
        assert!(status.success());
        until("the server drains", || self.says("put 0 0 1 0\r\n\r\n") == "DRAINING\r\n");
    }

    /// What it answers in its first line to bytes on a connection of their own.
    pub(crate) fn says(&self, bytes: &str) -> String {
        let mut stream = UnixStream::connect(self.socket()).unwrap();
        stream.write_all(bytes.as_bytes()).unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        line
    }
}

impl Drop for Beanstalkd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(folder: &Path, arguments: &[String]) -> Child {
    let socket = folder.join("socket");
    let _ = std::fs::remove_file(&socket);
    let child = Command::new("beanstalkd")
        .current_dir(folder)
        .args(["-l", &format!("unix:{}", socket.display())])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("beanstalkd is installed: make deps");
    until("the server listens", || UnixStream::connect(&socket).is_ok());
    child
}

#[track_caller]
fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !happened() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_killed_server_comes_back_with_its_jobs_and_a_draining_one_takes_none() {
    let mut server = Beanstalkd::durable();
    assert_eq!(server.says("put 0 0 1 0\r\n\r\n"), "INSERTED 1\r\n");
    let first = server.pid();
    server.kill();
    server.restart();
    assert_ne!(server.pid(), first);
    assert_eq!(server.says("peek 1\r\n"), "FOUND 1 0\r\n");
    server.drain();
    assert!(Beanstalkd::start().address().to_string().starts_with("unix:/"));
}
