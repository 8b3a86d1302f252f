//! Processes that do what processes do.

use std::sync::Arc;
use std::time::Duration;

use abaqis_daemons::lifecycle::{Exit, Notice, Phase, ProcessEvent, Run, Watchdog};
use abaqis_daemons::names::{ApplicationName, InstanceId, Version};
use abaqis_daemons::plan::InstanceSpec;
use abaqis_daemons::supervisor::core::Reach;

use crate::random::Random;

/// One process and its group. Each of these is so or not, whatever the others are.
#[expect(clippy::struct_excessive_bools)]
pub(crate) struct Process {
    pub(crate) id: InstanceId,
    /// Its main process has not ended.
    main: bool,
    /// Some others of its group are there.
    others: bool,
    /// It does not mind being asked to stop.
    deaf: bool,
    /// It leaves others behind when it ends.
    parent: bool,
    /// How long SIGKILL takes.
    dying: Duration,
    /// It pings its watchdog.
    pings: bool,
    /// SIGKILL is on its way.
    killed: bool,
    /// It runs a job.
    busy: bool,
}

/// News on their way: when they arrive, and what they are.
pub(crate) type News = Vec<(Duration, Happening)>;

/// What happens to a process.
#[derive(Clone)]
pub(crate) enum Happening {
    /// The supervisor hears this.
    Heard(ProcessEvent),
    /// The main process ends.
    Ends(Exit),
    /// The others of its group end.
    OthersEnd,
    /// It is time for the next ping.
    Ping,
    /// It begins a job, or ends one.
    Job,
}

pub(crate) fn notice(phase: Phase) -> ProcessEvent {
    ProcessEvent::Notify(Box::new(Notice { phase: Some(phase), ..Notice::default() }))
}

impl Process {
    /// A process is started; `calm` ones do not misbehave.
    pub(crate) fn start(
        run: Run,
        spec: &InstanceSpec,
        calm: bool,
        random: &mut Random,
    ) -> (Option<Self>, News) {
        let mut news = News::new();
        let spawned = ProcessEvent::Spawned { pid: u32::try_from(run.0 % 4_000_000_000).unwrap() };
        if !calm && random.percent(4) {
            if random.percent(30) {
                news.push((Duration::ZERO, Happening::Heard(spawned)));
            }
            let reason: Arc<str> = "/srv/bin/x: No such file or directory".into();
            news.push((random.millis(5), Happening::Heard(ProcessEvent::SpawnFailed { reason })));
            return (None, news);
        }
        news.push((random.millis(5), Happening::Heard(spawned)));
        let process = Self {
            id: spec.id.clone(),
            main: true,
            others: false,
            deaf: !calm && random.percent(10),
            parent: !calm && random.percent(10),
            dying: if random.percent(2) { random.millis(4000) } else { random.millis(50) },
            // Those that need not are silent: nothing they say wakes the supervisor up.
            pings: spec.daemon.process.watchdog.is_some() && (calm || random.percent(90)),
            killed: false,
            busy: false,
        };
        if spec.id.daemon.as_str() == "worker" {
            news.push((random.millis(20_000), Happening::Job));
        }
        news.push((Duration::from_millis(500), Happening::Ping));
        // When it says that it is ready, if it ever does.
        if calm || random.percent(85) {
            let most = if calm { 1000 } else { 2500 };
            news.push((random.millis(most), Happening::Heard(notice(Phase::Ready))));
        }
        if !calm {
            misbehave(&mut news, random);
        }
        (Some(process), news)
    }

    pub(crate) fn is_there(&self) -> bool {
        self.main || self.others
    }

    /// Its release is called otherwise.
    pub(crate) fn renamed(&mut self, application: &ApplicationName, from: &Version, to: &Version) {
        if self.id.application == *application && matches!(self.id.daemon.as_str(), "worker" | "preloader") {
            match &self.id.release {
                None => self.id.release = Some(from.clone()),
                Some(version) if version == to => self.id.release = None,
                Some(_) => {}
            }
        }
    }

    /// It gets a signal.
    pub(crate) fn signal(&mut self, reach: Reach, random: &mut Random) -> News {
        let mut news = News::new();
        if self.deaf {
            return news;
        }
        if self.main && reach != Reach::Rest {
            let exit = if random.percent(50) { Exit::Code(0) } else { Exit::Signal(15) };
            news.push((random.millis(200), Happening::Ends(exit)));
        }
        if reach != Reach::Main && self.others {
            news.push((random.millis(200), Happening::OthersEnd));
        }
        news
    }

    /// It gets SIGKILL, all of it.
    pub(crate) fn kill(&mut self) -> News {
        if std::mem::replace(&mut self.killed, true) {
            return News::new();
        }
        vec![(self.dying, Happening::Ends(Exit::Signal(9))), (self.dying, Happening::OthersEnd)]
    }

    /// Something happens; what the supervisor hears of it, now and later.
    pub(crate) fn happen(
        &mut self,
        happening: Happening,
        random: &mut Random,
    ) -> (Option<ProcessEvent>, News) {
        let mut news = News::new();
        let heard = match happening {
            Happening::Heard(event) => self.main.then_some(event),
            Happening::Ping if self.main && self.pings => {
                news.push((Duration::from_secs(1), Happening::Ping));
                Some(ProcessEvent::Notify(Box::new(Notice {
                    watchdog: Some(Watchdog::Alive),
                    ..Notice::default()
                })))
            }
            Happening::Ends(exit) if self.main => {
                self.main = false;
                self.others = self.parent && !self.killed;
                if !self.others {
                    news.push((random.millis(2), Happening::OthersEnd));
                }
                Some(ProcessEvent::Exited { exit, survivors: self.others })
            }
            Happening::Job if self.main => {
                self.busy = !self.busy;
                news.push((random.millis(20_000), Happening::Job));
                let job = if self.busy { "18 Resident.census" } else { "" };
                let notice = Notice { job: Some(job.to_owned()), ..Notice::default() };
                Some(ProcessEvent::Notify(Box::new(notice)))
            }
            Happening::Ping | Happening::Job | Happening::Ends(_) => None,
            Happening::OthersEnd => {
                self.others = false;
                (!self.main).then_some(ProcessEvent::Gone)
            }
        };
        (heard, news)
    }
}

/// What a process does that is no model of its kind.
fn misbehave(news: &mut News, random: &mut Random) {
    let exit = match random.below(4) {
        0 => Exit::Code(0),
        1 => Exit::Signal(9),
        2 => Exit::Signal(11),
        _ => Exit::Code(1),
    };
    let life = match random.below(10) {
        0 => random.millis(3),
        1 => random.millis(500),
        2 | 3 => random.millis(5000),
        _ => random.millis(60_000),
    };
    news.push((life, Happening::Ends(exit)));
    let said = match random.below(12) {
        0 => notice(Phase::Reloading),
        1 => notice(Phase::Stopping),
        2 => ProcessEvent::Notify(Box::new(Notice {
            watchdog: Some(Watchdog::Trigger),
            status: Some("broken".into()),
            ..Notice::default()
        })),
        3 => ProcessEvent::Notify(Box::new(Notice {
            job: Some("17 Resident.census".into()),
            ..Notice::default()
        })),
        4 => ProcessEvent::NotReady { reason: "nothing listens on port 80".into() },
        5 => ProcessEvent::Notify(Box::new(Notice {
            extend: Some(Duration::from_secs(5)),
            ..Notice::default()
        })),
        _ => return,
    };
    news.push((random.millis(3000), Happening::Heard(said.clone())));
    if said == notice(Phase::Reloading) {
        news.push((random.millis(6000), Happening::Heard(notice(Phase::Ready))));
    }
}
