//! What jobs wrote down, held against what was killed.
//!
//! ```text
//!     run     begin ──────── end ── settled by its worker ── the worker's next run begins
//!     kill          ▲  counts if it falls in here  ▲
//! ```
//!
//! A job may run again only if a kill hit its run before the queue knew how it went:
//! its executor's, its worker's, or the queue's own. A killed preloader or supervisor is
//! no excuse.

use std::collections::HashMap;
use std::fmt;

/// A moment of the monotonic clock, in nanoseconds.
pub(crate) type Moment = u64;

const SECOND: Moment = 1_000_000_000;
/// Later than all that happens, with room for a second more.
const NEVER: Moment = Moment::MAX - SECOND;

/// One time that a job ran, in the ledger's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    /// What the putter calls the job.
    pub(crate) name: u32,
    /// What the queue calls it.
    pub(crate) job: u64,
    /// The executor's process.
    pub(crate) executor: i32,
    /// The worker.
    pub(crate) instance: String,
    pub(crate) begin: Moment,
    /// `None`: it was cut short.
    pub(crate) end: Option<Moment>,
    /// When its worker began the next one: at that time this one was settled.
    next: Moment,
}

/// Who was killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Victim {
    Worker(String),
    Executor(i32),
    Preloader,
    Supervisor,
    Queue,
}

/// One kill, and when: from before the signal was sent until the victim was gone (the
/// queue: until it was back).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kill {
    pub(crate) victim: Victim,
    pub(crate) from: Moment,
    pub(crate) to: Moment,
}

/// What the putter knows.
#[derive(Debug, Default)]
pub(crate) struct Puts {
    /// How many jobs there are, called 0, 1, 2, …
    pub(crate) jobs: u32,
    /// How often the answer to a put was lost, by job: it was put again each time, and
    /// may be there as often.
    pub(crate) uncertain: HashMap<u32, usize>,
}

/// What came of it all.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) jobs: u32,
    /// Runs, those that were cut short too.
    pub(crate) runs: usize,
    /// Jobs that the queue has under two numbers, as their putter was not told of the first.
    pub(crate) put_twice: usize,
    /// Runs after which the same job ran again, each explained by a kill.
    pub(crate) repeated: usize,
    /// Those of them that had come to their end.
    pub(crate) done_twice: usize,
    /// Those that were still running when the same job began anew: only the queue's death
    /// does that, to the worker that is slower to come back to it.
    pub(crate) overlaps: usize,
    /// What must not be.
    pub(crate) wrong: Vec<String>,
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} jobs, {} runs: {} cut short or done in vain by a kill and run again ({} had come to their end, {} \
             still ran), {} put twice as their put was not answered; {} wrong",
            self.jobs,
            self.runs,
            self.repeated,
            self.done_twice,
            self.overlaps,
            self.put_twice,
            self.wrong.len()
        )
    }
}

impl Run {
    /// Whether `kill` may be why the queue gave the job out again.
    fn is_hit_by(&self, kill: &Kill) -> bool {
        let hit = match &kill.victim {
            Victim::Worker(instance) => *instance == self.instance,
            Victim::Executor(pid) => *pid == self.executor,
            Victim::Queue => true,
            Victim::Preloader | Victim::Supervisor => false,
        };
        hit && kill.to >= self.begin && kill.from <= self.next
    }
}

/// The runs in a ledger of `begin NAME JOB EXECUTOR INSTANCE MOMENT` and `end …` lines, in
/// the order they began; a line that is none is an error.
pub(crate) fn runs(text: &str) -> Result<Vec<Run>, String> {
    let mut runs: Vec<Run> = Vec::new();
    // By executor: the run that is open.
    let mut open: HashMap<i32, usize> = HashMap::new();
    let mut last: HashMap<String, usize> = HashMap::new();
    for line in text.lines() {
        let no = || format!("no line of a ledger: {line:?}");
        let [what, name, job, executor, instance, moment] =
            line.split(' ').collect::<Vec<_>>().try_into().map_err(|_| no())?;
        let (name, job) = (name.parse().map_err(|_| no())?, job.parse().map_err(|_| no())?);
        let executor = executor.parse().map_err(|_| no())?;
        let moment = moment.parse().map_err(|_| no())?;
        if what == "end" {
            let begun = open.remove(&executor).and_then(|index| runs.get_mut(index));
            let begun = begun.filter(|run| run.name == name && run.job == job).ok_or_else(no)?;
            begun.end = Some(moment);
            continue;
        }
        let index = runs.len();
        open.insert(executor, index);
        if let Some(before) = last.insert(instance.to_owned(), index) {
            runs[before].next = moment;
        }
        let instance = instance.to_owned();
        runs.push(Run { name, job, executor, instance, begin: moment, end: None, next: NEVER });
    }
    Ok(runs)
}

/// Holds every run against the kills and the puts.
pub(crate) fn account(runs: &[Run], kills: &[Kill], puts: &Puts) -> Account {
    let mut account = Account { jobs: puts.jobs, runs: runs.len(), ..Account::default() };
    let mut by_name: HashMap<u32, Vec<&Run>> = HashMap::new();
    for run in runs {
        by_name.entry(run.name).or_default().push(run);
    }
    for name in 0..puts.jobs {
        let runs = by_name.remove(&name).unwrap_or_default();
        if !runs.iter().any(|run| run.end.is_some()) {
            account.wrong.push(format!("job {name} was never done: {runs:?}"));
        }
        account_for(name, &runs, kills, puts, &mut account);
    }
    account.wrong.extend(by_name.keys().map(|name| format!("job {name} ran, and nobody put it")));
    account
}

fn account_for(name: u32, runs: &[&Run], kills: &[Kill], puts: &Puts, account: &mut Account) {
    let mut by_number: HashMap<u64, Vec<&Run>> = HashMap::new();
    for run in runs {
        by_number.entry(run.job).or_default().push(run);
    }
    let more = by_number.len().saturating_sub(1);
    account.put_twice += more;
    if more > puts.uncertain.get(&name).copied().unwrap_or_default() {
        account.wrong.push(format!("job {name} is in the queue as {:?}", by_number.keys()));
    }
    for runs in by_number.values() {
        for pair in runs.windows(2) {
            let (run, again) = (pair[0], pair[1]);
            let overlaps = run.end.is_some_and(|end| end > again.begin);
            let excuse = |kill: &&Kill| run.is_hit_by(kill) && (!overlaps || kill.victim == Victim::Queue);
            account.repeated += 1;
            account.done_twice += usize::from(run.end.is_some());
            account.overlaps += usize::from(overlaps);
            if !kills.iter().any(|kill| excuse(&kill)) {
                // What happened a second before and after it, too: something did it.
                let about = |kill: &&Kill| kill.to + SECOND >= run.begin && kill.from <= run.next + SECOND;
                let about: Vec<&Kill> = kills.iter().filter(about).collect();
                account.wrong.push(format!(
                    "job {name} ran again: {run:?}, {again:?}; that is not explained by {about:?}"
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(ledger: &str, kills: &[(Victim, Moment)], uncertain: &[u32], jobs: u32) -> Account {
        let kills: Vec<Kill> =
            kills.iter().map(|(victim, at)| Kill { victim: victim.clone(), from: *at, to: *at }).collect();
        let puts = Puts { jobs, uncertain: uncertain.iter().map(|name| (*name, 1)).collect() };
        account(&runs(ledger).unwrap(), &kills, &puts)
    }

    /// Job 0 runs twice: cut short in one worker, done by the other.
    const AGAIN: &str = "begin 0 7 100 a/1 10\nbegin 0 7 200 a/2 30\nend 0 7 200 a/2 40\nbegin 1 8 300 a/1 50\nend 1 8 300 a/1 60\n";

    #[test]
    fn a_job_that_ran_again_needs_a_kill_that_hit_its_run() {
        for victim in [Victim::Worker("a/1".into()), Victim::Executor(100), Victim::Queue] {
            assert_eq!(judged(AGAIN, &[(victim, 20)], &[], 2).wrong, [""; 0]);
        }
        let no_excuse = [
            (Victim::Worker("a/2".into()), 20),
            (Victim::Executor(200), 20),
            (Victim::Preloader, 20),
            (Victim::Supervisor, 20),
            (Victim::Queue, 9),
            (Victim::Queue, 51),
        ];
        let account = judged(AGAIN, &no_excuse, &[], 2);
        assert_eq!((account.repeated, account.done_twice, account.wrong.len()), (1, 0, 1), "{account}");
    }

    #[test]
    fn a_job_that_was_never_done_or_never_put_is_wrong() {
        let account = judged("begin 0 7 100 a/1 10\nbegin 5 8 200 a/2 10\n", &[], &[], 2);
        assert_eq!(account.wrong.len(), 3, "{:?}", account.wrong);
    }

    #[test]
    fn a_job_under_two_numbers_needs_a_put_without_an_answer() {
        let twice = "begin 0 7 100 a/1 10\nend 0 7 100 a/1 20\nbegin 0 8 100 a/1 30\nend 0 8 100 a/1 40\n";
        assert_eq!(judged(twice, &[], &[0], 1).wrong, [""; 0]);
        assert_eq!(judged(twice, &[], &[], 1).wrong.len(), 1);
    }

    #[test]
    fn a_job_beside_itself_is_excused_by_the_queue_alone() {
        let beside = "begin 0 7 100 a/1 10\nbegin 0 7 200 a/2 30\nend 0 7 100 a/1 35\nend 0 7 200 a/2 40\n";
        let account = judged(beside, &[(Victim::Queue, 20)], &[], 1);
        assert_eq!((account.overlaps, account.done_twice, account.wrong.len()), (1, 1, 0));
        assert_eq!(judged(beside, &[(Victim::Executor(100), 20)], &[], 1).wrong.len(), 1);
    }

    #[test]
    fn what_is_no_ledger_is_refused() {
        for text in ["begin 0", "end 0 7 100 a/1 10", "begin x 7 100 a/1 10"] {
            assert!(runs(text).unwrap_err().starts_with("no line of a ledger"));
        }
    }
}
