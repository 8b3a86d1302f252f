//! Workers that become more and fewer with what waits: the real queue, the real workers, a command a job.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::beanstalkd::Beanstalkd;
use crate::support::{Site, Supervisor, until};

/// Runs a job: one that says `gate` waits for that file, any other takes a moment.
const JOB: &str = "read body; case $body in *gate*) until [ -e gate ]; do sleep 0.05; done ;; *) sleep 0.2 ;; esac; \
                   echo $AYL_APP >> ledger";

fn place(top: &str, applications: &str, max: u32) -> (Beanstalkd, Site) {
    let queue = Beanstalkd::durable();
    let one = |name: &str| {
        format!(
            "  {name}:\n    path: {{dir}}\n    version: \"1\"\n    workers:\n      {{min: 1, max: {max}, target_wait: 300ms, \
             runtime: exec, command: [/bin/sh, -c, '{JOB}']}}\n"
        )
    };
    let all: Vec<String> = applications.split(' ').map(one).collect();
    let (address, all) = (queue.address(), all.concat());
    let text = format!("beanstalk: {address}\ndefaults: {{user: {{me}}}}\n{top}applications:\n{all}");
    (queue, Site::new(&text))
}

fn put(queue: &Beanstalkd, application: &str, code: &str, times: usize) {
    let body = format!("{{\"type\":\"ayl\",\"failed_job_handler\":\"bury\",\"code\":\"{code}\"}}");
    for _ in 0..times {
        queue.says(&format!("use {application}-1\r\nput 512 0 60 {}\r\n{body}\r\n", body.len()));
    }
}

/// The workers there are, those that leave among them: by name, their processes.
fn workers(supervisor: &Supervisor<'_>) -> BTreeMap<String, Value> {
    let all = supervisor.status("all").into_iter();
    all.map(|status| (status["instance"].as_str().unwrap().to_owned(), status["pid"].clone())).collect()
}

fn until_there_are(supervisor: &Supervisor<'_>, application: &str, count: usize) {
    until(&format!("{application} has {count} workers"), || {
        let all = supervisor.status(application);
        let ready = all.iter().filter(|status| status["state"] == "ready").count();
        (ready == count && all.len() == count).then_some(())
    });
}

fn done(site: &Site, application: &str) -> usize {
    fs::read_to_string(site.join("ledger"))
        .unwrap_or_default()
        .lines()
        .filter(|line| *line == application)
        .count()
}

#[test]
fn workers_become_more_with_what_waits_and_fewer_after_it_and_one_with_a_job_stays() {
    let (queue, site) = place("", "a", 3);
    let supervisor = site.start();
    until_there_are(&supervisor, "a", 1);
    put(&queue, "a", "gate", 1);
    let at_work = until("one has a job", || {
        let all = supervisor.status("a").into_iter();
        all.filter(|status| status["job"].is_string()).map(|status| status["pid"].clone()).next()
    });
    put(&queue, "a", "quick", 25);
    until_there_are(&supervisor, "a", 3);
    until("what waited is done", || (done(&site, "a") == 25).then_some(()));
    until_there_are(&supervisor, "a", 2);
    assert!(workers(&supervisor).values().any(|pid| *pid == at_work), "it is taken away with its job");
    fs::write(site.join("gate"), "").unwrap();
    until_there_are(&supervisor, "a", 1);
    assert_eq!(done(&site, "a"), 26, "each job once");

    let (_, events, _) = site.run(&["events", "a"]);
    assert!(events.contains("a release 1: workers 1 -> "), "{events}");
    assert!(events.contains("a release 1: workers 2 -> 1: "), "{events}");
    let (_, events, _) = site.run(&["events", "a", "--json"]);
    let resized = events.lines().filter_map(|line| {
        let event: Value = serde_json::from_str(line).unwrap();
        event.get("resized").cloned()
    });
    let resized: Vec<Value> = resized.collect();
    let last = resized.last().unwrap();
    assert_eq!((&last["from"], &last["to"], &last["max"]), (&2.into(), &1.into(), &3.into()), "{last}");
    let (_, shown, _) = site.run(&["releases", "a"]);
    assert!(shown.contains("1/1 of 1-3"), "{shown}");
    assert!(!site.log().contains("| error: "), "{}", site.log());
}

#[test]
fn two_applications_share_what_the_host_has_and_bounds_change_without_restarts() {
    let (queue, site) = place("max_workers: 4\n", "a b", 4);
    let supervisor = site.start();
    until_there_are(&supervisor, "all", 2);
    let within = || {
        let all = workers(&supervisor);
        assert!(all.len() <= 4, "{all:?}");
        let of = |name: &str| all.keys().filter(|id| id.starts_with(name)).count();
        (of("a/"), of("b/"))
    };
    put(&queue, "a", "quick", 120);
    until("the one has all but the other's least", || (within() == (3, 1)).then_some(()));
    put(&queue, "b", "quick", 120);
    until("both have the same", || (within() == (2, 2)).then_some(()));
    until("all is done", || {
        within();
        (done(&site, "a") + done(&site, "b") == 240).then_some(())
    });
    until("each has its least", || (within() == (1, 1)).then_some(()));

    let before = workers(&supervisor);
    let text = fs::read_to_string(site.join("daemons.yml")).unwrap();
    site.configure(&text.replace("min: 1", "min: 2"));
    assert_eq!(site.run(&["reload"]).0, 0);
    let after = workers(&supervisor);
    assert_eq!(after.len(), 4);
    assert!(before.iter().all(|(id, pid)| after[id] == *pid), "{before:?} {after:?}");
}
