//! A supervisor that says what it was told to say.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use abaqis_daemons::control::messages::{Hello, Request, Response};
use abaqis_daemons::control::status::{InstanceStatus, State};
use abaqis_daemons::names::InstanceId;
use tempfile::TempDir;

/// Longer than anything here takes on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

/// Answers every connection with the same words, until the program hangs up.
pub(crate) struct Scripted {
    pub(crate) runtime: TempDir,
    /// What was asked, as it comes.
    pub(crate) asked: mpsc::Receiver<Request>,
    /// An empty message for each client that left.
    pub(crate) left: mpsc::Receiver<()>,
}

impl Scripted {
    pub(crate) fn new(replies: Vec<Response>) -> Self {
        let runtime = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(runtime.path().join("control.sock")).unwrap();
        let (sender, asked) = mpsc::channel();
        let (gone, left) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap());
                let mut write = |line: String| drop(stream.write_all((line + "\n").as_bytes()));
                write(serde_json::to_string(&Hello::of_this_process()).unwrap());
                let mut request = String::new();
                if lines.read_line(&mut request).unwrap() == 0 {
                    continue;
                }
                let _ = sender.send(serde_json::from_str(&request).unwrap());
                for reply in &replies {
                    write(serde_json::to_string(reply).unwrap());
                }
                // Until it hangs up.
                let _ = lines.read_line(&mut request);
                let _ = gone.send(());
            }
        });
        Self { runtime, asked, left }
    }

    /// The program, pointed at this supervisor.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_abaqis-daemons"));
        command.args(arguments).env("ABAQIS_RUNTIME_DIR", self.runtime.path()).env("TZ", "UTC");
        command.env_remove("NO_COLOR").env("TERM", "xterm");
        command
    }

    /// Runs it: exit code, standard output, standard error.
    pub(crate) fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
    }
}

/// Waits until `is` holds.
pub(crate) fn until(what: &str, mut happened: impl FnMut() -> bool) {
    crate::wait::until(what, || happened().then_some(()));
}

/// An instance, with a long reason when it is `failed`.
pub(crate) fn instance(id: &str, state: State) -> InstanceStatus {
    let instance: InstanceId = id.parse().unwrap();
    InstanceStatus {
        application: instance.application.clone(),
        daemon: instance.daemon.clone(),
        instance,
        version: None,
        tube: None,
        state,
        pid: None,
        since: jiff::Timestamp::now(),
        restarts: 0,
        memory: None,
        command: "bin/worker".into(),
        last_exit: None,
        reason: (state == State::Failed).then(|| "bin/worker: ".to_owned() + &"long ".repeat(40)),
        status: None,
        job: None,
        job_since: None,
    }
}
