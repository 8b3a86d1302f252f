//! Properties of pools and shares, for loads of every kind.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::{Claim, Figures, Pool, Reason, WorkerState, WorkerStatus, share};
use crate::config::Scale;
use crate::lifecycle::Time;

const TICK: Duration = Duration::from_millis(10);
const LOOK: Duration = Duration::from_secs(2);
const TARGET: Duration = Duration::from_secs(10);

/// Workers, and the jobs that come.
struct Scene {
    scale: Scale,
    pool: Pool,
    now: Time,
    next_look: Time,
    /// Jobs in a second, and how long each takes.
    rate: f64,
    run_time: Duration,
    boot: Duration,
    ready: u64,
    deleted: u64,
    /// The part of a job that has come.
    part: f64,
    workers: Vec<Worker>,
    sizes: Vec<u32>,
}

struct Worker {
    number: u32,
    up_at: Time,
    /// When its job began, and when it ends.
    job: Option<(Time, Time)>,
    leaves: bool,
}

impl Scene {
    fn new(min: u32, max: u32, rate: f64, run_time: Duration) -> Self {
        let scale = Scale { min, max, target: TARGET };
        let now = Time::from_nanos(1);
        let boot = Duration::from_secs(4);
        let mut scene = Self {
            scale,
            pool: Pool::new(BTreeSet::new(), scale),
            now,
            next_look: now,
            rate,
            run_time,
            boot,
            ready: 0,
            deleted: 0,
            part: 0.0,
            workers: Vec::new(),
            sizes: Vec::new(),
        };
        scene.follow();
        scene
    }

    fn run(&mut self, time: Duration) -> &mut Self {
        let end = self.now + time;
        while self.now < end {
            self.now = self.now + TICK;
            self.part += self.rate * TICK.as_secs_f64();
            while self.part >= 1.0 {
                (self.part, self.ready) = (self.part - 1.0, self.ready + 1);
            }
            self.work();
            if self.now >= self.next_look {
                self.next_look = self.now + LOOK;
                self.look();
            }
        }
        self
    }

    fn work(&mut self) {
        for worker in &mut self.workers {
            // Quick jobs follow each other within a tick.
            let mut free_at = self.now;
            while let Some((_, ends)) = worker.job.filter(|(_, ends)| *ends <= self.now) {
                (worker.job, free_at) = (None, ends);
                self.deleted += 1;
                if self.ready > 0 && !worker.leaves {
                    self.ready -= 1;
                    worker.job = Some((free_at, free_at + self.run_time));
                }
            }
            if worker.job.is_none() && worker.up_at <= self.now && self.ready > 0 && !worker.leaves {
                self.ready -= 1;
                worker.job = Some((free_at, free_at + self.run_time));
            }
        }
        self.workers.retain(|worker| !worker.leaves || worker.job.is_some());
    }

    fn workers(&self) -> Vec<WorkerStatus> {
        let worker = |worker: &Worker| WorkerStatus {
            number: worker.number,
            state: match worker {
                Worker { leaves: true, .. } => WorkerState::Leaving,
                Worker { up_at, .. } if *up_at > self.now => WorkerState::Coming,
                _ => WorkerState::Ready,
            },
            // Of quick jobs nothing is told.
            busy: worker.job.filter(|_| self.run_time > Duration::from_secs(1)).map(|(since, _)| since),
        };
        self.workers.iter().map(worker).collect()
    }

    fn look(&mut self) {
        let reserved = self.workers.iter().filter(|worker| worker.job.is_some()).count() as u64;
        let watching = self.workers.len() as u64;
        let up =
            self.workers.iter().filter(|worker| worker.up_at <= self.now && !worker.leaves).count() as u64;
        let waiting = if self.ready > 0 { 0 } else { up.saturating_sub(reserved) };
        let (ready, deleted) = (self.ready, self.deleted);
        let figures = Figures { ready, reserved, deleted, watching, waiting, ..Figures::default() };
        let workers = self.workers();
        self.pool.look(self.scale, &figures, &workers, self.now);
        let wants = self.pool.wants();
        if wants < self.pool.size() {
            self.pool.shrink(wants, &workers);
        } else {
            self.pool.grow(wants);
        }
        self.follow();
        self.sizes.push(self.pool.size());
    }

    /// Whoever is wanted is there, and whoever is not goes once its job is done; it had none.
    fn follow(&mut self) {
        for worker in &mut self.workers {
            if !self.pool.numbers().contains(&worker.number) && !worker.leaves {
                let known = self.run_time > Duration::from_secs(1);
                assert!(!known || worker.job.is_none(), "one is taken away that has a job");
                worker.leaves = true;
            }
        }
        for number in self.pool.numbers() {
            if !self.workers.iter().any(|worker| worker.number == *number && !worker.leaves) {
                let up_at = self.now + self.boot;
                self.workers.push(Worker { number: *number, up_at, job: None, leaves: false });
            }
        }
    }

    /// How often its size changed in the looks of that time.
    fn changes(&mut self, time: Duration) -> usize {
        self.sizes.clear();
        self.run(time);
        self.sizes.windows(2).filter(|pair| pair[0] != pair[1]).count()
    }
}

const fn minutes(minutes: u64) -> Duration {
    Duration::from_mins(minutes)
}

#[test]
fn what_comes_is_done_by_as_many_as_it_takes_and_no_more_after_it() {
    // 2 jobs a second of 2 s each keep 4 workers busy.
    let mut scene = Scene::new(1, 16, 2.0, Duration::from_secs(2));
    scene.run(minutes(5));
    assert!((4..=5).contains(&scene.pool.size()), "{:?}", scene.sizes);
    assert_eq!(scene.changes(minutes(10)), 0, "{:?}", scene.sizes);
    assert!(scene.ready < 20, "{} wait", scene.ready);
    let known = scene.pool.run_time().unwrap();
    assert!(known.abs_diff(scene.run_time) < Duration::from_millis(400), "{known:?}");
    scene.rate = 0.0;
    scene.run(minutes(6));
    assert_eq!(scene.pool.size(), 1);
    assert!(scene.pool.is_resting());
}

#[test]
fn a_burst_is_met_at_once_and_let_go_step_by_step() {
    let mut scene = Scene::new(1, 8, 0.3, Duration::from_secs(1));
    scene.run(minutes(3));
    assert_eq!(scene.pool.size(), 1);
    scene.ready += 100;
    scene.run(Duration::from_secs(3));
    assert_eq!(scene.pool.size(), 8, "100 s of work within 10 s");
    assert!(matches!(scene.pool.reason(), Some(Reason::Work { .. })));
    scene.sizes.clear();
    scene.run(minutes(8));
    scene.sizes.dedup();
    assert_eq!(scene.sizes, [8, 4, 2, 1], "half of those too many, a window each");
}

#[test]
fn jobs_too_quick_to_be_told_of_are_measured_all_the_same() {
    let mut scene = Scene::new(1, 8, 250.0, Duration::from_millis(10));
    scene.run(minutes(10));
    assert_eq!(scene.pool.size(), 3);
    assert!(scene.pool.run_time().unwrap() < Duration::from_millis(20), "{:?}", scene.pool.run_time());
    assert_eq!(scene.changes(minutes(10)), 0);
}

#[test]
fn jobs_that_hold_up_every_worker_are_noticed_though_none_was_ever_finished() {
    let mut scene = Scene::new(1, 4, 0.0, Duration::from_hours(1));
    scene.run(Duration::from_secs(10));
    scene.ready = 2;
    scene.run(Duration::from_secs(20));
    assert_eq!(scene.pool.size(), 2, "one job waits");
    assert!(
        matches!(scene.pool.reason(), Some(Reason::HeldUp { ready: 1, .. })),
        "{:?}",
        scene.pool.reason()
    );
}

#[test]
fn a_tube_that_is_paused_asks_for_nobody() {
    let scale = Scale { min: 1, max: 8, target: TARGET };
    let mut pool = Pool::new(BTreeSet::new(), scale);
    let workers = [WorkerStatus { number: 1, state: WorkerState::Ready, busy: None }];
    let busy = Figures { ready: 5, reserved: 1, watching: 1, ..Figures::default() };
    pool.look(scale, &busy, &workers, Time::from_nanos(1));
    let later = Time::from_nanos(1) + Duration::from_secs(5);
    pool.look(scale, &Figures { deleted: 1, ..busy }, &workers, later);
    assert_eq!(pool.wants(), 3, "25 s of work");
    let paused = Figures { ready: 500, waiting: 1, watching: 1, deleted: 1, ..Figures::default() };
    pool.look(scale, &paused, &workers, later + Duration::from_secs(2));
    assert_eq!(pool.wants(), 1);
}

#[test]
fn nobody_grows_for_workers_that_do_not_come_up() {
    let scale = Scale { min: 2, max: 8, target: TARGET };
    let mut pool = Pool::new(BTreeSet::new(), scale);
    for (state, wants) in
        [(WorkerState::Coming, 2), (WorkerState::Failing("exit 1".into()), 2), (WorkerState::Stopped, 2)]
    {
        let workers = [1, 2].map(|number| WorkerStatus { number, state: state.clone(), busy: None });
        let figures = Figures { ready: 1000, ..Figures::default() };
        for second in 0..100 {
            pool.look(scale, &figures, &workers, Time::from_nanos(second * 1_000_000_000));
        }
        assert_eq!(pool.wants(), wants);
    }
}

#[test]
fn other_hosts_on_the_same_tube_do_their_part() {
    let scale = Scale { min: 1, max: 32, target: TARGET };
    let mut pool = Pool::new(BTreeSet::new(), scale);
    let workers = [WorkerStatus { number: 1, state: WorkerState::Ready, busy: Some(Time::from_nanos(1)) }];
    // 100 jobs of 2 s: 20 workers, of which 12 are there already.
    let figures = Figures { ready: 100, reserved: 12, watching: 12, ..Figures::default() };
    pool.look(scale, &figures, &workers, Time::from_nanos(1));
    let later = Time::from_nanos(1) + Duration::from_secs(2);
    pool.look(scale, &Figures { deleted: 12, ..figures }, &workers, later);
    assert_eq!(pool.wants(), 20 - 11);
}

#[test]
fn the_idle_go_first_and_numbers_are_used_again() {
    let scale = Scale { min: 1, max: 8, target: TARGET };
    let mut pool = Pool::new(BTreeSet::from([1, 2, 3, 4, 5]), scale);
    let worker =
        |number, busy: bool, state| WorkerStatus { number, state, busy: busy.then_some(Time::from_nanos(1)) };
    let workers = [
        worker(1, true, WorkerState::Ready),
        worker(2, false, WorkerState::Failing("exit 1".into())),
        worker(3, false, WorkerState::Ready),
        worker(4, false, WorkerState::Ready),
        worker(5, true, WorkerState::Ready),
    ];
    pool.shrink(3, &workers);
    assert_eq!(pool.numbers(), &BTreeSet::from([1, 3, 5]));
    pool.shrink(1, &workers);
    assert_eq!(pool.numbers(), &BTreeSet::from([1, 5]), "those at work stay");
    pool.grow(4);
    assert_eq!(pool.numbers(), &BTreeSet::from([1, 2, 3, 5]));
    pool.keep_within(Scale { min: 3, max: 4, target: TARGET });
    assert_eq!(pool.numbers(), &BTreeSet::from([1, 2, 3]));
}

#[test]
fn what_is_not_enough_is_shared_and_what_one_leaves_is_the_others() {
    let claims = |wants: &[(u32, u32)]| -> Vec<Claim> {
        wants.iter().map(|&(floor, wants)| Claim { floor, wants }).collect()
    };
    assert_eq!(share(&claims(&[(1, 8), (1, 2), (1, 6)]), 12), [5, 2, 5]);
    assert_eq!(share(&claims(&[(1, 8), (1, 8)]), 9), [5, 4]);
    assert_eq!(share(&claims(&[(6, 8), (1, 8)]), 9), [6, 3]);
    assert_eq!(share(&claims(&[(3, 3), (3, 9)]), 2), [3, 3], "they run in any case");
    assert_eq!(share(&claims(&[(1, 8), (1, 9)]), u32::MAX), [8, 9]);
    assert_eq!(share(&[], 3), [0; 0]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_constant_load_comes_to_rest_within_bounds(
        min in 1..4u32,
        more in 0..12u32,
        busy in 0.05..10.0f64,
        run_time in prop_oneof![Just(20), 100..800u64, 1100..20_000u64],
    ) {
        let run_time = Duration::from_millis(run_time);
        let max = min + more;
        let mut scene = Scene::new(min, max, busy / run_time.as_secs_f64(), run_time);
        scene.run(minutes(12));
        prop_assert!(scene.sizes.iter().all(|size| (min..=max).contains(size)));
        // One job more or less at once may show or not in a window; not more than that.
        let before = scene.pool.size();
        let changes = scene.changes(minutes(12));
        prop_assert!(changes <= 2, "{changes} changes of {before}: {:?}", scene.sizes);
        let needed = busy.ceil().min(f64::from(max));
        prop_assert!(f64::from(scene.pool.size()) >= needed - 0.5, "{} for {busy}", scene.pool.size());
    }

    #[test]
    fn no_share_is_more_than_there_is_and_none_is_unfair(
        claims in proptest::collection::vec((0..6u32, 0..40u32), 0..6),
        all in 0..100u32,
    ) {
        let claims: Vec<Claim> =
            claims.into_iter().map(|(floor, more)| Claim { floor, wants: floor + more }).collect();
        let shares = share(&claims, all);
        let floors: u32 = claims.iter().map(|claim| claim.floor).sum();
        let wants: u32 = claims.iter().map(|claim| claim.wants).sum();
        let sum: u32 = shares.iter().sum();
        prop_assert!(sum <= all.max(floors));
        prop_assert_eq!(sum, all.max(floors).min(wants), "nothing is left over");
        for (claim, own) in claims.iter().zip(&shares) {
            prop_assert!((claim.floor..=claim.wants).contains(own));
            for (other, theirs) in claims.iter().zip(&shares) {
                let short = own < &claim.wants;
                prop_assert!(!short || *theirs <= own + 1 || *theirs == other.floor);
            }
        }
    }
}
