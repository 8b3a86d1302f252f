//! Which faults took hold: told by what the programs said of them, and by what they went through.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;

use crate::host::{Host, now};
use crate::settings::SETTINGS;
use crate::verdict::Moment;

/// What is said where a fault has taken hold.
const SAID: [(&str, &str); 13] = [
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
    ("FIFOs refused", "not a regular file"),
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
pub(crate) struct Effects {
    all: Vec<(String, usize)>,
    /// What was not tried often enough to be missed.
    rare: BTreeSet<String>,
}

/// How often a key is edited before it is missed that none of the edits took hold.
const OFTEN: usize = 3;

impl Effects {
    /// Those on this host, of whose jobs this many were not put for certain.
    pub(crate) fn of(host: &Host, uncertain: usize) -> Self {
        let (site, faults) = (&host.site, &host.faults);
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
        all.push(("slots put by a fast clock", early(&said[1])));
        all.push(("jobs not put for certain", uncertain));
        all.push(("second supervisors refused", host.seconds));
        all.extend(
            DONE.map(|what| (what, faults.iter().filter(|fault| fault.what.starts_with(what)).count())),
        );
        let mut all: Vec<(String, usize)> =
            all.into_iter().map(|(what, times)| (what.to_owned(), times)).collect();
        let forked = faults
            .iter()
            .filter(|fault| fault.what.starts_with("Kill(Executor") && fault.what.contains("forked: true"));
        all.push(("kills of forked executors".to_owned(), forked.count()));
        all.extend(
            took_hold(&said[0], &host.edits)
                .into_iter()
                .map(|(key, times)| (format!("edits of {key}"), times)),
        );
        let edited = |what: &str| {
            let key = what.strip_prefix("edits of ")?;
            Some(host.edits.iter().filter(|(_, keys)| keys.iter().any(|other| other == key)).count())
        };
        let rare = |what: &&String| edited(what).is_some_and(|times| times < OFTEN);
        let rare = all.iter().map(|(what, _)| what).filter(rare).cloned().collect();
        Self { all, rare }
    }

    /// What never happened.
    pub(crate) fn missing(&self) -> Vec<&str> {
        let missed = |(what, times): &&(String, usize)| *times == 0 && !self.rare.contains(what);
        self.all.iter().filter(missed).map(|(what, _)| what.as_str()).collect()
    }
}

impl fmt::Display for Effects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = self.all.iter().map(|(what, times)| format!("{times} {what}")).collect();
        f.write_str(&all.join(", "))
    }
}

/// What the wall shows when the clock of all that is written down shows 0, in seconds.
fn origin() -> i64 {
    Timestamp::now().as_second() - i64::try_from(now() / 1000).unwrap_or_default()
}

/// How many slots a scheduler has put before their time, as the journal has it.
fn early(journal: &str) -> usize {
    let origin = origin();
    let ahead = |line: &str| {
        let (at, text) = line.trim_start().split_once(' ')?;
        let (_, slot) = text.split_once(" is put for ")?;
        let slot = slot.trim().parse::<Timestamp>().ok()?.as_second();
        Some(slot - origin - at.parse::<i64>().ok()? / 1000)
    };
    journal.lines().filter_map(ahead).filter(|ahead| *ahead > 1).count()
}

/// How many beats of a ledger were written while the clock on the wall was fast, and slow.
fn clocks(ledger: &str) -> (usize, usize) {
    let origin = origin();
    let beats = ledger.lines().filter_map(|line| {
        let (at, wall) = line.strip_prefix("beat ")?.split_once(' ')?.1.split_once(' ')?;
        Some(wall.parse::<i64>().ok()? - origin - at.parse::<i64>().ok()? / 1000)
    });
    let ahead: Vec<i64> = beats.collect();
    (ahead.iter().filter(|ahead| **ahead > 1).count(), ahead.iter().filter(|ahead| **ahead < -1).count())
}

/// How often an edit of each key took hold: after it, and before the next one, the supervisor read the
/// file and applied what it read.
fn took_hold(log: &str, edits: &[(Moment, Vec<String>)]) -> BTreeMap<String, usize> {
    let lines: Vec<(Moment, &str)> = log
        .lines()
        .filter_map(|line| {
            let (at, text) = line.trim_start().split_once(' ')?;
            Some((at.parse().ok()?, text))
        })
        .collect();
    let keys = ["beanstalk", "watch", "applications", "daemons"].map(str::to_owned);
    let of_settings = SETTINGS.iter().flat_map(|setting| {
        setting.values.iter().flat_map(|value| setting.keys(value)).collect::<Vec<String>>()
    });
    let mut times: BTreeMap<String, usize> =
        keys.into_iter().chain(of_settings).map(|key| (key, 0)).collect();
    for (i, (from, keys)) in edits.iter().enumerate() {
        let to = edits.get(i + 1).map_or(Moment::MAX, |(next, _)| *next);
        let mut meanwhile = lines.iter().filter(|(at, _)| (*from..to).contains(at)).map(|(_, text)| text);
        let read = meanwhile.any(|text| text.contains(".yml has changed") || text.contains("reload, "));
        if read && meanwhile.any(|text| text.contains("the configuration is applied")) {
            for key in keys {
                *times.entry(key.clone()).or_default() += 1;
            }
        }
    }
    times
}

#[test]
fn an_edit_takes_hold_when_what_was_read_after_it_is_applied_before_the_next() {
    let edits = [(100, vec!["nice".to_owned()]), (600, vec!["user".to_owned()]), (1100, vec![])];
    let log = "  90  daemons.yml has changed\n 120  the configuration is applied\n\
               700  daemons.yml has changed\n 720  the configuration is applied: 3 of 4\n";
    let times = took_hold(log, &edits);
    assert_eq!((times["nice"], times["user"], times["umask"]), (0, 1, 0));
}
