//! Schedulers as the supervisor keeps them: `ayl_scheduler` with a timetable, and commands of
//! an application's own.

use std::fs;

use serde_json::Value;

use crate::beanstalkd::Beanstalkd;
use crate::support::{Site, kill, lives, until};

/// A queue, and a site with one application `a` that has this `scheduler`.
fn place(scheduler: &str) -> (Beanstalkd, Site) {
    let queue = Beanstalkd::durable();
    let site = Site::new(&format!(
        "beanstalk: {}\ndefaults: {{user: {{me}}}}\napplications:\n  a:\n    path: {{dir}}\n    \
         version: \"1\"\n    tube: t\n    scheduler: {scheduler}\n",
        queue.address()
    ));
    fs::create_dir(site.join("config")).unwrap();
    (queue, site)
}

/// The first job on the tube, once there is one.
fn job(queue: &Beanstalkd) -> Value {
    use std::io::{Read, Write};
    until("a job is on the tube", || {
        let mut stream = std::os::unix::net::UnixStream::connect(queue.socket()).unwrap();
        stream.write_all(b"use t\r\npeek-ready\r\nquit\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.lines().find_map(|line| serde_json::from_str(line).ok())
    })
}

/// The entries that `schedule --json` shows.
fn entries(site: &Site, more: &[&str]) -> Vec<Value> {
    let (code, out, err) = site.run(&[&["schedule"], more, &["--json"]].concat());
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    serde_json::from_str(&out).unwrap()
}

const TIMETABLE: &str = "\
beat: {every: 1s, code: Monitor.beat}
census: {schedule: 0 3 1 1 *, timezone: America/Denver, code: Resident.census}
";

#[test]
fn a_timetable_is_kept_shown_and_an_entry_runs_at_once_when_asked() {
    let (queue, site) = place("config/schedule.yml");
    fs::write(site.join("config/schedule.yml"), TIMETABLE).unwrap();
    let supervisor = site.start();
    supervisor.wait_for("a/scheduler/1", "ready");
    let message = job(&queue);
    assert_eq!(message["code"], "Monitor.beat");
    assert!(message["slot"].as_str().unwrap().starts_with("beat@"), "{message}");

    let census = until("census has its token", || {
        entries(&site, &["a", "census"]).pop().filter(|entry| entry["token"] == "waiting")
    });
    assert_eq!(census["timezone"], "America/Denver");
    assert!(census["next_local"].as_str().unwrap().ends_with("-01-01 03:00:00"), "{census}");
    assert!(census["next"].as_str().unwrap().ends_with("-01-01T10:00:00Z"), "{census}");
    assert!(census["holder"].as_str().unwrap().ends_with("/a/scheduler/1"), "{census}");
    assert_eq!((&census["last"], &census["lag"]), (&Value::Null, &Value::Null));
    until("what beat has done is shown", || {
        entries(&site, &[]).into_iter().find(|entry| entry["entry"] == "beat" && entry["last"].is_string())
    });

    let (code, out, err) = site.run(&["schedule", "a", "census", "--run-now"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let number = out.strip_prefix("job ").and_then(|rest| rest.split_once(" is put on t: ")).unwrap();
    assert_eq!(number.1, "Resident.census\n");
    let found = queue.says(&format!("peek {}\r\n", number.0));
    assert!(found.starts_with("FOUND"), "{found}");
    // Its slots are as they were.
    assert_eq!(entries(&site, &["a", "census"])[0]["next"], census["next"]);
}

#[test]
fn what_cannot_be_shown_says_why() {
    let (mut queue, site) = place("config/schedule.yml");
    fs::write(site.join("config/schedule.yml"), TIMETABLE).unwrap();
    let refused = |words: &[&str]| {
        let (code, _, err) = site.run(words);
        (code, err)
    };
    let text = "abaqis-daemons: no application is named b; there is a\n".to_owned();
    assert_eq!(refused(&["schedule", "b"]), (66, text));
    let text = "abaqis-daemons: the timetable of a has no entry x; there is beat, census\n".to_owned();
    assert_eq!(refused(&["schedule", "a", "x", "--run-now"]), (66, text));
    assert_eq!(refused(&["schedule", "a", "--run-now"]).0, 64);
    assert_eq!(entries(&site, &["a", "beat"])[0]["token"], "missing");

    queue.kill();
    let (code, out, err) = site.run(&["schedule", "a", "--json"]);
    assert_eq!(code, 69);
    assert!(err.starts_with("abaqis-daemons: cannot reach beanstalkd at unix:"), "{err}");
    // What the timetable alone says is shown all the same.
    assert_eq!(serde_json::from_str::<Vec<Value>>(&out).unwrap().len(), 2);
    assert_eq!(refused(&["schedule", "a", "beat", "--run-now"]).0, 69);

    fs::write(site.join("config/schedule.yml"), "beat: {every: 1s}\n").unwrap();
    let (code, err) = refused(&["schedule"]);
    assert_eq!(code, 78);
    assert!(err.contains("config/schedule.yml:1:1: beat: code, or class and method, is missing"), "{err}");
}

#[test]
fn a_scheduler_may_be_a_command_and_is_kept_like_any_other_daemon() {
    let (_queue, site) = place(
        "{command: [/bin/sh, -c, \"echo $AYL_APP $AYL_TUBE $AYL_INSTANCE >> clock; exec sleep 1000\"], \
         backoff: {initial: 0s}}",
    );
    let supervisor = site.start();
    supervisor.wait_for("a/scheduler/1", "ready");
    let lines = |count: usize| {
        until("the clock has begun", || {
            let text = fs::read_to_string(site.join("clock")).unwrap_or_default();
            (text.lines().count() == count).then_some(text)
        })
    };
    assert_eq!(lines(1), "a t a/scheduler/1\n");
    let first = supervisor.pid("a/scheduler/1");
    kill(first, libc::SIGKILL);
    lines(2);
    let status = supervisor.wait_for("a/scheduler/1", "ready");
    assert_ne!(status["pid"], first);

    let (code, _, err) = site.run(&["schedule", "a"]);
    assert_eq!((code, err.as_str()), (66, "abaqis-daemons: a has no timetable that ayl_scheduler keeps\n"));
    let (code, out, err) = site.run(&["restart", "a/scheduler"]);
    assert_eq!(code, 0, "{out}{err}");
    lines(3);
    let last = supervisor.pid("a/scheduler/1");
    assert!(supervisor.stop().success());
    assert!(!lives(last));
}
