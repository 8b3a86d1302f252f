//! A host: a folder with an application, and the supervisor of its workers.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, geteuid};
use tempfile::TempDir;

use crate::wait::until;

/// The folder, which is the application's and the supervisor's, and the running supervisor.
pub(crate) struct Host {
    folder: TempDir,
    supervisor: Child,
}

impl Host {
    /// A host with one application, `a`, of which `workers` is said in daemons.yml and `code` is loaded.
    pub(crate) fn start(queue: &str, workers: &str, code: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().display();
        let me = User::from_uid(geteuid()).unwrap().expect("a user with a name").name;
        let config = format!(
            "beanstalk: {queue}\nwatch: false\ndefaults: {{user: {me}}}\napplications:\n  a:\n    path: {path}\n    \
             version: \"1\"\n    tube: t\n    workers: {workers}\n"
        );
        fs::write(folder.path().join("daemons.yml"), config).unwrap();
        fs::create_dir(folder.path().join("config")).unwrap();
        fs::write(folder.path().join("config/environment.rb"), code).unwrap();
        let supervisor = supervise(&folder);
        Self { folder, supervisor }
    }

    /// The folder, as the kernel names it.
    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap()
    }

    /// What the supervisor and all below it have written.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Kills the supervisor without a warning, and starts it again.
    pub(crate) fn kill_supervisor(&mut self) {
        self.supervisor.kill().unwrap();
        self.supervisor.wait().unwrap();
        self.supervisor = supervise(&self.folder);
    }
}

fn supervise(folder: &TempDir) -> Child {
    let log = fs::File::options().create(true).append(true).open(folder.path().join("log")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_abaqis-daemons"));
    for name in ["NOTIFY_SOCKET", "JOURNAL_STREAM"] {
        command.env_remove(name);
    }
    command.env("ABAQIS_CONFIG", folder.path().join("daemons.yml"));
    command.env("ABAQIS_RUNTIME_DIR", folder.path().join("run"));
    command.arg("run").stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    let mut supervisor = command.spawn().unwrap();
    until("the supervisor's control socket", || {
        assert!(matches!(supervisor.try_wait(), Ok(None)), "the supervisor does not stay");
        UnixStream::connect(folder.path().join("run/control.sock")).ok()
    });
    supervisor
}

impl Drop for Host {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the log:\n{}", self.log());
        }
        let pid = Pid::from_raw(i32::try_from(self.supervisor.id()).unwrap());
        let _ = kill(pid, Signal::SIGTERM);
        let _ = self.supervisor.wait();
    }
}
