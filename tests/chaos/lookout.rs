//! Looks at what lives: no instance twice, no ended child left for long, no executor without
//! its worker.

use std::time::{Duration, Instant};

use crate::processes::{doubles, marked, spare_executors, zombies_of};

/// Between two looks at the processes.
const LOOK: Duration = Duration::from_millis(100);

/// How long a child that has ended may be left unseen, and what belongs to nobody may live on.
const UNSEEN: Duration = Duration::from_secs(5);

/// What was seen at earlier looks, and since when, until it has been told.
#[derive(Default)]
pub(crate) struct Lookout {
    looked: Option<Instant>,
    zombies: Vec<(i32, Option<Instant>)>,
    spare: Vec<(i32, Option<Instant>)>,
}

impl Lookout {
    /// Adds to `seen` what must not be: of the processes with this mark, and of the supervisor's children.
    /// Does nothing where it has just looked.
    pub(crate) fn look(&mut self, mark: &str, supervisor: i32, seen: &mut Vec<String>) {
        if self.looked.is_some_and(|at| at.elapsed() < LOOK) {
            return;
        }
        self.looked = Some(Instant::now());
        let all = marked(mark);
        for (one, other) in doubles(&all) {
            seen.push(format!("two live processes of one instance: {one:?} and {other:?}"));
        }
        for pid in lasting(&mut self.zombies, &zombies_of(supervisor)) {
            seen.push(format!("process {pid} has ended and nobody has seen to it"));
        }
        let spare: Vec<i32> = spare_executors(&all).iter().map(|process| process.pid).collect();
        for pid in lasting(&mut self.spare, &spare) {
            seen.push(format!(
                "{:?} is one of several executors of a worker",
                all.iter().find(|one| one.pid == pid)
            ));
        }
    }
}

/// Those of `now` that have been there for too long; each once.
fn lasting(known: &mut Vec<(i32, Option<Instant>)>, now: &[i32]) -> Vec<i32> {
    known.retain(|(pid, _)| now.contains(pid));
    for &pid in now {
        if !known.iter().any(|(other, _)| *other == pid) {
            known.push((pid, Some(Instant::now())));
        }
    }
    let late = known.iter_mut().filter(|(_, since)| since.is_some_and(|since| since.elapsed() > UNSEEN));
    // Said once is enough.
    late.map(|(pid, since)| (*pid, *since = None).0).collect()
}
