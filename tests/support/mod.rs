//! What the tests that start the real programs share.

use std::fmt::Debug;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

mod wait;
pub(crate) use wait::{LONG, until};

/// The supervisor's program.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_abaqis-daemons"));
    for name in ["ABAQIS_CONFIG", "ABAQIS_RUNTIME_DIR", "NOTIFY_SOCKET", "JOURNAL_STREAM"] {
        command.env_remove(name);
    }
    command
}

/// A folder with a daemons.yml and a runtime directory.
pub(crate) struct Site {
    folder: TempDir,
}

impl Site {
    /// `config`: the text of daemons.yml; `{dir}` in it is the folder, `{me}` who runs the tests.
    pub(crate) fn new(config: &str) -> Self {
        let site = Self { folder: TempDir::new().unwrap() };
        site.configure(config);
        site
    }

    /// One application `a` in the folder itself, run by whoever runs the tests;
    /// `daemons` are the lines below its `daemons:`.
    pub(crate) fn with_daemons(daemons: &str) -> Self {
        Self::new(&one_application(daemons))
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A file in the folder.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts a new daemons.yml over the old one, as an editor does.
    pub(crate) fn configure(&self, config: &str) {
        let text =
            config.replace("{dir}", self.path().to_str().unwrap()).replace("{me}", &whoever_runs_this());
        fs::write(self.join("daemons.yml.new"), text).unwrap();
        fs::rename(self.join("daemons.yml.new"), self.join("daemons.yml")).unwrap();
    }

    /// The program with this site's file and directory.
    pub(crate) fn command(&self, word: &str) -> Command {
        let mut command = program();
        command.arg(word).env("ABAQIS_CONFIG", self.join("daemons.yml"));
        command.env("ABAQIS_RUNTIME_DIR", self.join("run")).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end: exit code, stdout, stderr.
    pub(crate) fn run(&self, words: &[&str]) -> (i32, String, String) {
        let output = self.command(words[0]).args(&words[1..]).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
    }

    /// Starts the supervisor and waits until it can be asked.
    pub(crate) fn start(&self) -> Supervisor<'_> {
        self.start_as(&mut self.command("run"))
    }

    /// The same with a command of the caller's.
    pub(crate) fn start_as(&self, command: &mut Command) -> Supervisor<'_> {
        let log = fs::File::options().create(true).append(true).open(self.join("log")).unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let mut supervisor = Supervisor { site: self, child: command.spawn().unwrap() };
        until("the control socket", || {
            if let Some(status) = supervisor.child.try_wait().unwrap() {
                panic!("the supervisor ended with {status}:\n{}", self.log());
            }
            UnixStream::connect(self.join("run/control.sock")).ok()
        });
        supervisor
    }

    /// What the supervisor and its daemons have written so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.join("log")).unwrap_or_default()
    }
}

/// The text of a daemons.yml with one application `a`, whose `daemons:` these are.
pub(crate) fn one_application(daemons: &str) -> String {
    let daemons = daemons.lines().map(|line| format!("      {line}\n")).collect::<Vec<_>>().concat();
    format!(
        "defaults: {{user: {{me}}}}\napplications:\n  a:\n    path: {{dir}}\n    version: \"1\"\n    daemons:\n{daemons}"
    )
}

fn whoever_runs_this() -> String {
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap();
    user.expect("a user with a name").name
}

/// A running supervisor, killed with everything below it when this is dropped.
pub(crate) struct Supervisor<'a> {
    site: &'a Site,
    /// Its process.
    pub(crate) child: Child,
}

impl Supervisor<'_> {
    /// Asks one thing over the control socket: every reply, the last one last.
    pub(crate) fn ask(&self, request: &Value) -> Vec<Value> {
        let mut stream = UnixStream::connect(self.site.join("run/control.sock")).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream.write_all(format!("{request}\n").as_bytes()).unwrap();
        let lines = BufReader::new(stream).lines().skip(1);
        lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect()
    }

    /// The status of every instance that `selector` names.
    pub(crate) fn status(&self, selector: &str) -> Vec<Value> {
        let mut replies = self.ask(&json!({"request": "status", "selector": selector}));
        replies.pop();
        replies
    }

    /// The status of one instance.
    pub(crate) fn instance(&self, id: &str) -> Value {
        self.status(id).pop().unwrap_or(Value::Null)
    }

    /// Waits until an instance is in a state, and returns its status.
    #[track_caller]
    pub(crate) fn wait_for(&self, id: &str, state: &str) -> Value {
        let mut last = Value::Null;
        let end = Instant::now() + LONG;
        loop {
            last.clone_from(&self.instance(id));
            if last["state"] == state {
                return last;
            }
            assert!(Instant::now() < end, "{id} is not {state}: {last}\n{}", self.site.log());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The process of an instance.
    pub(crate) fn pid(&self, id: &str) -> i32 {
        self.instance(id)["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok()).expect("a pid")
    }

    /// Sends a signal to the supervisor.
    pub(crate) fn signal(&self, signal: i32) {
        kill(i32::try_from(self.child.id()).unwrap(), signal);
    }

    /// Waits until the supervisor has ended.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        until("the supervisor's end", || self.child.try_wait().unwrap())
    }

    /// Ends it in good order.
    pub(crate) fn stop(mut self) -> ExitStatus {
        self.signal(libc::SIGTERM);
        self.ended()
    }
}

impl Drop for Supervisor<'_> {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // Twice: at once, with everything below it.
            self.signal(libc::SIGTERM);
            self.signal(libc::SIGTERM);
            let end = Instant::now() + Duration::from_secs(5);
            while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(5));
            }
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            eprintln!("the supervisor's log:\n{}", self.site.log());
        }
    }
}

/// Sends a signal; a process that is gone is no error.
pub(crate) fn kill(pid: i32, signal: i32) {
    let signal = nix::sys::signal::Signal::try_from(signal).unwrap();
    let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal);
}

/// Whether a process is there and no zombie.
pub(crate) fn lives(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// The processes whose environment has this variable with this value.
pub(crate) fn processes_with(name: &str, value: &str) -> Vec<i32> {
    let wanted = format!("{name}={value}");
    let pids =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid| {
        let mut environment = Vec::new();
        let file = fs::File::open(format!("/proc/{pid}/environ"));
        file.and_then(|mut file| file.read_to_end(&mut environment)).is_ok()
            && environment.split(|&byte| byte == 0).any(|entry| entry == wanted.as_bytes())
    })
    .filter(|&pid| lives(pid))
    .collect()
}

/// The last element, which has to be there.
#[track_caller]
pub(crate) fn last<T: Debug>(items: &[T]) -> &T {
    items.last().expect("at least one")
}
