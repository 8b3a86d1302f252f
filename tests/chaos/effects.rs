//! Which faults took hold: told by what the programs said of them, and by what they went through.

use std::fmt;

use jiff::Timestamp;

use crate::host::now;
use crate::site::Site;
use crate::verdict::Happened;

/// What is said where a fault has taken hold.
const SAID: [(&str, &str); 12] = [
    ("no process could be begun", "Resource temporarily unavailable"),
    ("no descriptor could be had", "Too many open files"),
    ("no room on the disk", "No space left on device"),
    ("no room for what is remembered", "cannot remember"),
    ("no room in the binlog", "OUT_OF_MEMORY"),
    ("upgrades", "understands the state"),
    ("edits applied", "the configuration is applied"),
    ("edits refused", "the configuration is not applied"),
    ("deploys", "what is deployed has changed"),
    ("environment files refused", "expected NAME=VALUE"),
    ("timetables refused", "evrey"),
    ("one application more", "d/rest/1 starting"),
];

/// What is done to processes, where there are any to do it to.
const DONE: [&str; 16] = [
    "Kill(Worker",
    "Kill(Executor",
    "Kill(Preloader",
    "Kill(Scheduler",
    "Kill(Queue",
    "Pause(Worker",
    "Pause(Executor",
    "Pause(Preloader",
    "Pause(Scheduler",
    "Pause(Supervisor",
    "Pause(Queue",
    "NoProcesses(Worker",
    "NoProcesses(Supervisor",
    "NoDescriptors(Worker",
    "NoDescriptors(Supervisor",
    "the supervisor ended with signal: 9",
];

/// How often each thing happened that faults are to bring about.
pub(crate) struct Effects(Vec<(&'static str, usize)>);

impl Effects {
    /// Those on a site that these faults happened to, of whose jobs this many were not put for certain.
    pub(crate) fn of(site: &Site, faults: &[Happened], uncertain: usize) -> Self {
        let said = [site.log(), site.journal()];
        let times = |phrase: &str| said.iter().map(|text| text.matches(phrase).count()).sum();
        let mut all: Vec<(&str, usize)> = SAID.map(|(what, phrase)| (what, times(phrase))).to_vec();
        // Whose lines have come through the supervisor.
        let by_its_log =
            |line: &&str| line.split_once(" | ").is_some_and(|(name, _)| name.contains("/worker/"));
        all.push(("lines that the journal did not take", said[0].lines().filter(by_its_log).count()));
        let spoilt = |way: usize| site.proxies.iter().map(|proxy| proxy.spoilt()[way]).sum();
        let ways = ["pieces held up", "connections cut", "answers garbled"];
        all.extend((0..).zip(ways).map(|(way, what)| (what, spoilt(way))));
        let (fast, slow) = clocks(&site.ledger());
        all.extend([("jobs run by a fast clock", fast), ("jobs run by a slow clock", slow)]);
        all.push(("jobs not put for certain", uncertain));
        all.extend(
            DONE.map(|what| (what, faults.iter().filter(|fault| fault.what.starts_with(what)).count())),
        );
        let forked = |fault: &&Happened| {
            fault.what.starts_with("Kill(Executor") && fault.what.contains("forked: true")
        };
        all.push(("kills of forked executors", faults.iter().filter(forked).count()));
        Self(all)
    }

    /// What never happened.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        self.0.iter().filter(|(_, times)| *times == 0).map(|(what, _)| *what).collect()
    }
}

impl fmt::Display for Effects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = self.0.iter().map(|(what, times)| format!("{times} {what}")).collect();
        f.write_str(&all.join(", "))
    }
}

/// How many beats of a ledger were written while the clock on the wall was fast, and slow.
fn clocks(ledger: &str) -> (usize, usize) {
    // What the wall shows when the other clock shows 0, in seconds.
    let origin = Timestamp::now().as_second() - i64::try_from(now() / 1000).unwrap_or_default();
    let beats = ledger.lines().filter_map(|line| {
        let (at, wall) = line.strip_prefix("beat ")?.split_once(' ')?.1.split_once(' ')?;
        Some(wall.parse::<i64>().ok()? - origin - at.parse::<i64>().ok()? / 1000)
    });
    let ahead: Vec<i64> = beats.collect();
    (ahead.iter().filter(|ahead| **ahead > 1).count(), ahead.iter().filter(|ahead| **ahead < -1).count())
}
