//! Everything goes wrong at once, for a while; then the ledger that the jobs have written and
//! the list of what really happened have to agree.
//!
//! ```text
//!     seed ─► schedule ─► host (kills, pauses, cuts, fills, edits, deploys, commands) ─┐
//!                          │ puts jobs                                                 ▼
//!                          ▼                                                       verdict
//!         queue ◄─ proxy ◄─ supervisor ─ workers ─ executors ─► ledger ────────────────▲
//! ```
//!
//! `make chaos SEED=7 SECONDS=600` is the long form. The seed is printed; the same seed is the
//! same schedule, though not the same machine below it. `KEEP=FOLDER` keeps what everybody wrote.

#[path = "../support/beanstalkd.rs"]
mod beanstalkd;
mod clock;
mod commands;
mod configuration;
mod effects;
mod held;
mod host;
mod journal;
mod lookout;
mod operators;
mod processes;
mod proxy;
#[path = "../simulation/random.rs"]
mod random;
mod record;
mod schedule;
mod settings;
mod site;
mod slots;
mod verdict;

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime};

use configuration::{every_tube, tube};
use effects::Effects;
use held::{Held, until_calm};
use host::Host;
use jiff::Timestamp;
use nix::sys::signal::Signal;
use processes::{begun_by_operators, kill, marked};
use schedule::{APPLICATIONS, plan};
use site::Site;
use verdict::{Happened, Reach, judge, judge_beats, read_beats, read_ledger};

/// How long the host has to be as it should again.
const RECOVERY: Duration = Duration::from_secs(90);

/// So many jobs of no length for each application give each of its workers several.
const WARM: usize = 100;

/// From this length on every fault has to have taken hold.
const LONG: Duration = Duration::from_mins(5);

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn whatever_goes_wrong_every_job_is_run_and_nothing_is_left_behind() {
    let length = Duration::from_secs(number("SECONDS").unwrap_or(10));
    let of_now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let seed = number("SEED").unwrap_or_else(of_now);
    println!("SEED={seed} SECONDS={}", length.as_secs());
    let schedule = plan(seed, length);

    let begin = host::now();
    let mut host = Host::new(Site::start(), seed);
    until_ready(&mut host);
    // Nothing is promised of an entry before it has been put for the first time.
    until(&mut host, "the first slot", |host| {
        if host.site.slots().is_empty() { Err("nothing is put".to_owned()) } else { Ok(()) }
    });
    all_go_by_the_clock(&mut host);
    warm_up(&mut host);
    let before = Held::settled(&host);
    host.endure(&schedule);
    host.put_right();
    until_ready(&mut host);
    until_scheduled(&mut host);
    drain(&mut host);
    warm_up(&mut host);
    until_calm(&mut host, &before);
    leave(&mut host);

    let ledger = host.site.ledger();
    let runs = read_ledger(&ledger);
    let tampered = host.tampered();
    let mut wrong = host.seen.clone();
    wrong.extend(judge(&host.puts, &runs, &host.faults, &tampered).iter().map(ToString::to_string));
    wrong.extend(judge_beats(&ledger, begin, host::now(), &host.faults).iter().map(ToString::to_string));
    let slots = host.site.slots();
    let scheduler = Reach::Instance("c/scheduler/1".to_owned());
    let may_repeat = |fault: &&Happened| fault.reach == Reach::Everything || fault.reach == scheduler;
    let may_repeat = host.faults.iter().filter(may_repeat).count();
    wrong.extend(slots::judge(&slots, may_repeat).iter().map(ToString::to_string));
    let certain = host.puts.iter().filter(|put| put.number.is_some()).count();
    let again = runs.len() - runs.iter().map(|run| run.job).collect::<BTreeSet<_>>().len();
    println!(
        "{} faults; {certain} of {} jobs put for certain, {} runs, {again} of them not the first; {} slots",
        host.faults.len(),
        host.puts.len(),
        runs.len(),
        slots.len()
    );
    let left = tampered.copies.iter().filter(|copy| copy.to.is_none()).count();
    let (copies, deleted) = (tampered.copies.len(), tampered.deleted.len());
    println!("{copies} copies of jobs were made, {left} of them left; {deleted} jobs were deleted");
    let effects = Effects::of(&host, host.puts.len() - certain);
    println!("{effects}");
    if length >= LONG && host.site.root {
        wrong.extend(effects.missing().iter().map(|what| format!("there were no {what}")));
    }
    let faults: Vec<String> = host.faults.iter().map(ToString::to_string).collect();
    let faults = faults.join("\n");
    if let Some(folder) = std::env::var_os("KEEP") {
        host.site.keep(folder.as_ref(), &faults);
    }
    if !wrong.is_empty() {
        eprintln!("{faults}");
        eprintln!("the supervisor's log:\n{}\nthe journal:\n{}", host.site.log(), host.site.journal());
        panic!("SEED={seed} SECONDS={}: {}", length.as_secs(), wrong.join("\n"));
    }
    assert!(certain > 0 && !runs.is_empty());
}

/// Waits until something is so; meanwhile the supervisor is started again if need be.
#[track_caller]
fn until(host: &mut Host, what: &str, mut found: impl FnMut(&mut Host) -> Result<(), String>) {
    let end = Instant::now() + RECOVERY;
    while let Err(not) = found(host) {
        host.tend();
        if Instant::now() > end {
            let (log, journal) = (host.site.log(), host.site.journal());
            panic!("{what}: {not}\n{}\n{log}\nthe journal:\n{journal}", host.seen.join("\n"));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// An operator's command: what it prints, or what it says is wrong.
fn run(host: &Host, words: &[&str]) -> Result<String, String> {
    let words: Vec<String> = words.iter().map(ToString::to_string).collect();
    let output = host.site.operator(&words).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(text) } else { Err(format!("{words:?}: {text}{said}")) }
}

/// Operators start everything, and everything is ready.
fn until_ready(host: &mut Host) {
    until(host, "it can be asked", |host| run(host, &["status"]).map(drop));
    // What waits for one that an operator has stopped could not be brought to what the file says.
    until(host, "everything may run", |host| run(host, &["start", "all", "--no-wait"]).map(drop));
    until(host, "the file is applied", |host| run(host, &["reload"]).map(drop));
    // Of what was rolled back the jobs of the version after it are run as well.
    for application in APPLICATIONS {
        until(host, "what is deployed is current", |host| run(host, &["deploy", application]).map(drop));
    }
    until(host, "everything starts", |host| run(host, &["start", "all", "--no-wait"]).map(drop));
    until(host, "everything is ready", |host| {
        let text = run(host, &["status", "--json"])?;
        let all: Vec<serde_json::Value> = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        let ready = |status: &serde_json::Value| status["state"] == "ready";
        if all.len() >= 12 && all.iter().all(ready) { Ok(()) } else { Err(text) }
    });
}

/// Every entry of the timetable is run again; then its scheduler has done its part.
fn until_scheduled(host: &mut Host) {
    let (from, on_the_wall) = (host::now(), Timestamp::now());
    until(host, "every entry is run again", |host| {
        let beats = read_beats(&host.site.ledger());
        let again = ["one", "two"]
            .map(|entry| beats.get(entry).and_then(|at| at.last()).is_some_and(|&at| at > from));
        let slots = host.site.slots();
        let (first, last) = (slots.iter().min(), slots.iter().max());
        let up_to_date = last.is_some_and(|&last| last > on_the_wall);
        if again == [true; 2] && up_to_date {
            return Ok(());
        }
        Err(format!("one and two: {again:?}; slots from {first:?} to {last:?} at {on_the_wall}"))
    });
    until(host, "the scheduler stops", |host| run(host, &["stop", "c/scheduler"]).map(drop));
}

/// The supervisor, and all that it has started, see the clock that is set; it says so itself.
fn all_go_by_the_clock(host: &mut Host) {
    let all = marked(host.site.mark());
    let daemons = all.iter().filter(|process| !process.instance.contains("/web/")).map(|process| process.pid);
    for pid in daemons.chain([host.site.pid()]) {
        assert!(host.site.clock.is_of(pid), "process {pid} goes by another clock");
    }
    if !host.site.clock.can_be_set() {
        return;
    }
    host.site.clock.set(5);
    let begin = Timestamp::now();
    until(host, "one is started while the clock is fast", |host| {
        run(host, &["restart", "a/web"])?;
        let text = run(host, &["status", "a/web", "--json"])?;
        let status: serde_json::Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        let since = status[0]["since"].as_str().and_then(|since| since.parse::<Timestamp>().ok());
        let fast = since.is_some_and(|since| since.duration_since(begin).as_secs() >= 4);
        if fast { Ok(()) } else { Err(text) }
    });
    host.site.clock.set(0);
}

/// Every worker runs some jobs: what its executor needs for that it has from then on.
fn warm_up(host: &mut Host) {
    let from = host.puts.len() as u64;
    host.put_many(WARM);
    until(host, "a job of each is run", |host| {
        let runs = read_ledger(&host.site.ledger());
        let run = runs.iter().filter(|run| run.job >= from && run.end.is_some()).count();
        if run >= host.puts.len() - usize::try_from(from).unwrap() { Ok(()) } else { Err(format!("{run}")) }
    });
}

/// Every job that is in the queue is run. What was buried, since its executor was killed three
/// times, is kicked, as an operator would; and both versions have their turn, and both tubes of each.
fn drain(host: &mut Host) {
    let mut turned = Instant::now();
    until(host, "the queue is empty", |host| {
        let mut left = Vec::new();
        for (application, other, version) in every_tube() {
            let tube = tube(application, other, version);
            host.site.delete_what_is_no_message(&tube);
            let said = host.site.ask_queue(&format!("use {tube}\r\nkick 1000\r\nstats-tube {tube}\r\n"));
            let said = said.ok_or("the queue says nothing")?;
            let jobs = said.lines().any(|line| {
                let (key, count) = line.split_once(": ").unwrap_or_default();
                let of_jobs = ["ready", "reserved", "delayed", "buried"];
                of_jobs.iter().any(|state| key == format!("current-jobs-{state}")) && count.trim() != "0"
            });
            if jobs {
                left.push((application, tube));
            }
        }
        if left.is_empty() {
            return Ok(());
        }
        if turned.elapsed() > Duration::from_secs(4) {
            turned = Instant::now();
            for application in 0..APPLICATIONS.len() {
                let mut of_it = left.iter().filter(|(other, _)| *other == application).map(|(_, tube)| tube);
                let now = host.site.tube(application);
                if let Some(tube) = of_it.clone().next().filter(|_| !of_it.any(|tube| *tube == now)) {
                    host.site.turn_to(application, tube);
                }
            }
        }
        Err(format!("jobs are left on {:?}", left.iter().map(|(_, tube)| tube).collect::<Vec<_>>()))
    });
}

/// The supervisor ends in good order, and nothing of it is left.
fn leave(host: &mut Host) {
    kill(host.site.pid(), Signal::SIGTERM);
    let begin = Instant::now();
    let status = loop {
        if let Some(status) = host.site.ended() {
            break status;
        }
        assert!(begin.elapsed() < RECOVERY, "the supervisor does not end:\n{}", host.site.log());
        std::thread::sleep(Duration::from_millis(5));
    };
    if !status.success() {
        host.seen.push(format!("the supervisor, asked to end, ended with {status}"));
    }
    for process in marked(host.site.mark()) {
        host.seen.push(format!("an orphan: {process:?}"));
    }
    for pid in begun_by_operators(host.site.mark()) {
        host.seen.push(format!("process {pid} has outlived the operator's command that began it"));
    }
}
