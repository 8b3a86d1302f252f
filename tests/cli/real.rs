//! Every command against the supervisor itself.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use crate::scripted::until;

/// A supervisor of its own, which ends with this.
struct Real {
    folder: TempDir,
    supervisor: Child,
}

impl Real {
    /// With two workers, and with `more` daemons in the notation of `daemons.yml`.
    fn start(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("app")).unwrap();
        fs::write(folder.path().join("app/VERSION"), "4.2.0\n").unwrap();
        configure(&folder, 2, more);
        let mut command = program(&folder, &["run", "--config", config(&folder).to_str().unwrap()]);
        let supervisor = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let real = Self { folder, supervisor };
        until("the workers are ready", || {
            let workers = real.status("abaqis/worker");
            workers.len() == 2 && workers.iter().all(|worker| worker["state"] == "ready")
        });
        real
    }

    /// Runs a command: exit code, standard output, standard error.
    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = program(&self.folder, arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
    }

    /// Runs a command that ends well and has nothing to say on standard error.
    fn well(&self, arguments: &[&str]) -> String {
        let (code, stdout, stderr) = self.run(arguments);
        assert_eq!((code, stderr.as_str()), (0, ""), "{arguments:?}");
        stdout
    }

    /// What `status --json` says; nothing as long as it fails.
    fn status(&self, selector: &str) -> Vec<Value> {
        let (_, stdout, _) = self.run(&["status", "--json", selector]);
        serde_json::from_str(&stdout).unwrap_or_default()
    }

    fn pid(&self, instance: &str) -> Option<u64> {
        self.status(instance)[0]["pid"].as_u64()
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.supervisor.id().cast_signed()), Signal::SIGTERM);
        let _ = self.supervisor.wait();
    }
}

fn config(folder: &TempDir) -> PathBuf {
    folder.path().join("daemons.yml")
}

fn configure(folder: &TempDir, workers: u32, more: &str) {
    let me = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap().name;
    let path = folder.path().join("app");
    let text = format!(
        "watch: false\n\
         defaults: {{user: {me}, backoff: {{initial: 0s}}}}\n\
         applications:\n  \
           abaqis:\n    \
             path: {path}\n    \
             workers: {{count: {workers}, command: sleep 1000}}\n    \
             daemons: {{{more}}}\n",
        path = path.display()
    );
    fs::write(config(folder), text).unwrap();
}

fn program(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_abaqis-daemons"));
    command.args(arguments).env("ABAQIS_RUNTIME_DIR", folder.path().join("run"));
    command.env("ABAQIS_CONFIG", config(folder)).env_remove("NOTIFY_SOCKET");
    command
}

#[test]
fn status_tells_what_runs() {
    let real = Real::start("");
    let worker = &real.status("abaqis/worker/1")[0];
    assert_eq!(worker["tube"], "abaqis-4.2.0");
    assert_eq!(worker["version"], "4.2.0");
    assert_eq!(worker["command"], "sleep 1000");
    assert_eq!(worker["restarts"], 0);
    assert!(worker["memory"].as_u64().unwrap() > 0);
    let pid = worker["pid"].as_u64().unwrap();
    assert!(fs::read(format!("/proc/{pid}/cmdline")).unwrap().starts_with(b"sleep"));
}

#[test]
fn a_restart_gives_new_processes_and_waits_for_them() {
    let real = Real::start("");
    for more in [&[][..], &["--at-once"]] {
        let before = [real.pid("abaqis/worker/1"), real.pid("abaqis/worker/2")];
        real.well(&[&["restart", "abaqis/worker"], more].concat());
        let after = [real.pid("abaqis/worker/1"), real.pid("abaqis/worker/2")];
        assert!(before.iter().zip(&after).all(|(before, after)| after.is_some() && before != after));
    }
}

#[test]
fn a_stop_outlives_a_reload_and_ends_with_a_start() {
    let real = Real::start("");
    real.well(&["stop", "abaqis/worker/2"]);
    assert_eq!(real.status("abaqis/worker/2")[0]["state"], "stopped");
    real.well(&["reload"]);
    assert_eq!(real.status("abaqis/worker/2")[0]["state"], "stopped");
    assert_eq!(real.status("abaqis/worker/1")[0]["state"], "ready");
    real.well(&["start", "abaqis"]);
    assert_eq!(real.status("abaqis/worker/2")[0]["state"], "ready");
}

#[test]
fn a_signal_reaches_its_process_and_events_tell_of_the_end() {
    let real = Real::start("");
    let before = real.pid("abaqis/worker/1");
    real.well(&["signal", "abaqis/worker/1", "KILL"]);
    until("another process is there", || {
        let worker = &real.status("abaqis/worker/1")[0];
        worker["state"] == "ready" && worker["pid"].as_u64() != before
    });
    assert_eq!(real.status("abaqis/worker/1")[0]["last_exit"], "SIGKILL");
    let events = real.well(&["events", "abaqis/worker/1"]);
    assert!(events.lines().any(|line| line.contains("SIGKILL")), "{events}");
    assert!(!events.contains("abaqis/worker/2"), "{events}");
    for line in real.well(&["events", "--json"]).lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        assert!(event["at"].is_string(), "{event}");
    }
}

#[test]
fn a_plan_says_what_a_reload_then_does() {
    let real = Real::start("");
    let first = real.pid("abaqis/worker/1");
    configure(&real.folder, 3, "");
    let plan = real.well(&["plan", "--json"]);
    let plan: Vec<Value> = serde_json::from_str(&plan).unwrap();
    let action = |instance: &str| {
        plan.iter().find(|change| change["instance"] == instance).map(|change| change["action"].clone())
    };
    assert_eq!(action("abaqis/worker/1"), Some("untouched".into()));
    assert_eq!(action("abaqis/worker/3"), Some("start".into()));
    assert_eq!(real.status("abaqis").len(), 2, "a plan does nothing");
    real.well(&["reload"]);
    assert_eq!(real.status("abaqis").len(), 3);
    assert_eq!(real.pid("abaqis/worker/1"), first);
}

#[test]
fn a_broken_file_changes_nothing_and_says_where() {
    let real = Real::start("");
    let first = real.pid("abaqis/worker/1");
    fs::write(config(&real.folder), "applications: {abaqis: {path: /, wrokers: 2}}\n").unwrap();
    for command in ["reload", "plan"] {
        let (code, stdout, stderr) = real.run(&[command]);
        assert_eq!((code, stdout.as_str()), (78, ""), "{stderr}");
        let place = format!("{}:1:", config(&real.folder).display());
        assert!(stderr.starts_with(&place), "{stderr}");
    }
    assert_eq!(real.pid("abaqis/worker/1"), first);
}

#[test]
fn what_does_not_come_up_is_told_with_the_real_reason() {
    let real = Real::start("solr: {command: /nonexistent/solr, start_limit: {count: 1, within: 1h}}");
    until("it is given up", || real.status("abaqis/solr")[0]["state"] == "failed");
    let (code, _, stderr) = real.run(&["start", "abaqis/solr"]);
    assert_eq!(code, 1);
    assert!(stderr.contains("/nonexistent/solr: No such file or directory"), "{stderr}");
    until("it is given up again", || real.status("abaqis/solr")[0]["state"] == "failed");
    let (code, _, stderr) = real.run(&["check", "--running"]);
    assert_eq!(code, 1);
    assert!(stderr.starts_with("abaqis/solr/1: failed: "), "{stderr}");
}

#[test]
fn a_slip_in_a_name_is_answered_with_what_is_there() {
    let real = Real::start("");
    let (code, _, stderr) = real.run(&["restart", "abaqsi"]);
    assert_eq!(code, 66);
    assert!(stderr.starts_with("abaqis-daemons: no instance is named abaqsi; there is abaqis"), "{stderr}");
}

#[test]
fn logs_are_read_from_where_they_are() {
    let real = Real::start("");
    let log = real.folder.path().join("chatty.log");
    let chatty =
        format!("chatty: {{command: [echo, hello], restart: never, log: {{file: {}}}}}", log.display());
    configure(&real.folder, 2, &chatty);
    real.well(&["reload"]);
    until("it has spoken", || real.run(&["logs", "abaqis/chatty"]).1.contains("hello"));
}

#[test]
fn a_second_supervisor_is_told_of_the_first() {
    let real = Real::start("");
    let (code, _, stderr) = real.run(&["run"]);
    assert_eq!(code, 73, "{stderr}");
    assert!(stderr.contains(&real.supervisor.id().to_string()), "{stderr}");
}

#[test]
fn a_supervisor_that_ends_takes_its_socket_and_its_processes_with_it() {
    let mut real = Real::start("");
    let pid = real.pid("abaqis/worker/1").unwrap();
    kill(Pid::from_raw(real.supervisor.id().cast_signed()), Signal::SIGTERM).unwrap();
    assert!(real.supervisor.wait().unwrap().success());
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    assert_eq!(real.run(&["status"]).0, 69);
}

#[test]
fn the_tube_of_an_application_needs_no_supervisor() {
    let real = Real::start("");
    assert_eq!(real.well(&["tube", "abaqis"]), "abaqis-4.2.0\n");
    let (code, _, stderr) = real.run(&["tube", "rqi"]);
    let said = "abaqis-daemons: no application is named rqi; there is abaqis\n";
    assert_eq!((code, stderr.as_str()), (66, said));
    fs::remove_file(real.folder.path().join("app/VERSION")).unwrap();
    let (code, _, stderr) = real.run(&["tube", "abaqis"]);
    assert_eq!(code, 1);
    assert!(stderr.starts_with("abaqis-daemons: abaqis: no version: "), "{stderr}");
}
