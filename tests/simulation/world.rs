//! The world around the core: its clock, its processes, its operators.

use std::collections::BTreeMap;
use std::time::Duration;

use abaqis_daemons::lifecycle::{ProcessEvent, Run, State, Time};
use abaqis_daemons::names::{ApplicationName, Selector, Version};
use abaqis_daemons::supervisor::core::{
    Action, Core, Event, RequestId, Settings as CoreSettings, Snapshot, WatchedTube,
};

use crate::checks::Checks;
use crate::operator;
use crate::pools::Pools;
use crate::process::{Happening, News, Process};
use crate::queue::Queue;
use crate::random::Random;
use crate::settings::Settings;

mod operators;

const HERD: usize = 4;

/// Whose jobs were moved, and how many, or why not.
type Relocation = (ApplicationName, Version, Result<u64, String>);

pub(crate) struct World {
    random: Random,
    seed: u64,
    core: Core,
    /// A restored copy that has to decide as the core does, for so many events more.
    twin: Option<(Core, u32)>,
    now: Time,
    settings: Settings,
    processes: BTreeMap<Run, Process>,
    coming: BTreeMap<(Time, u64), (Run, Happening)>,
    arrivals: u64,
    next_operator: Time,
    requests: Vec<RequestId>,
    last_request: u64,
    checks: Checks,
    events: u64,
    calm: bool,
    finished: bool,
    queue: Queue,
    /// Jobs that are being moved: when that is over, and how it ends.
    moves: BTreeMap<(Time, u64), Relocation>,
    wants: u64,
    /// Those that are looked at.
    tubes: Vec<WatchedTube>,
    pools: Pools,
    actions: Vec<Action>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let now = Time::from_nanos(1_000_000_000 + random.below(1 << 40));
        let settings = Settings::new(&mut random);
        let mut world = Self {
            random,
            seed,
            core: Core::new(CoreSettings { herd: HERD, seed }),
            twin: None,
            now,
            settings,
            processes: BTreeMap::new(),
            coming: BTreeMap::new(),
            arrivals: 0,
            next_operator: now,
            requests: Vec::new(),
            last_request: 0,
            checks: Checks::new(HERD),
            events: 0,
            calm: false,
            finished: false,
            queue: Queue::new(now),
            moves: BTreeMap::new(),
            wants: 0,
            tubes: Vec::new(),
            pools: Pools::default(),
            actions: Vec::new(),
        };
        world.apply();
        world
    }

    pub(crate) fn events(&self) -> u64 {
        self.events
    }

    /// How often workers became more or fewer because of the load.
    pub(crate) fn resized(&self) -> u64 {
        self.pools.resized()
    }

    /// So many events of everyday life.
    pub(crate) fn live(&mut self, events: u64) {
        while self.events < events {
            self.advance(true);
            if self.random.below(2000) == 0 {
                // The machine was suspended, or the supervisor was.
                let span = Duration::from_secs(self.random.below(3600));
                self.now = self.now + span;
                self.checks.jumped(span);
            }
            if self.random.below(1500) == 0 {
                self.upgrade();
            }
        }
    }

    /// Nobody does anything any more, and new processes behave: everything comes up, and
    /// everybody gets an answer.
    pub(crate) fn come_to_rest(&mut self) {
        self.calm = true;
        // Those that were started before have to have their crashes behind them.
        let end = self.now + Duration::from_secs(100);
        while self.now < end && self.advance(false) {}
        self.settings.unblock();
        self.put_folders_back();
        self.apply();
        let request = self.request();
        self.handle(Event::Command { request, command: operator::start_all() });
        self.wait("come to rest", Duration::from_mins(20), |world| {
            let mut all = world.core.status(&Selector::All);
            world.checks.open_requests() == 0
                && all.all(|status| matches!(status.state, State::Ready | State::Running | State::Completed))
        });
    }

    /// It ends, and nothing is left.
    pub(crate) fn shut_down(&mut self) {
        for _ in 0..self.random.below(3) {
            let request = self.request();
            self.handle(Event::Command { request, command: operator::command(&mut Random::new(self.seed)) });
        }
        self.handle(Event::Shutdown);
        if self.random.percent(50) {
            let again = if self.random.percent(50) { Event::Shutdown } else { Event::ShutdownNow };
            self.handle(again);
        }
        self.wait("shut down", Duration::from_mins(10), |world| world.finished);
        assert_eq!((self.checks.open_requests(), self.processes.len()), (0, 0), "left after the end");
        let request = self.request();
        self.handle(Event::Command { request, command: operator::start_all() });
        assert_eq!(self.checks.open_requests(), 0, "a request after the end is refused");
    }

    fn wait(&mut self, what: &str, longest: Duration, done: impl Fn(&Self) -> bool) {
        let end = self.now + longest;
        while !done(self) {
            assert!(self.now < end, "does not {what}: {}", self.describe());
            if !self.advance(false) {
                assert!(done(self), "nothing will happen, yet it did not {what}: {}", self.describe());
            }
        }
    }

    /// The next thing happens, whatever it is. False if there is none.
    fn advance(&mut self, operators: bool) -> bool {
        let news = self.coming.first_key_value().map(|((at, _), _)| *at);
        let deadline = self.core.next_deadline();
        let operator = operators.then_some(self.next_operator);
        let look = (!self.tubes.is_empty()).then(|| self.queue.next_look());
        let moved = self.moves.first_key_value().map(|((at, _), _)| *at);
        let Some(next) = [news, deadline, operator, look, moved].into_iter().flatten().min() else {
            return false;
        };
        self.now = self.now.max(next);
        if news == Some(next) {
            self.deliver();
        } else if deadline == Some(next) {
            self.handle(Event::Tick);
            assert!(self.core.next_deadline().is_none_or(|at| at > self.now), "a deadline that has passed");
        } else if moved == Some(next) {
            if let Some((_, (application, version, result))) = self.moves.pop_first() {
                self.handle(Event::Moved { application, version, result });
            }
        } else if look == Some(next) {
            self.look();
        } else {
            self.operate();
            let most = if self.random.percent(30) { 50 } else { 4000 };
            self.next_operator = self.now + self.random.millis(most);
        }
        true
    }

    fn deliver(&mut self) {
        let Some((_, (run, happening))) = self.coming.pop_first() else { return };
        if self.random.below(500) == 0 {
            // News of a process that never was, or is long gone.
            let stale = Run(self.random.below(run.0 + 1));
            if !self.processes.contains_key(&stale) {
                self.handle(Event::Process(stale, ProcessEvent::Gone));
            }
        }
        let Some(process) = self.processes.get_mut(&run) else {
            // One that was never spawned is heard of all the same.
            if let Happening::Heard(event) = happening {
                self.handle(Event::Process(run, event));
            }
            return;
        };
        let (heard, news) = process.happen(happening, &mut self.random);
        self.expect(run, news);
        let Some(event) = heard else { return };
        if event == ProcessEvent::Gone {
            assert!(!self.processes[&run].is_there());
            self.processes.remove(&run);
        }
        self.handle(Event::Process(run, event));
    }

    /// The tubes are looked at; between the looks jobs come and are run.
    fn look(&mut self) {
        for tube in self.tubes.clone() {
            let look = self.queue.look(&tube, self.calm, &mut self.random);
            let WatchedTube { application, version, .. } = tube;
            self.handle(Event::Tube { application, version, look });
        }
        self.queue.work(&self.core, self.calm, &mut self.random);
        self.queue.look_in(self.now, self.core.look_every());
    }

    fn request(&mut self) -> RequestId {
        self.last_request += 1;
        let request = RequestId(self.last_request);
        self.requests.push(request);
        if self.requests.len() > 8 {
            self.requests.remove(0);
        }
        request
    }

    /// The supervisor goes on in another program image.
    fn upgrade(&mut self) {
        let snapshot = self.core.snapshot();
        let text = serde_json::to_string(&snapshot).unwrap();
        let read: Snapshot = serde_json::from_str(&text).unwrap();
        let settings = CoreSettings { herd: HERD, seed: self.seed };
        let core = Core::restore(read, settings).unwrap();
        assert_eq!(core.last_request(), self.core.last_request());
        assert!(serde_json::to_string(&core.snapshot()).unwrap() == text, "what was restored is another");
        let old = std::mem::replace(&mut self.core, core);
        self.wants = 0;
        self.twin = Some((old, 50));
    }

    fn expect(&mut self, run: Run, news: News) {
        for (after, happening) in news {
            self.arrivals += 1;
            self.coming.insert((self.now + after, self.arrivals), (run, happening));
        }
    }

    fn handle(&mut self, event: Event) {
        self.events += 1;
        let twin = self.twin.take();
        let copy = twin.is_some().then(|| event.clone());
        let mut actions = std::mem::take(&mut self.actions);
        self.checks.before(&event, self.now);
        self.pools.before(&self.core, &event);
        self.core.handle(event, self.now, &mut actions);
        if let (Some((mut twin, left)), Some(event)) = (twin, copy) {
            let mut others = Vec::new();
            twin.handle(event, self.now, &mut others);
            assert!(actions == others, "what was restored decides otherwise");
            self.twin = (left > 0).then(|| (twin, left - 1));
        }
        if self.wants != self.core.releases_changed() {
            self.wants = self.core.releases_changed();
            self.checks.wants(self.core.wanted(), self.now);
            let tubes = self.core.tubes();
            if tubes != self.tubes {
                self.tubes = tubes;
                self.queue.look_in(self.now, Duration::ZERO);
            }
            self.pools.after(&self.core, &self.settings.budget(), &actions);
        }
        self.checks.about_to(&actions);
        for action in actions.drain(..) {
            self.act(action);
        }
        self.actions = actions;
        if self.events.is_multiple_of(16) {
            self.queue.check(&self.core, &self.tubes, self.now);
        }
        self.checks.after(&self.core, self.now, self.events);
    }

    fn act(&mut self, action: Action) {
        self.checks.action(&action, self.now);
        match action {
            Action::Spawn { run, spec } => {
                let other = self.processes.values().any(|process| process.id == spec.id);
                assert!(!other, "a second process of {}", spec.id);
                let (process, news) = Process::start(run, &spec, self.calm, &mut self.random);
                self.expect(run, news);
                if let Some(process) = process {
                    self.processes.insert(run, process);
                }
            }
            Action::Signal { run, reach, .. } => {
                if let Some(process) = self.processes.get_mut(&run) {
                    let news = process.signal(reach, &mut self.random);
                    self.expect(run, news);
                }
            }
            Action::Kill { run } => {
                if let Some(process) = self.processes.get_mut(&run) {
                    let news = process.kill();
                    self.expect(run, news);
                }
            }
            Action::CheckReadiness { run, .. } => {
                if self.calm || self.random.percent(90) {
                    let after = self.random.millis(1500);
                    self.expect(run, vec![(after, Happening::Heard(ProcessEvent::Ready))]);
                }
            }
            Action::Publish(_) | Action::Answer { .. } | Action::Tell(_) | Action::Applied { .. } => {}
            Action::Renamed { application, from, to } => {
                for process in self.processes.values_mut() {
                    process.renamed(&application, &from, &to);
                }
            }
            Action::MoveJobs { application, version, from, to, .. } => {
                let result = self.queue.relocate(&from, &to, self.calm, &mut self.random);
                let after = self.random.millis(3000);
                self.moves.insert((self.now + after, self.arrivals), (application, version, result));
                self.arrivals += 1;
            }
            Action::Finished => {
                assert!(self.processes.is_empty(), "finished, and something is left");
                assert!(!std::mem::replace(&mut self.finished, true), "finished twice");
            }
        }
    }

    fn describe(&self) -> String {
        let lines = self.core.status(&Selector::All).map(|status| {
            format!("\n{} {} {:?} {:?}", status.spec.id, status.state, status.reason, status.run)
        });
        let open = self.checks.describe_open();
        lines.collect::<String>() + "\n" + &open
    }
}
