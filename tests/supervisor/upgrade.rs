//! The upgrade in place, with the real program, real daemons and jobs.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::beanstalkd::Beanstalkd;
use crate::support::{Site, Supervisor, kill, last, lives, one_application, processes_with, until};

/// A site whose supervisor is a copy of the program, which can be replaced.
struct Replaceable(Site);

impl Replaceable {
    fn new(config: &str) -> Self {
        let site = Site::new(config);
        fs::copy(env!("CARGO_BIN_EXE_abaqis-daemons"), site.join("program")).unwrap();
        Self(site)
    }

    fn program(&self) -> PathBuf {
        self.0.join("program")
    }

    fn start(&self) -> Supervisor<'_> {
        let mut command = Command::new(self.program());
        for name in ["NOTIFY_SOCKET", "JOURNAL_STREAM"] {
            command.env_remove(name);
        }
        command.arg("run").env("ABAQIS_CONFIG", self.0.join("daemons.yml"));
        command.env("ABAQIS_RUNTIME_DIR", self.0.join("run"));
        self.0.start_as(&mut command)
    }

    /// Puts a script in the program's place, as a package would put a newer program.
    fn replace(&self, script: &str) {
        let text = format!("#!/bin/sh\n{script}\n").replace("{dir}", self.0.path().to_str().unwrap());
        let new = self.0.join("program.new");
        fs::write(&new, text.replace("{real}", env!("CARGO_BIN_EXE_abaqis-daemons"))).unwrap();
        fs::set_permissions(&new, Permissions::from_mode(0o755)).unwrap();
        fs::rename(new, self.program()).unwrap();
    }
}

fn upgraded(site: &Site, supervisor: &Supervisor<'_>) {
    let version = env!("CARGO_PKG_VERSION");
    let said =
        format!("upgraded from version {version} to {version}, process {} goes on\n", supervisor.child.id());
    assert_eq!(site.run(&["upgrade"]), (0, said, String::new()), "{}", site.log());
}

/// The reason why an upgrade was refused.
#[track_caller]
fn refusal(site: &Site) -> String {
    let (code, out, err) = site.run(&["upgrade"]);
    assert_eq!((code, out.as_str()), (1, ""), "{err}");
    let reason = err.strip_prefix("abaqis-daemons: the upgrade failed: ").expect(&err).trim_end().to_owned();
    reason.replace(site.path().to_str().unwrap(), "DIR")
}

fn pids(supervisor: &Supervisor<'_>) -> BTreeMap<String, Value> {
    let status = supervisor.status("all");
    status.iter().map(|one| (one["instance"].to_string(), one["pid"].clone())).collect()
}

fn descriptors(supervisor: &Supervisor<'_>) -> usize {
    fs::read_dir(format!("/proc/{}/fd", supervisor.child.id())).unwrap().count()
}

#[test]
fn a_hundred_upgrades_under_load_change_no_pid_lose_no_job_and_leak_nothing() {
    let queue = Beanstalkd::durable();
    let site = Site::new(&format!(
        "beanstalk: {}\ndefaults: {{user: {{me}}}}\napplications:\n  a:\n    path: {{dir}}\n    version: \"1\"\n    \
         tube: t\n    workers: {{count: 2}}\n    daemons:\n      \
         counter: {{command: [sh, -c, 'i=0; while i=$((i+1)); do echo line $i; sleep 0.01; done'], log: {{file: {{dir}}/counted}}}}\n      \
         talker: {{command: [sh, -c, 'i=0; while i=$((i+1)); do echo word $i; sleep 0.01; done']}}\n",
        queue.address()
    ));
    fs::create_dir(site.join("config")).unwrap();
    fs::write(site.join("config/environment.rb"), "LEDGER = File.expand_path('../ledger', __dir__)\n")
        .unwrap();
    let supervisor = site.start();
    for instance in ["a/worker/1", "a/worker/2", "a/counter/1", "a/talker/1"] {
        supervisor.wait_for(instance, "ready");
    }
    let (before, open) = (pids(&supervisor), descriptors(&supervisor));
    for job in 0..100 {
        let code = format!("sleep 0.02; File.open(LEDGER, 'a') {{ |f| f.syswrite(\\\"{job}\\\\n\\\") }}");
        let body = format!("{{\"type\":\"ayl\",\"failed_job_handler\":\"bury\",\"code\":\"{code}\"}}");
        assert_eq!(queue.says(&format!("use t\r\nput 512 0 60 {}\r\n{body}\r\n", body.len())), "USING t\r\n");
        upgraded(&site, &supervisor);
    }
    assert_eq!(pids(&supervisor), before);
    let ledger = || fs::read_to_string(site.join("ledger")).unwrap_or_default();
    until("every job to be done", || (ledger().lines().count() >= 100).then_some(()));
    let mut done: Vec<u32> = ledger().lines().map(|line| line.parse().unwrap()).collect();
    done.sort_unstable();
    assert_eq!(done, (0..100).collect::<Vec<_>>());
    assert!(descriptors(&supervisor) <= open, "{} open, {open} at first", descriptors(&supervisor));
    let restarts: u64 = supervisor.status("all").iter().map(|one| one["restarts"].as_u64().unwrap()).sum();
    assert_eq!(restarts, 0);
    // What was written is all there, in its order.
    let numbers = |text: &str, word: &str| -> Vec<u64> {
        let lines = text.lines().filter_map(|line| line.rsplit_once(word));
        lines.filter_map(|(_, number)| number.parse().ok()).collect()
    };
    for (text, word) in
        [(fs::read_to_string(site.join("counted")).unwrap(), "line "), (site.log(), "| word ")]
    {
        let found = numbers(&text, word);
        assert!(found.len() > 100, "{} of {word}", found.len());
        assert_eq!(found, (1..=found.len() as u64).collect::<Vec<_>>());
    }
    assert_eq!(supervisor.stop().code(), Some(0));
}

#[test]
fn what_is_being_done_goes_on_in_the_new_program() {
    let site = Site::with_daemons(
        "slow: {command: [sh, -c, 'trap \"\" TERM; while :; do sleep 0.1; done'], stop_timeout: 3s}\n\
         late: {command: [sleep, infinity], ready: {file: '{dir}/gate'}}\n\
         dies: {command: [sleep, infinity], backoff: {initial: 0s}}\n\
         off: {command: [sleep, infinity]}",
    );
    let supervisor = site.start();
    for instance in ["a/slow/1", "a/dies/1", "a/off/1"] {
        supervisor.wait_for(instance, "ready");
    }
    supervisor.wait_for("a/late/1", "starting");
    assert_eq!(site.run(&["stop", "a/off"]).0, 0);
    // Somebody waits for a stop that takes long.
    let mut waiting =
        site.command("stop").arg("a/slow").stderr(std::process::Stdio::piped()).spawn().unwrap();
    supervisor.wait_for("a/slow/1", "stopping");
    let (slow, dies) = (supervisor.pid("a/slow/1"), supervisor.pid("a/dies/1"));
    kill(dies, libc::SIGKILL);
    upgraded(&site, &supervisor);
    assert_eq!(waiting.wait().unwrap().code(), Some(1));
    assert_eq!(supervisor.wait_for("a/off/1", "stopped")["pid"], Value::Null);
    supervisor.wait_for("a/slow/1", "stopped");
    assert!(!lives(slow));
    until("another process", || (supervisor.wait_for("a/dies/1", "ready")["pid"] != dies).then_some(()));
    fs::write(site.join("gate"), "").unwrap();
    supervisor.wait_for("a/late/1", "ready");
    // What happened before is still told.
    let events =
        supervisor.ask(&json!({"request": "events", "selector": "a/slow/1", "recent": 100, "follow": false}));
    assert!(events.iter().any(|event| event["to"] == "starting"), "{events:?}");
    // One that has ended in the moment of the upgrade is noticed, and a SIGTERM right after is heard.
    kill(supervisor.pid("a/dies/1"), libc::SIGKILL);
    upgraded(&site, &supervisor);
    assert_eq!(supervisor.stop().code(), Some(0));
}

#[test]
fn an_upgrade_applies_what_the_file_says_by_now_and_keeps_what_it_cannot_use() {
    let site = Site::with_daemons("s: {command: [sleep, infinity]}");
    let off = |daemons: &str| format!("watch: false\n{}", one_application(daemons));
    site.configure(&off("s: {command: [sleep, infinity]}"));
    let supervisor = site.start();
    let pid = supervisor.wait_for("a/s/1", "ready")["pid"].clone();
    site.configure(&off("s: {command: [sleep, infinity]}\nt: {command: [sleep, infinity]}"));
    upgraded(&site, &supervisor);
    supervisor.wait_for("a/t/1", "ready");
    site.configure("nonsense");
    upgraded(&site, &supervisor);
    assert_eq!(supervisor.wait_for("a/s/1", "ready")["pid"], pid);
    supervisor.wait_for("a/t/1", "ready");
    assert!(site.log().contains("the configuration is not applied, nothing changes"), "{}", site.log());
    supervisor.stop();
}

#[test]
fn a_program_that_cannot_take_over_leaves_the_old_one_running() {
    let site = Replaceable::new(&one_application("s: {command: [sleep, infinity]}"));
    let supervisor = site.start();
    let pid = supervisor.wait_for("a/s/1", "ready")["pid"].clone();
    let said = |script: &str| {
        site.replace(script);
        let reason = refusal(&site.0);
        assert_eq!(supervisor.wait_for("a/s/1", "ready")["pid"], pid);
        reason
    };
    assert_eq!(said("exit 3"), "its self-check ended and said nothing");
    assert_eq!(said("kill -SEGV $$"), "its self-check ended and said nothing");
    assert_eq!(said("echo no such option >&2; exit 64"), "its self-check failed: no such option");
    assert_eq!(said("exec sleep 1000"), "its self-check said nothing within 10 s");
    let run = site.0.join("run");
    until("the silent program to be gone", || {
        (processes_with("ABAQIS_RUNTIME_DIR", run.to_str().unwrap()).len() == 1).then_some(())
    });
    // A state of another form: as a much older program would answer to it.
    let older = "for a; do case $a in --check-state=*) sed 's/\"form\":1/\"form\":2/' ${a#*=} > {dir}/other;; esac; done\n\
                 exec {real} run --check-state={dir}/other";
    assert_eq!(
        said(older),
        "its self-check failed: abaqis-daemons: the state is of form 2, this program knows form 1"
    );
    fs::set_permissions(site.program(), Permissions::from_mode(0o644)).unwrap();
    assert_eq!(refusal(&site.0), "DIR/program: not a program that can be run");
    fs::remove_file(site.program()).unwrap();
    assert_eq!(refusal(&site.0), "DIR/program: No such file or directory");
    if nix::unistd::geteuid().is_root() {
        site.replace("exit 0");
        fs::set_permissions(site.program(), Permissions::from_mode(0o777)).unwrap();
        let rule = "it has to belong to root and be writable by root alone";
        assert_eq!(refusal(&site.0), format!("DIR/program: user 0 could change it; {rule}"));
    }
    assert_eq!(
        site.0.log().matches("the upgrade is refused, nothing changes").count(),
        7 + usize::from(nix::unistd::geteuid().is_root())
    );
    // And then one that can.
    site.replace("exec {real} \"$@\"");
    upgraded(&site.0, &supervisor);
    assert_eq!(supervisor.wait_for("a/s/1", "ready")["pid"], pid);
    supervisor.stop();
}

#[test]
fn a_program_that_fails_after_all_ends_what_runs_and_starts_it_anew() {
    let site = Replaceable::new(&one_application("s: {command: [sleep, infinity]}"));
    let supervisor = site.start();
    let pid = supervisor.pid("a/s/1");
    // It answers well, and is then given a state that is none.
    site.replace(
        "for a; do case $a in\n\
         --check-state=*) echo 'understands the state: 9'; exit 0;;\n\
         --adopt=*) exec {real} run --adopt=0:${a##*:};;\n\
         esac; done",
    );
    let (code, ..) = site.0.run(&["upgrade", "--timeout", "1s"]);
    assert_eq!(code, 75);
    let again = supervisor.wait_for("a/s/1", "ready");
    assert_ne!(again["pid"], pid);
    until("the old process to be gone", || (!lives(pid)).then_some(()));
    assert!(site.0.log().contains("all that runs is ended, and started anew"), "{}", site.0.log());
    supervisor.stop();
}

#[test]
fn a_stop_that_comes_while_the_new_program_reads_the_state_is_the_end_of_both() {
    let deaf = "[sh, -c, 'trap \"\" TERM; echo deaf; while :; do sleep 0.1; done']";
    let site = Replaceable::new(&one_application(&format!("s: {{command: {deaf}, stop_timeout: 3s}}")));
    let mut supervisor = site.start();
    until("it hears no SIGTERM", || site.0.log().contains("| deaf").then_some(()));
    site.replace("echo > {dir}/reads; until test -e {dir}/gate; do sleep 0.01; done; exec {real} \"$@\"");
    let upgrade = site.0.command("upgrade").stderr(std::process::Stdio::piped()).spawn().unwrap();
    until("it reads the state", || site.0.join("reads").exists().then_some(()));
    supervisor.signal(libc::SIGTERM);
    until("the stop has begun", || site.0.log().contains("stopping, on SIGTERM").then_some(()));
    fs::write(site.0.join("gate"), "").unwrap();
    let output = upgrade.wait_with_output().unwrap();
    let said = "abaqis-daemons: the upgrade failed: the supervisor is shutting down\n";
    assert_eq!(String::from_utf8(output.stderr).unwrap(), said);
    assert!(supervisor.ended().success());
    assert!(!site.0.log().contains("upgraded from version"), "{}", site.0.log());
}

#[test]
fn dev_and_a_stopping_supervisor_are_not_upgraded() {
    let deaf = "[sh, -c, 'trap \"\" TERM; echo deaf; sleep infinity']";
    let site = Site::with_daemons(&format!("s: {{command: {deaf}, stop_timeout: 2s}}"));
    let mut supervisor = site.start();
    until("it hears no SIGTERM", || site.log().contains("| deaf").then_some(()));
    supervisor.signal(libc::SIGTERM);
    until("the stop has begun", || site.log().contains("stopping, on SIGTERM").then_some(()));
    let replies = supervisor.ask(&json!({"request": "upgrade"}));
    assert_eq!(last(&replies)["text"], "the supervisor is shutting down");
    supervisor.signal(libc::SIGTERM);
    supervisor.ended();
    assert_eq!(site.run(&["upgrade"]).0, 69);
}
