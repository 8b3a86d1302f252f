//! The supervisor with many daemons: how long it takes to start and stop them, what it holds, how
//! often it wakes up, how soon one that was killed is back. Beside a bare loop of fork and exec.
//!
//! ```text
//!   cargo bench --bench supervisor [DAEMONS]
//! ```

#[path = "../tests/support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::{Site, Supervisor, kill, last, lives, processes_with, until};

/// How long it is watched doing nothing.
const IDLE: Duration = Duration::from_secs(10);

/// How often one is killed.
const KILLS: usize = 200;

fn main() {
    let count = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(1000);
    let (bare_start, bare_stop) = bare(count);
    let daemons = format!("s: {{command: [sleep, infinity], count: {count}, backoff: {{initial: 0s}}}}");
    let site = Site::with_daemons(&daemons);
    let begin = Instant::now();
    let supervisor = site.start();
    // Asking for all costs it time, so only for the last.
    supervisor.wait_for(&format!("a/s/{count}"), "ready");
    report("start", begin.elapsed(), bare_start);
    until("all are ready", || supervisor.status("a").iter().all(|s| s["state"] == "ready").then_some(()));
    let pid = supervisor.child.id();
    std::thread::sleep(Duration::from_secs(2));
    let waits = value(&format!("/proc/{pid}/status"), "voluntary_ctxt_switches:");
    std::thread::sleep(IDLE);
    let waits = value(&format!("/proc/{pid}/status"), "voluntary_ctxt_switches:") - waits;
    println!("idle: {waits} voluntary context switches in {} s", IDLE.as_secs());
    let pss = value(&format!("/proc/{pid}/smaps_rollup"), "Pss:");
    println!("memory: {pss} KiB PSS for {count} daemons");
    let begin = Instant::now();
    site.run(&["status"]);
    println!("status, the whole command: {} ms", begin.elapsed().as_millis());
    respawn(&supervisor);
    let one = supervisor.pid("a/s/1");
    let begin = Instant::now();
    supervisor.stop();
    report("stop", begin.elapsed(), bare_stop);
    assert!(!lives(one) && processes_with("AYL_INSTANCE", "a/s/1").is_empty(), "something is left");
}

/// Starts and ends as many without a supervisor.
fn bare(count: usize) -> (Duration, Duration) {
    let begin = Instant::now();
    let start = || Command::new("sleep").arg("infinity").stdin(Stdio::null()).spawn().unwrap();
    let mut children: Vec<Child> = (0..count).map(|_| start()).collect();
    let started = begin.elapsed();
    let begin = Instant::now();
    for child in &mut children {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    (started, begin.elapsed())
}

fn report(what: &str, took: Duration, bare: Duration) {
    let ratio = took.as_secs_f64() / bare.as_secs_f64();
    println!("{what}: {} ms, a bare loop {} ms: {ratio:.2} times", took.as_millis(), bare.as_millis());
}

fn value(file: &str, key: &str) -> u64 {
    let text = fs::read_to_string(file).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// From the kill until the successor is a child of the supervisor, seen from outside,
/// beside a loop that does nothing but wait and start the next.
fn respawn(supervisor: &Supervisor<'_>) {
    let pid = supervisor.child.id();
    let children = || -> BTreeSet<i32> {
        let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        text.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
    };
    // Another one each time: one that is killed too often is given up.
    let victims: Vec<i32> = children().into_iter().take(KILLS).collect();
    let ours = victims.into_iter().map(|victim| {
        let before = children();
        let begin = Instant::now();
        kill(victim, libc::SIGKILL);
        // Without a pause: it is over in less than one.
        while children().is_subset(&before) {
            assert!(begin.elapsed() < IDLE, "no successor");
        }
        begin.elapsed()
    });
    let ours = spread("kill to the next process", ours.collect());
    let mut child = Command::new("sleep").arg("infinity").stdin(Stdio::null()).spawn().unwrap();
    let bare = (0..KILLS).map(|_| {
        let begin = Instant::now();
        child.kill().unwrap();
        child.wait().unwrap();
        child = Command::new("sleep").arg("infinity").stdin(Stdio::null()).spawn().unwrap();
        begin.elapsed()
    });
    let bare = spread("a bare loop", bare.collect());
    child.kill().unwrap();
    child.wait().unwrap();
    println!(
        "kill to the next process: p50 {:.2} times the bare loop's",
        ours.as_secs_f64() / bare.as_secs_f64()
    );
}

/// Prints the spread of some times; their median.
fn spread(what: &str, mut times: Vec<Duration>) -> Duration {
    times.sort();
    let at = |part: usize| times[(times.len() - 1) * part / 100];
    let slowest = last(&times).as_micros();
    println!("{what}: p50 {} µs, p99 {} µs, slowest {slowest} µs", at(50).as_micros(), at(99).as_micros());
    at(50)
}
