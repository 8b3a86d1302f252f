//! A queue, an application in a folder, and workers that run its code.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use tempfile::TempDir;

use crate::beanstalkd::Beanstalkd;

/// What the application of every test is.
const APPLICATION: &str = r##"
module Ledger
  def self.write(text) = File.open(File.join(__dir__, "../ledger"), "a") { |file| file.syswrite("#{text}\n") }
end
"##;

pub(crate) struct Scene {
    pub(crate) server: Beanstalkd,
    pub(crate) folder: TempDir,
}

pub(crate) struct Worker {
    child: Child,
    log: PathBuf,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::with(Beanstalkd::durable())
    }

    pub(crate) fn with(server: Beanstalkd) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("config")).unwrap();
        fs::write(folder.path().join("config/environment.rb"), APPLICATION).unwrap();
        Self { server, folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A worker's command line, to which more can be added.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ayl_worker"));
        command
            .args(["-a", self.folder.path().to_str().unwrap(), "-t", "t"])
            .env("AYL_BEANSTALK", self.server.address().to_string())
            .env("AYL_LIBRARY", env!("CARGO_MANIFEST_DIR"))
            .env_remove("NOTIFY_SOCKET")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn worker(&self) -> Worker {
        self.spawn(&mut self.command())
    }

    pub(crate) fn spawn(&self, command: &mut Command) -> Worker {
        let log = tempfile::Builder::new().prefix("log").tempfile_in(&self.folder).unwrap().into_temp_path();
        let log = log.keep().unwrap();
        let file = fs::File::options().append(true).open(&log).unwrap();
        let child = command.stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
        Worker { child, log }
    }

    /// Puts a message whose code is `code`, and returns the job's number.
    pub(crate) fn put(&self, handler: &str, code: &str) -> u64 {
        self.put_body(&message(handler, code), 60)
    }

    /// Puts a job, and returns its number.
    pub(crate) fn put_body(&self, body: &str, ttr: u32) -> u64 {
        let answer = self.ask(&format!("use t\r\nput 512 0 {ttr} {}\r\n{body}\r\n", body.len()));
        let number = answer.rsplit("INSERTED ").next().unwrap();
        number.trim().parse().unwrap_or_else(|_| panic!("{answer}"))
    }

    /// What the queue answers to some lines.
    pub(crate) fn ask(&self, lines: &str) -> String {
        let mut stream = UnixStream::connect(self.server.socket()).unwrap();
        stream.write_all(lines.as_bytes()).unwrap();
        stream.write_all(b"quit\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// A figure of a job; `None` when there is no such job.
    pub(crate) fn job(&self, id: u64, key: &str) -> Option<String> {
        let statistics = self.ask(&format!("stats-job {id}\r\n"));
        let line =
            statistics.lines().find_map(|line| line.strip_prefix(&format!("{key}: ")).map(str::to_owned));
        line.map(|value| value.trim().to_owned())
    }

    pub(crate) fn state(&self, id: u64) -> Option<String> {
        self.job(id, "state")
    }

    pub(crate) fn until_state(&self, id: u64, state: Option<&str>) {
        until(&format!("job {id} is {state:?}, not {:?}", self.state(id)), || {
            self.state(id).as_deref() == state
        });
    }

    /// What the jobs wrote down.
    pub(crate) fn ledger(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("ledger")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    pub(crate) fn until_ledger(&self, lines: usize) {
        until("the ledger has its lines", || self.ledger().len() >= lines);
    }
}

impl Worker {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        kill(self.pid(), name);
    }

    /// What it and its executor wrote.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap()).into_owned()
    }

    pub(crate) fn until_log(&self, text: &str) {
        until(&format!("the log says {text:?}"), || self.log().contains(text));
    }

    /// Its executor's process.
    pub(crate) fn executor(&self) -> u32 {
        let mut found = None;
        until("there is an executor", || {
            let path = format!("/proc/{0}/task/{0}/children", self.pid());
            let children = fs::read_to_string(path).unwrap_or_default();
            found = children.split_whitespace().next().and_then(|pid| pid.parse().ok());
            found.is_some()
        });
        found.unwrap()
    }

    /// How it ended; waits for that.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        until("the worker has left", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the worker's log\n{}", self.log());
        }
    }
}

pub(crate) fn message(handler: &str, code: &str) -> String {
    let code = serde_json::to_string(code).unwrap();
    let more = if handler == "decay" { r#","failed_job_count":3,"failed_job_delay":0"# } else { "" };
    format!(r#"{{"type":"ayl","failed_job_handler":"{handler}","code":{code}{more}}}"#)
}

pub(crate) fn kill(pid: u32, signal: &str) {
    let status = Command::new("kill").args([&format!("-{signal}"), &pid.to_string()]).status().unwrap();
    assert!(status.success());
}

pub(crate) fn exists(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

#[track_caller]
pub(crate) fn until(what: &str, mut happened: impl FnMut() -> bool) {
    crate::wait::until(what, || happened().then_some(()));
}
