//! A control group for each instance, where the service has been given some.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Site, kill, last, lives, until};

/// A control group such as a service has that may make its own; removed when dropped.
struct Delegated(PathBuf);

impl Delegated {
    /// `None`, and said: not possible here.
    fn make(name: &str, marked: bool) -> Option<Self> {
        let made = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
            .map(Path::new)
            .into_iter()
            .find(|place| place.join("cgroup.controllers").exists())
            .map(|place| place.join(format!("abaqis-test-{name}-{}", std::process::id())))
            .filter(|place| fs::create_dir(place).is_ok())
            .map(Self)
            .filter(|made| !marked || made.mark());
        if made.is_none() {
            eprintln!("no control groups (version 2) that this user may make: not tested");
        }
        made
    }

    /// What systemd does for `Delegate=yes`.
    fn mark(&self) -> bool {
        let script = "import os, sys; os.setxattr(sys.argv[1], 'trusted.delegate', b'1')";
        Command::new("python3")
            .args(["-c", script])
            .arg(&self.0)
            .status()
            .is_ok_and(|status| status.success())
    }

    fn groups(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap().map(Result::unwrap);
        let folders = entries.filter(|entry| entry.file_type().unwrap().is_dir());
        let mut names: Vec<String> = folders.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// `run`, begun in this group.
    fn command(&self, site: &Site) -> Command {
        let mut command = Command::new("sh");
        let script = "echo $$ > \"$1/cgroup.procs\" && exec \"$0\" run";
        command.args(["-c", script, env!("CARGO_BIN_EXE_abaqis-daemons")]).arg(&self.0);
        command.env("ABAQIS_CONFIG", site.join("daemons.yml")).env("ABAQIS_RUNTIME_DIR", site.join("run"));
        command.env_remove("NOTIFY_SOCKET").env_remove("JOURNAL_STREAM");
        command
    }
}

impl Drop for Delegated {
    fn drop(&mut self) {
        until("the control group is removed", || {
            for name in self.groups() {
                let _ = fs::remove_dir(self.0.join(name));
            }
            fs::remove_dir(&self.0).ok()
        });
    }
}

/// One that wipes its environment and leaves its session with a child of its own.
const HIDES: &str = "s: {command: [sh, -c, 'setsid env -i /bin/sh -c \"trap : TERM; echo \\$\\$ > hidden; \
     while :; do /bin/sleep 0.1; done\" & exec sleep infinity'], backoff: {initial: 0s}, stop_timeout: 200ms}\n\
     t: {command: [sleep, infinity], limits: {memory: 1GiB}, backoff: {initial: 0s}}";

fn hidden(site: &Site) -> i32 {
    until("the one that hides", || fs::read_to_string(site.join("hidden")).ok()?.trim().parse().ok())
}

#[test]
fn nothing_of_an_instance_gets_away() {
    let Some(delegated) = Delegated::make("whole", true) else { return };
    let site = Site::with_daemons(HIDES);
    let manager = UnixDatagram::bind(site.join("notify")).unwrap();
    let supervisor = site.start_as(delegated.command(&site).env("NOTIFY_SOCKET", site.join("notify")));
    drop(manager);
    supervisor.wait_for("a/s/1", "ready");
    assert_eq!(delegated.groups(), ["a:s:1", "a:t:1", "supervisor"]);
    let escaped = hidden(&site);
    // What was killed is back, in a group of its own again.
    for _ in 0..5 {
        let pid = supervisor.pid("a/t/1");
        kill(pid, libc::SIGKILL);
        until("its successor", || {
            let status = supervisor.instance("a/t/1");
            (status["state"] == "ready" && status["pid"] != pid).then_some(())
        });
    }
    let stop =
        json!({"request": "operate", "verb": "stop", "selector": "a/s", "wait": true, "at_once": false});
    assert_eq!(last(&supervisor.ask(&stop))["reply"], "done");
    assert!(!lives(escaped));
    assert_eq!(delegated.groups(), ["a:t:1", "supervisor"]);
    assert!(supervisor.instance("a/t/1")["memory"].as_u64().unwrap() > 0);
    assert!(supervisor.stop().success());
    assert_eq!(delegated.groups(), ["supervisor"]);
}

/// One that wipes its environment, leaves its session, and says in a file that it was asked to go.
const POLITE: &str =
    "s: {command: [sh, -c, 'setsid env -i /bin/sh polite & exec sleep infinity'], stop_timeout: 1m}";

#[test]
fn whoever_is_in_the_group_is_asked_to_stop_and_not_only_killed() {
    let Some(delegated) = Delegated::make("polite", true) else { return };
    let site = Site::with_daemons(POLITE);
    let script = "trap 'echo >> told; exit' TERM; echo > up; while :; do /bin/sleep 0.05; done";
    fs::write(site.join("polite"), script).unwrap();
    let manager = UnixDatagram::bind(site.join("notify")).unwrap();
    let supervisor = site.start_as(delegated.command(&site).env("NOTIFY_SOCKET", site.join("notify")));
    drop(manager);
    until("it is there", || site.join("up").exists().then_some(()));
    let stop =
        json!({"request": "operate", "verb": "stop", "selector": "a/s", "wait": true, "at_once": false});
    let begin = Instant::now();
    assert_eq!(last(&supervisor.ask(&stop))["reply"], "done");
    assert!(begin.elapsed() < Duration::from_secs(50), "it was killed");
    assert_eq!(fs::read_to_string(site.join("told")).unwrap(), "\n", "once");
}

#[test]
fn a_group_that_was_not_left_to_it_stays_as_it_is() {
    let Some(unmarked) = Delegated::make("unmarked", false) else { return };
    let site = Site::with_daemons("s: {command: [sleep, infinity]}");
    let manager = UnixDatagram::bind(site.join("notify")).unwrap();
    let supervisor = site.start_as(unmarked.command(&site).env("NOTIFY_SOCKET", site.join("notify")));
    drop(manager);
    supervisor.wait_for("a/s/1", "ready");
    assert_eq!(unmarked.groups(), Vec::<String>::new());
    assert!(supervisor.stop().success());
}

#[test]
fn in_a_terminal_no_group_is_made() {
    let Some(delegated) = Delegated::make("terminal", true) else { return };
    let site = Site::with_daemons("s: {command: [sleep, infinity], limits: {cpu: 50%}}");
    let supervisor = site.start_as(&mut delegated.command(&site));
    supervisor.wait_for("a/s/1", "ready");
    assert_eq!(delegated.groups(), Vec::<String>::new());
    assert!(site.log().contains("limits.memory and limits.cpu of a/s have no effect: they need"));
    assert!(supervisor.stop().success());
}
