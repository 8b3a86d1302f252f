//! Three workers, one queue, and everything that can break, for hours of their time.
//!
//! The queue is beanstalkd's rules in thirty lines: reservations that expire, end
//! with their connection, and are had back by number. Checked all along: no job is
//! lost, none runs in two executors at once but while a broken connection has not been
//! noticed, and every worker that is told to leave does.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use super::super::*;
use crate::ayl::{Handler, Message};
use crate::beanstalk::{JobId, Priority, Ttr};

const STEP: Duration = Duration::from_millis(20);
const TTR: u32 = 2;

/// Knuth's 64-bit LCG: enough to be everywhere once.
struct Dice(u64);

impl Dice {
    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Ready,
    Reserved { by: usize, until: Duration },
    Delayed { until: Duration, delay: u32 },
    Buried,
    Deleted,
}

struct Stored {
    state: State,
    reserves: u32,
    delay: u32,
    finished: u32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Process {
    None,
    Booting,
    Free,
    Busy { job: JobId, until: Duration },
    Leaving,
    Killed,
}

struct Worker {
    core: Core,
    connected: bool,
    /// The question, and when its answer arrives.
    open: Option<(Ask, Duration)>,
    process: Process,
    frozen: Duration,
    gone: bool,
}

struct World {
    dice: Dice,
    now: Duration,
    jobs: BTreeMap<JobId, Stored>,
    workers: Vec<Worker>,
    told_to_leave: bool,
}

fn worker() -> Worker {
    let max_age = Some(Duration::from_secs(7));
    let recycle = Recycle { max_jobs: Some(20), max_age, ..Recycle::default() };
    let settings = Settings {
        stop_timeout: Duration::from_secs(5),
        max_runtime: Some(Duration::from_secs(8)),
        handler: Handler::Bury,
        recycle,
        others: false,
    };
    Worker {
        core: Core::new(settings),
        connected: false,
        open: None,
        process: Process::None,
        frozen: Duration::ZERO,
        gone: false,
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let jobs = (1..=60)
            .map(|id| (JobId(id), Stored { state: State::Ready, reserves: 0, delay: 0, finished: 0 }))
            .collect();
        let workers = (0..3).map(|_| worker()).collect();
        Self { dice: Dice(seed), now: Duration::ZERO, jobs, workers, told_to_leave: false }
    }

    fn tell(&mut self, w: usize, event: Event) {
        if self.workers[w].gone {
            return;
        }
        let mut actions = Vec::new();
        self.workers[w].core.handle(event, self.now, &mut actions);
        for action in actions {
            self.act(w, action);
        }
    }

    fn act(&mut self, w: usize, action: Action) {
        let slow = self.dice.below(4);
        let worker = &mut self.workers[w];
        match action {
            Action::Ask(ask) => {
                assert!(worker.open.is_none(), "one question at a time: {:?} then {ask:?}", worker.open);
                assert!(worker.connected);
                worker.open = Some((ask, self.now + STEP * u32::try_from(slow).unwrap()));
            }
            Action::Disconnect => {
                // The next question connects again.
                self.disconnect(w);
                self.workers[w].connected = true;
            }
            Action::StartExecutor => {
                assert_eq!(worker.process, Process::None, "one executor at a time");
                worker.process = Process::Booting;
            }
            Action::StopExecutor => worker.process = Process::Leaving,
            Action::KillExecutor => worker.process = Process::Killed,
            Action::Run(job) => {
                assert_eq!(worker.process, Process::Free);
                let length = if slow == 0 { 500 } else { self.dice.below(10) };
                let until = self.now + STEP * u32::try_from(length).unwrap();
                self.workers[w].process = Process::Busy { job, until };
            }
            Action::Report(_) => self.tell(w, Event::Reported),
            Action::Exit(..) => {
                assert_eq!(worker.process, Process::None, "no executor is left behind");
                worker.gone = true;
                self.disconnect(w);
            }
            Action::Owe { .. } => panic!("there is no other server"),
            Action::Settled { .. } | Action::Lost(_) | Action::Show(_) => {}
        }
    }

    fn disconnect(&mut self, w: usize) {
        self.workers[w].connected = false;
        self.workers[w].open = None;
        for job in self.jobs.values_mut() {
            if matches!(job.state, State::Reserved { by, .. } if by == w) {
                job.state = State::Ready;
            }
        }
    }

    /// The queue's answer to a question, by beanstalkd's rules.
    fn answer(&mut self, w: usize, ask: &Ask) -> Option<Answer> {
        let until = self.now + Duration::from_secs(TTR.into());
        let mine = |job: &Stored| matches!(job.state, State::Reserved { by, .. } if by == w);
        Some(match ask {
            Ask::Reserve => {
                let (&id, job) = self.jobs.iter_mut().find(|(_, job)| job.state == State::Ready)?;
                job.state = State::Reserved { by: w, until };
                job.reserves += 1;
                Answer::Reserved {
                    id,
                    body: Bytes::new(),
                    content: Content::Message(Box::new(Message::new("x", None))),
                }
            }
            Ask::Facts(id) => {
                Answer::Facts(self.jobs.get(id).filter(|job| job.state != State::Deleted).map(|job| {
                    let deaths = crate::ayl::deaths_before(job.delay);
                    Facts {
                        ttr: Ttr(TTR),
                        priority: Priority(1),
                        reserves: job.reserves,
                        deaths,
                        worker_deaths: 0,
                    }
                }))
            }
            Ask::Touch(id) => {
                let job = self.jobs.get_mut(id).filter(|job| mine(job));
                Answer::Found(job.map(|job| job.state = State::Reserved { by: w, until }).is_some())
            }
            Ask::Regain(id) => {
                let job = self.jobs.get_mut(id);
                let free = job.filter(|job| !matches!(job.state, State::Deleted | State::Reserved { .. }));
                Answer::Found(free.map(|job| job.state = State::Reserved { by: w, until }).is_some())
            }
            Ask::Settle { id, verdict, .. } => {
                let now = self.now;
                let job = self.jobs.get_mut(id).filter(|job| mine(job));
                Answer::Found(
                    job.map(|job| match verdict {
                        Verdict::Delete(_) => job.state = State::Deleted,
                        Verdict::Bury(_) => job.state = State::Buried,
                        Verdict::Release { delay, .. } => {
                            job.delay = *delay;
                            let until = now + Duration::from_secs((*delay).into());
                            job.state = State::Delayed { until, delay: *delay };
                        }
                    })
                    .is_some(),
                )
            }
        })
    }

    fn queue_runs(&mut self) {
        for job in self.jobs.values_mut() {
            match job.state {
                State::Reserved { until, .. } | State::Delayed { until, .. } if self.now >= until => {
                    job.state = State::Ready;
                }
                _ => {}
            }
        }
    }

    fn worker_runs(&mut self, w: usize) {
        let due = |at: Duration| self.now >= at;
        match self.workers[w].process {
            Process::Booting if self.dice.one_in(5) => {
                self.workers[w].process = Process::Free;
                self.tell(w, Event::Booted);
            }
            Process::Busy { job, until } if due(until) => {
                let poison = job.0.is_multiple_of(10);
                if poison || self.dice.one_in(20) {
                    self.workers[w].process = Process::None;
                    self.tell(w, Event::Died { how: "was killed".into(), stderr: String::new() });
                } else {
                    self.workers[w].process = Process::Free;
                    self.jobs.get_mut(&job).unwrap().finished += 1;
                    let outcome =
                        if self.dice.one_in(10) { Outcome::Decay(Some(1)) } else { Outcome::Returned };
                    self.tell(w, Event::Ran { outcome, failure: None, memory: None });
                }
            }
            Process::Killed | Process::Leaving if self.dice.one_in(3) => {
                self.workers[w].process = Process::None;
                self.tell(w, Event::Died { how: "left".into(), stderr: String::new() });
            }
            _ => {}
        }
        if let Some((ask, at)) = self.workers[w].open.clone()
            && self.now >= at
            && let Some(answer) = self.answer(w, &ask)
        {
            let reserve = matches!(ask, Ask::Settle { reserve: true, .. });
            self.workers[w].open = reserve.then_some((Ask::Reserve, self.now));
            self.tell(w, Event::Answer(answer));
        }
        if self.workers[w].core.next_deadline().is_some_and(|at| self.now >= at) {
            self.tell(w, Event::Tick);
        }
    }

    fn step(&mut self, faults: bool) {
        self.now += STEP;
        self.queue_runs();
        for w in 0..self.workers.len() {
            if self.workers[w].gone || self.now < self.workers[w].frozen {
                continue;
            }
            if !self.workers[w].connected && (!faults || self.dice.one_in(10)) && !self.told_to_leave {
                self.workers[w].connected = true;
                self.tell(w, Event::QueueUp);
            }
            self.worker_runs(w);
            if faults && self.workers[w].connected && self.dice.one_in(300) {
                self.disconnect(w);
                self.tell(w, Event::QueueDown { heard: true });
            }
            if faults && self.dice.one_in(2000) {
                // SIGSTOP for longer than a reservation lasts; its executor goes on.
                self.workers[w].frozen = self.now + Duration::from_secs(3);
            }
        }
        self.check();
    }

    /// No job is in two executors, unless a worker has not been able to see yet that
    /// its reservation is gone.
    fn check(&self) {
        let mut sure: BTreeMap<JobId, usize> = BTreeMap::new();
        for (w, worker) in self.workers.iter().enumerate() {
            let Process::Busy { job, .. } = worker.process else { continue };
            let reserved = matches!(self.jobs[&job].state, State::Reserved { by, .. } if by == w);
            if reserved && let Some(other) = sure.insert(job, w) {
                panic!("job {job} runs under {other} and {w}");
            }
        }
    }

    fn open_jobs(&self) -> usize {
        self.jobs.values().filter(|job| !matches!(job.state, State::Deleted | State::Buried)).count()
    }
}

#[test]
fn no_job_is_lost_whatever_breaks() {
    for seed in 0..60 {
        let mut world = World::new(seed);
        let mut steps = 0;
        while world.open_jobs() > 0 {
            steps += 1;
            assert!(steps < 100_000, "seed {seed}: {} jobs never end", world.open_jobs());
            world.step(steps < 5_000);
        }
        for (id, job) in &world.jobs {
            assert!(job.state == State::Buried || job.finished > 0, "seed {seed}: job {id} deleted unrun");
            assert!(
                !id.0.is_multiple_of(10) || job.state == State::Buried,
                "seed {seed}: poison {id} not buried"
            );
        }
    }
}

#[test]
fn every_worker_that_is_told_to_leave_does() {
    for seed in 0..200 {
        let mut world = World::new(seed);
        for _ in 0..seed * 7 {
            world.step(true);
        }
        world.told_to_leave = true;
        for w in 0..world.workers.len() {
            world.tell(w, Event::Terminate);
        }
        let deadline = world.now + Duration::from_secs(20);
        while world.workers.iter().any(|worker| !worker.gone) {
            assert!(world.now < deadline, "seed {seed}: a worker stays");
            world.step(false);
        }
        let reserved = world.jobs.values().filter(|job| matches!(job.state, State::Reserved { .. })).count();
        assert_eq!(reserved, 0, "seed {seed}: a job went with its worker");
    }
}
