//! What goes wrong around the supervisor, and leaves it as it is.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde_json::json;

use crate::support::{Site, last, until};

const SLEEPER: &str = "s: {command: [sleep, infinity]}";

#[test]
fn a_client_that_says_nothing_delays_nobody() {
    let site = Site::with_daemons(SLEEPER);
    let supervisor = site.start();
    let silent: Vec<UnixStream> =
        (0..10).map(|_| UnixStream::connect(site.join("run/control.sock")).unwrap()).collect();
    assert_eq!(supervisor.wait_for("a/s/1", "ready")["state"], "ready");
    drop(silent);
}

#[test]
fn one_who_follows_and_does_not_read_is_left_behind() {
    let site = Site::with_daemons(
        "s: {command: ['true'], count: 60, backoff: {initial: 0s, max: 0s}, start_limit: {count: 10000, within: 1m}}",
    );
    let supervisor = site.start();
    let mut stuck = UnixStream::connect(site.join("run/control.sock")).unwrap();
    stuck.write_all(b"{\"request\":\"events\",\"selector\":\"all\",\"recent\":0,\"follow\":true}\n").unwrap();
    let restarts = || supervisor.instance("a/s/1")["restarts"].as_u64().unwrap();
    let begin = restarts();
    until("life goes on", || (restarts() > begin + 4).then_some(()));
    // And what it did not read is there for others.
    let events =
        supervisor.ask(&json!({"request": "events", "selector": "a/s/1", "recent": 5, "follow": false}));
    assert_eq!(events.len(), 6);
    // It is let go before long, busy or not: the other end is closed.
    let stop = json!({"request": "operate", "verb": "stop", "selector": "a", "wait": true, "at_once": false});
    assert_eq!(last(&supervisor.ask(&stop))["reply"], "done");
    until("the other end is closed", || {
        let mut ended = [PollFd::new(stuck.as_fd(), PollFlags::empty())];
        poll(&mut ended, PollTimeout::ZERO).unwrap();
        ended[0].revents()?.contains(PollFlags::POLLHUP).then_some(())
    });
}

#[test]
fn one_who_follows_and_reads_is_told_everything() {
    let site = Site::with_daemons(SLEEPER);
    let supervisor = site.start();
    supervisor.wait_for("a/s/1", "ready");
    let mut stream = UnixStream::connect(site.join("run/control.sock")).unwrap();
    stream.write_all(b"{\"request\":\"events\",\"selector\":\"a\",\"recent\":1,\"follow\":true}\n").unwrap();
    let mut lines = BufReader::new(stream).lines().skip(1).map(|line| {
        let event: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        event["to"].clone()
    });
    assert_eq!(lines.next().unwrap(), "ready");
    let restart =
        json!({"request": "operate", "verb": "restart", "selector": "a", "wait": true, "at_once": false});
    assert_eq!(last(&supervisor.ask(&restart))["reply"], "done");
    let told: Vec<serde_json::Value> = lines.take_while(|to| to != "ready").collect();
    assert_eq!(told.first().unwrap(), "stopping");
    assert_eq!(told.last().unwrap(), "starting");
}

#[test]
fn a_full_disk_costs_only_the_memory_of_a_stop() {
    let site = Site::with_daemons(SLEEPER);
    let supervisor = site.start();
    supervisor.wait_for("a/s/1", "ready");
    // Nothing can be written there, as on a full disk.
    fs::create_dir(site.join("run/words.new")).unwrap();
    let stop = json!({"request": "operate", "verb": "stop", "selector": "a", "wait": true, "at_once": false});
    assert_eq!(last(&supervisor.ask(&stop))["reply"], "done");
    assert_eq!(supervisor.instance("a/s/1")["state"], "stopped");
    until("it is said", || site.log().contains("cannot remember what operators have stopped").then_some(()));
}

#[test]
fn without_descriptors_it_goes_on_and_says_why_nothing_starts() {
    let site = Site::with_daemons("s: {command: [sleep, infinity], count: 60}");
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "ulimit -n 64; exec \"$0\" run", env!("CARGO_BIN_EXE_abaqis-daemons")]);
    command.env("ABAQIS_CONFIG", site.join("daemons.yml")).env("ABAQIS_RUNTIME_DIR", site.join("run"));
    command.env_remove("NOTIFY_SOCKET");
    let mut supervisor = site.start_as(&mut command);
    until("the reason", || site.log().contains("Too many open files").then_some(()));
    supervisor.signal(libc::SIGTERM);
    assert!(supervisor.ended().success());
}

#[test]
fn a_queue_that_is_away_is_no_reason_not_to_run() {
    let site = Site::new(
        "beanstalk: 127.0.0.1:1\ndefaults: {user: {me}}\napplications:\n  a:\n    path: {dir}\n    version: \"1\"\n    daemons: {s: {command: [sleep, infinity]}}\n",
    );
    let supervisor = site.start();
    supervisor.wait_for("a/s/1", "ready");
}

#[test]
fn log_files_that_were_renamed_are_opened_anew_on_sigusr1() {
    let site = Site::with_daemons(
        "s: {command: [sh, -c, 'while echo a line; do sleep 0.05; done'], log: {file: '{path}/s.log'}}",
    );
    let supervisor = site.start();
    let path = site.join("s.log");
    let line = || fs::read_to_string(&path).ok().filter(|text| text.contains("a line"));
    until("a line", line);
    fs::rename(&path, site.join("s.log.old")).unwrap();
    supervisor.signal(libc::SIGUSR1);
    until("a line in a new file", line);
}
