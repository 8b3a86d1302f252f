//! Restart after restart, of real processes: what a host sees of a daemon that crashes for weeks.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use crate::support::{Site, Supervisor, processes_with};

/// How many, after those in which everything gets the memory it needs.
const RESTARTS: u64 = 10_000;
const FIRST: u64 = 1000;

/// By how much the memory of the supervisor's own may grow over all of them, in KiB.
const GROWTH: u64 = 512;

/// Only a test that fails takes so long.
const LONG: Duration = Duration::from_mins(10);

/// What the supervisor holds while nothing runs.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    /// How many descriptors lead to what.
    descriptors: BTreeMap<String, usize>,
    /// Its children, zombies too.
    children: String,
    /// What its daemons have left: files below the runtime directory.
    sockets: usize,
}

fn held(site: &Site, supervisor: &Supervisor<'_>) -> Held {
    let own = supervisor.child.id();
    let mut descriptors: BTreeMap<String, usize> = BTreeMap::new();
    for entry in fs::read_dir(format!("/proc/{own}/fd")).unwrap().flatten() {
        // One that is closed meanwhile is not held.
        let Ok(target) = fs::read_link(entry.path()) else { continue };
        // The numbers of pipes and sockets say nothing.
        let kind = target.to_string_lossy().split('[').next().unwrap_or_default().to_owned();
        *descriptors.entry(kind).or_default() += 1;
    }
    let children = fs::read_to_string(format!("/proc/{own}/task/{own}/children")).unwrap();
    let sockets = fs::read_dir(site.join("run/notify")).unwrap().count();
    Held { descriptors, children, sockets }
}

/// The memory that is the supervisor's own, in KiB.
fn memory(supervisor: &Supervisor<'_>) -> u64 {
    let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", supervisor.child.id())).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("Private_Dirty:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn restarts(supervisor: &Supervisor<'_>) -> u64 {
    supervisor.status("all").iter().filter_map(|status| status["restarts"].as_u64()).sum()
}

/// Has everything run until it was restarted so many times more, then stops it all.
fn restart(site: &Site, supervisor: &Supervisor<'_>, times: u64) {
    let until = restarts(supervisor) + times;
    assert_eq!(site.run(&["start", "all", "--no-wait"]).0, 0);
    let end = Instant::now() + LONG;
    while restarts(supervisor) < until {
        assert!(Instant::now() < end, "only {} of {until} restarts", restarts(supervisor));
        std::thread::sleep(Duration::from_millis(20));
    }
    let (code, _, text) = site.run(&["stop", "all"]);
    assert_eq!(code, 0, "{text}");
}

#[test]
fn ten_thousand_restarts_leave_no_orphan_no_zombie_no_descriptor_and_no_memory_behind() {
    // One ends well, one ill, one is killed; one leaves another behind in its group, one
    // another that has left its session; one writes, one reports, one cannot be run at all.
    let site = Site::new(
        "defaults:\n  user: {me}\n  env: {ENDLESS: '{dir}'}\n  backoff: {initial: 0s, max: 50ms}\n  \
         start_limit: {count: 10000, within: 1s}\n\
         applications:\n  a:\n    path: {dir}\n    version: \"1\"\n    daemons:\n      \
         well: {command: ['true'], count: 3}\n      \
         ill: {command: ['false'], count: 2}\n      \
         killed: {command: [sh, -c, 'kill -9 $$'], backoff: {initial: 10ms, max: 10ms}}\n      \
         parent: {command: [sh, -c, 'sleep 100 & exit 3'], backoff: {initial: 20ms, max: 20ms}}\n      \
         escapee: {command: [sh, -c, 'setsid sleep 100 & exit 0'], backoff: {initial: 100ms, max: 100ms}}\n      \
         writer: {command: [echo, something], log: {file: {dir}/written, max_size: 16KiB, keep: 1}, backoff: {initial: 5ms, max: 5ms}}\n      \
         missing: {command: [/nowhere], backoff: {initial: 20ms, max: 20ms}}\n",
    );
    let supervisor = site.start();
    restart(&site, &supervisor, FIRST);
    let (before, began_with) = (held(&site, &supervisor), memory(&supervisor));
    assert_eq!(before.children, "");

    let begin = Instant::now();
    restart(&site, &supervisor, RESTARTS);
    println!("{RESTARTS} restarts in {:?}", begin.elapsed());

    // The last client's connection may be about to be closed.
    let end = Instant::now() + Duration::from_mins(1);
    while held(&site, &supervisor) != before {
        let now = held(&site, &supervisor);
        assert!(Instant::now() < end, "{now:?} is held, {before:?} before");
        std::thread::sleep(Duration::from_millis(20));
    }
    let now = memory(&supervisor);
    println!("{began_with} KiB before, {now} KiB after");
    assert!(now <= began_with + GROWTH, "{now} KiB, {began_with} KiB before");
    assert_eq!(processes_with("ENDLESS", site.path().to_str().unwrap()), [0; 0]);
    for daemon in ["well", "ill", "killed", "parent", "escapee", "writer", "missing"] {
        let restarts = supervisor.instance(&format!("a/{daemon}/1"))["restarts"].as_u64().unwrap();
        // One that ends well is started again once a second, however quick all else is.
        assert!(restarts > 1, "a/{daemon}/1 was restarted {restarts} times");
    }
    assert!(supervisor.stop().success());
}
