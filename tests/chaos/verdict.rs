//! What the ledger and the list of faults prove, as a function of both.
//!
//! ```text
//!     put ──────►  run 1: begin ─── end      at least one run of a certain put ends;
//!                            ▲               a second run needs a fault that was there
//!                          fault             while the first one was under way
//!                             run 2: begin ─── end
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::record::Copied;

/// A moment, in milliseconds of the monotonic clock.
pub(crate) type Moment = u64;

/// How long after a job's end its deletion may still be under way.
const DELETION: Moment = 1500;

/// A job that was put.
#[derive(Debug, Clone)]
pub(crate) struct Put {
    /// The number in its body.
    pub(crate) job: u64,
    /// Where: its name says for which version of which application.
    pub(crate) tube: String,
    /// The queue's own number for it, if it said that it has it.
    pub(crate) number: Option<u64>,
    pub(crate) at: Moment,
}

/// What operators, and moves, did to jobs by name.
#[derive(Debug, Default)]
pub(crate) struct Tampered {
    /// The copies that were made.
    pub(crate) copies: Vec<Copied>,
    /// The jobs that were deleted before they were run.
    pub(crate) deleted: BTreeSet<u64>,
}

/// One run of a job, as the job itself wrote it down.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) job: u64,
    pub(crate) instance: String,
    pub(crate) version: String,
    pub(crate) pid: u32,
    pub(crate) begin: Moment,
    pub(crate) end: Option<Moment>,
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { instance, pid, begin, .. } = self;
        match self.end {
            Some(end) => write!(f, "{instance} (process {pid}) from {begin} to {end}"),
            None => write!(f, "{instance} (process {pid}) from {begin} on"),
        }
    }
}

/// What a fault can have done to a job that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Nothing: no job may be run twice because of it.
    Nobody,
    /// To those of one instance, as `a/worker/1`.
    Instance(String),
    /// To those of one executor.
    Process(u32),
    /// To every job.
    Everything,
}

/// A fault that really happened.
#[derive(Debug, Clone)]
pub(crate) struct Happened {
    pub(crate) from: Moment,
    pub(crate) to: Moment,
    pub(crate) what: String,
    pub(crate) reach: Reach,
}

impl fmt::Display for Happened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, what, .. } = self;
        write!(f, "{from:>10} to {to:>10}  {what}")
    }
}

/// What is not as it has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Offence {
    /// A certain put, none of whose runs came to its end.
    Lost { job: u64, number: u64, begun: Vec<String> },
    /// A run after one that nothing had disturbed.
    Unexplained { job: u64, first: String, second: String },
    /// A run of what was never put.
    Invented { job: u64 },
    /// An entry of the timetable that was run more often than it was due.
    TooOften { entry: String, times: usize, due: u64, faults: usize },
    /// A job that was run elsewhere than where it was put, or moved to.
    Mixed { job: u64, tube: String, by: String },
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost { job, number, begun } if begun.is_empty() => {
                write!(f, "job {job}, {number} in the queue, was never run")
            }
            Self::Lost { job, number, begun } => {
                let begun = begun.join(", then by ");
                write!(f, "job {job}, {number} in the queue, was begun by {begun}, and never ended")
            }
            Self::Unexplained { job, first, second } => {
                write!(f, "job {job} was run by {first}, then by {second}, and no fault says why")
            }
            Self::Invented { job } => write!(f, "job {job} was run and never put"),
            Self::TooOften { entry, times, due, faults } => {
                write!(
                    f,
                    "{entry} was due {due} times and run {times} times, with {faults} faults that could say why"
                )
            }
            Self::Mixed { job, tube, by } => write!(f, "job {job} of tube {tube} was run by {by}"),
        }
    }
}

/// The lines of a ledger, in which jobs write `begin JOB INSTANCE VERSION PID MOMENT` and
/// `end JOB PID MOMENT`. What a killed process left half written is no line.
pub(crate) fn read_ledger(text: &str) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["begin", job, instance, version, pid, begin] => {
                let (Ok(job), Ok(pid), Ok(begin)) = (job.parse(), pid.parse(), begin.parse()) else {
                    continue;
                };
                let (instance, version) = (instance.to_owned(), version.to_owned());
                runs.push(Run { job, instance, version, pid, begin, end: None });
            }
            ["end", job, pid, end] => {
                let (Ok(job), Ok(pid), Ok(end)) = (job.parse::<u64>(), pid.parse::<u32>(), end.parse())
                else {
                    continue;
                };
                let begun = runs.iter_mut().rev().find(|run| run.job == job && run.pid == pid);
                if let Some(run) = begun {
                    run.end = Some(end);
                }
            }
            _ => {}
        }
    }
    runs
}

/// When each entry of the timetable was run: lines `beat ENTRY MOMENT`, and what the clock on the
/// wall showed then.
pub(crate) fn read_beats(text: &str) -> BTreeMap<String, Vec<Moment>> {
    let mut beats: BTreeMap<String, Vec<Moment>> = BTreeMap::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        if let ["beat", entry, at, _] = words[..]
            && let Ok(at) = at.parse()
        {
            beats.entry(entry.to_owned()).or_default().push(at);
        }
    }
    beats
}

/// Entries of every second must not be run more often than once for each of them, and once more for
/// each fault that could have a slot put twice, or its job run twice.
pub(crate) fn judge_beats(ledger: &str, from: Moment, to: Moment, faults: &[Happened]) -> Vec<Offence> {
    let faults = faults.iter().filter(|fault| fault.reach != Reach::Nobody).count();
    // The second that had begun, and the one that ends.
    let due = (to - from) / 1000 + 2;
    let beats = read_beats(ledger).into_iter();
    let too_many = |times: usize| times as u64 > due + faults as u64;
    beats
        .filter(|(_, at)| too_many(at.len()))
        .map(|(entry, at)| Offence::TooOften { entry, times: at.len(), due, faults })
        .collect()
}

/// Everything that is wrong, in the order of the jobs.
pub(crate) fn judge(puts: &[Put], runs: &[Run], faults: &[Happened], tampered: &Tampered) -> Vec<Offence> {
    let mut of_job: BTreeMap<u64, Vec<&Run>> = BTreeMap::new();
    for run in runs {
        of_job.entry(run.job).or_default().push(run);
    }
    let mut offences = Vec::new();
    for put in puts {
        let mut runs = of_job.remove(&put.job).unwrap_or_default();
        runs.sort_by_key(|run| run.begin);
        if let Some(number) = put.number
            && !runs.iter().any(|run| run.end.is_some())
            && !tampered.deleted.contains(&put.job)
        {
            let begun = runs.iter().map(ToString::to_string).collect();
            offences.push(Offence::Lost { job: put.job, number, begun });
        }
        let copies: Vec<&Copied> = tampered.copies.iter().filter(|copy| copy.job == put.job).collect();
        // Each says why there was one run more, from when it was made.
        let mut left: Vec<Moment> =
            copies.iter().filter(|copy| copy.to.is_none()).map(|copy| copy.from).collect();
        for pair in runs.windows(2) {
            if faults.iter().any(|fault| explains(fault, pair[0], pair[1])) {
                continue;
            }
            if let Some(copy) = left.iter().position(|from| *from <= pair[1].begin) {
                left.swap_remove(copy);
                continue;
            }
            let (first, second) = (pair[0].to_string(), pair[1].to_string());
            offences.push(Offence::Unexplained { job: put.job, first, second });
        }
        for run in runs {
            let moved = copies.iter().any(|copy| copy.from <= run.begin && is_of(run, &copy.tube));
            if !moved && !is_of(run, &put.tube) {
                let by = format!("{} of version {}", run.instance, run.version);
                offences.push(Offence::Mixed { job: put.job, tube: put.tube.clone(), by });
            }
        }
    }
    offences.extend(of_job.into_keys().map(|job| Offence::Invented { job }));
    offences
}

/// Whether the tube is one that the run's release of its application may have.
fn is_of(run: &Run, tube: &str) -> bool {
    let application = run.instance.split(['/', '@']).next().unwrap_or_default();
    let Some((of, version)) = tube.rsplit_once('-') else { return false };
    of.trim_end_matches(".b") == application && version == run.version
}

/// Whether the fault was there while the first run was under way, or its deletion.
fn explains(fault: &Happened, first: &Run, second: &Run) -> bool {
    let until = first.end.map_or(second.begin, |end| (end + DELETION).min(second.begin));
    let meets = fault.from <= until && fault.to >= first.begin;
    meets
        && match &fault.reach {
            Reach::Nobody => false,
            Reach::Instance(instance) => *instance == first.instance,
            Reach::Process(pid) => *pid == first.pid,
            Reach::Everything => true,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(job: u64) -> Put {
        Put { job, tube: "a-1".into(), number: Some(5), at: 900 }
    }

    fn tampered(copies: &[(Moment, Option<Moment>)], deleted: &[u64]) -> Tampered {
        let copy = |&(from, to): &(Moment, Option<Moment>)| Copied::made(1, "b-2", from, to);
        Tampered { copies: copies.iter().map(copy).collect(), deleted: deleted.iter().copied().collect() }
    }

    fn said_of(ledger: &str, tampered: &Tampered) -> Vec<String> {
        judge(&[put(1)], &read_ledger(ledger), &[], tampered).iter().map(ToString::to_string).collect()
    }

    fn said(ledger: &str, faults: &[Happened]) -> Vec<String> {
        judge(&[put(1)], &read_ledger(ledger), faults, &Tampered::default())
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    fn fault(from: Moment, to: Moment, reach: Reach) -> Happened {
        Happened { from, to, what: "a fault".into(), reach }
    }

    const ONCE: &str = "begin 1 a/worker/1 1 10 1000\nend 1 10 1100\n";

    #[test]
    fn a_job_that_was_run_once_is_as_it_has_to_be() {
        assert_eq!(said(ONCE, &[]), [""; 0]);
    }

    #[test]
    fn a_job_that_never_ended_is_lost() {
        assert_eq!(said("", &[]), ["job 1, 5 in the queue, was never run"]);
        let begun = "begin 1 a/worker/1 1 10 1000\nbegin 2";
        assert_eq!(
            said(begun, &[]),
            ["job 1, 5 in the queue, was begun by a/worker/1 (process 10) from 1000 on, and never ended"]
        );
        let uncertain = Put { number: None, ..put(1) };
        assert_eq!(judge(&[uncertain], &[], &[], &Tampered::default()), []);
    }

    #[test]
    fn a_second_run_needs_a_fault_that_met_the_first() {
        let twice = format!("{ONCE}begin 1 a/worker/2 1 11 9000\nend 1 11 9100\n");
        let why = "job 1 was run by a/worker/1 (process 10) from 1000 to 1100, then by a/worker/2 (process 11) from 9000 to 9100, and no fault says why";
        assert_eq!(said(&twice, &[]), [why]);
        assert_eq!(said(&twice, &[fault(1050, 1050, Reach::Everything)]), [""; 0]);
        assert_eq!(said(&twice, &[fault(1050, 1050, Reach::Instance("a/worker/1".into()))]), [""; 0]);
        assert_eq!(said(&twice, &[fault(1050, 1050, Reach::Process(10))]), [""; 0]);
        for other in [
            fault(1050, 1050, Reach::Instance("a/worker/2".into())),
            fault(1050, 1050, Reach::Process(11)),
            fault(1050, 1050, Reach::Nobody),
            fault(900, 999, Reach::Everything),
            fault(1100 + DELETION + 1, 8000, Reach::Everything),
        ] {
            assert_eq!(said(&twice, &[other]), [why]);
        }
    }

    #[test]
    fn one_that_was_cut_off_is_explained_until_the_next_begins() {
        let twice = "begin 1 a/worker/1 1 10 1000\nbegin 1 a/worker/2 1 11 9000\nend 1 11 9100\n";
        assert_eq!(said(twice, &[fault(8000, 8500, Reach::Everything)]), [""; 0]);
        assert_eq!(said(twice, &[fault(9001, 9500, Reach::Everything)]).len(), 1);
    }

    #[test]
    fn an_entry_that_is_run_too_often_is_told() {
        let ledger = "beat one 1000 0\nbeat one 1900 0\nbeat one 1950 0\nbeat two 1000 0\nbeat";
        let said = |faults: &[Happened]| {
            judge_beats(ledger, 1000, 1999, faults).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let why = "one was due 2 times and run 3 times, with 0 faults that could say why";
        assert_eq!(said(&[fault(1000, 1000, Reach::Nobody)]), [why]);
        assert_eq!(said(&[fault(1000, 1000, Reach::Everything)]), [""; 0]);
    }

    #[test]
    fn jobs_of_nobody_and_of_another_version_are_told() {
        let strange = format!("{ONCE}begin 5 a/worker/1 1 10 1000\nend 5 10 1100\n");
        assert_eq!(said(&strange, &[]), ["job 5 was run and never put"]);
        let mixed = ONCE.replace("a/worker/1 1", "a/worker/1 2");
        assert_eq!(said(&mixed, &[]), ["job 1 of tube a-1 was run by a/worker/1 of version 2"]);
    }

    #[test]
    fn a_copy_that_a_move_has_left_explains_one_run_of_its_job_from_then_on() {
        let twice = format!("{ONCE}begin 1 b/worker/1 2 11 5000\nend 1 11 5100\n");
        let unexplained = "job 1 was run by a/worker/1 (process 10) from 1000 to 1100, \
             then by b/worker/1 (process 11) from 5000 to 5100, and no fault says why";
        let mixed = "job 1 of tube a-1 was run by b/worker/1 of version 2";
        assert_eq!(said_of(&twice, &tampered(&[], &[])), [unexplained, mixed]);
        assert_eq!(said_of(&twice, &tampered(&[(950, None)], &[])), [""; 0]);
        assert_eq!(said_of(&twice, &tampered(&[(950, Some(960))], &[])), [unexplained]);
        assert_eq!(said_of(&twice, &tampered(&[(5001, None)], &[])), [unexplained, mixed]);
        let thrice = format!("{twice}begin 1 b/worker/1 2 11 6000\nend 1 11 6100\n");
        assert_eq!(said_of(&thrice, &tampered(&[(950, None)], &[])).len(), 1);
    }

    #[test]
    fn a_job_that_was_deleted_by_name_need_not_be_run() {
        assert_eq!(said_of("", &tampered(&[], &[1])), [""; 0]);
        assert_eq!(said_of("", &tampered(&[], &[2])), ["job 1, 5 in the queue, was never run"]);
    }
}
