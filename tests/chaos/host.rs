//! Carries out the schedule, puts jobs all the while, and writes down what really happened.

mod work;

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::time::{ClockId, clock_gettime};

use crate::journal;
use crate::lookout::Lookout;
use crate::operators::Operators;
use crate::processes::{Process, descriptors, has_ended, kill, mains, marked, still_lives};
use crate::random::Random;
use crate::schedule::{Disk, Edit, Fault, Planned, Whom};
use crate::settings::SETTINGS;
use crate::site::Site;
use crate::verdict::{Happened, Moment, Put, Reach};

/// Between two jobs.
const BEAT: Duration = Duration::from_millis(40);

/// How long the supervisor takes at most until it has read its configuration.
const START: Duration = Duration::from_secs(10);

pub(crate) struct Host {
    pub(crate) site: Site,
    pub(crate) puts: Vec<Put>,
    pub(crate) faults: Vec<Happened>,
    /// Each edit of daemons.yml, and when it was done: which keys it changed.
    pub(crate) edits: Vec<(Moment, Vec<String>)>,
    /// How often a second supervisor was refused.
    pub(crate) seconds: usize,
    /// What was seen that must not be.
    pub(crate) seen: Vec<String>,
    random: Random,
    undone: Vec<(Instant, Undo)>,
    operators: Operators,
    lookout: Lookout,
    stuck: Vec<UnixStream>,
    /// When the supervisor was killed, until it is back.
    killed: Option<Moment>,
    /// daemons.yml is of no use now,
    unusable: bool,
    /// or was so at a time when a supervisor that has just been started may have read it.
    may_have_read: bool,
    started: Instant,
    /// Since when it has had no descriptors left, if not even for what it begins with.
    starved: Option<Instant>,
    full: bool,
    /// Where among the jobs the first is that was put since the queue was last started: of those before
    /// it, the numbers may be given again.
    since: usize,
    /// Those that were killed and may still be there, by the number of the fault.
    dying: Vec<(usize, Process)>,
}

/// What ends a fault.
enum Undo {
    Continue(i32),
    Line,
    Limit(i32, &'static str),
    Disk(Disk),
    Journal,
    Clock,
}

/// The clock that the jobs write down as well.
pub(crate) fn now() -> Moment {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap();
    Moment::try_from(now.tv_sec() * 1000 + now.tv_nsec() / 1_000_000).unwrap()
}

impl Host {
    pub(crate) fn new(site: Site, seed: u64) -> Self {
        Self {
            site,
            puts: Vec::new(),
            faults: Vec::new(),
            edits: Vec::new(),
            seconds: 0,
            since: 0,
            seen: Vec::new(),
            random: Random::new(!seed),
            undone: Vec::new(),
            operators: Operators::default(),
            lookout: Lookout::default(),
            stuck: Vec::new(),
            killed: None,
            unusable: false,
            may_have_read: false,
            starved: None,
            started: Instant::now(),
            full: false,
            dying: Vec::new(),
        }
    }

    /// Brings a schedule over the host, until its last fault has been.
    pub(crate) fn endure(&mut self, schedule: &[Planned]) {
        let begin = Instant::now();
        let mut put = begin;
        let mut schedule = schedule.iter().peekable();
        while schedule.peek().is_some() {
            while let Some(planned) = schedule.next_if(|planned| begin.elapsed() >= planned.at) {
                self.bring(&planned.fault);
            }
            if put.elapsed() >= BEAT {
                put = Instant::now();
                self.put();
            }
            self.undo(false);
            self.tend();
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Ends every fault; what is left is a host as it should be.
    pub(crate) fn put_right(&mut self) {
        self.undo(true);
        let full = format!("FullDisk({:?}", Disk::Binlog);
        if self.faults.iter().any(|fault| fault.what.starts_with(&full)) {
            // A job whose release or burial it refused is nobody's until it is started again.
            self.kill("the queue is started again, with room".to_owned(), Whom::Queue, 0);
        }
        self.unusable = false;
        self.site.put_right();
        self.stuck.clear();
        self.operators.leave();
        self.tend();
    }

    fn happens(&mut self, what: String, lasts: Duration, reach: Reach) {
        let from = now();
        let to = from + Moment::try_from(lasts.as_millis()).unwrap_or(Moment::MAX);
        self.faults.push(Happened { from, to, what, reach });
    }

    fn bring(&mut self, fault: &Fault) {
        let what = format!("{fault:?}");
        match fault {
            Fault::Kill(whom, which) => self.kill(what, *whom, *which),
            Fault::Pause(whom, which, lasts) => self.pause(what, *whom, *which, *lasts),
            Fault::Line(line, lasts) => {
                // Connections that were cut are made anew.
                self.happens(what, *lasts + Duration::from_secs(1), Reach::Everything);
                self.site.proxies.iter().for_each(|proxy| proxy.set(Some(*line)));
                self.later(*lasts, Undo::Line);
            }
            Fault::NoProcesses(whom, which, lasts) if self.site.root => {
                let Some((pid, _)) = self.target(*whom, *which) else { return };
                self.limit(what, pid, "nproc", 1, *lasts);
            }
            Fault::NoDescriptors(whom, which, lasts) => {
                let Some((pid, _)) = self.target(*whom, *which) else { return };
                if *whom == Whom::Supervisor && self.started.elapsed() < START {
                    self.starved = Some(Instant::now());
                }
                self.limit(what, pid, "nofile", descriptors(pid), *lasts);
            }
            Fault::FullDisk(disk, lasts) if self.site.root => {
                self.happens(what, *lasts, Reach::Nobody);
                self.full |= *disk == Disk::Logs;
                self.site.fill(*disk, true);
                self.later(*lasts, Undo::Disk(*disk));
            }
            Fault::Clock(seconds, lasts) if self.site.clock.can_be_set() => {
                self.happens(what, *lasts, Reach::Nobody);
                self.site.clock.set(*seconds);
                self.later(*lasts, Undo::Clock);
            }
            Fault::NoJournal(lasts) if self.site.root => {
                self.happens(what, *lasts, Reach::Nobody);
                journal::hide(true);
                self.later(*lasts, Undo::Journal);
            }
            // Root alone can have another user, disks, a clock and a journal of its own.
            Fault::NoProcesses(..) | Fault::FullDisk(..) | Fault::NoJournal(_) | Fault::Clock(..) => {}
            Fault::Edit(edit, application) => {
                if !edit.is_elsewhere() {
                    self.unusable = edit.is_of_no_use();
                    // What is written in place is empty for a moment.
                    self.may_have_read |=
                        (self.unusable || *edit == Edit::Same) && self.started.elapsed() < START;
                }
                self.site.edit(*edit, *application);
                let (what, keys) = said(*edit, *application);
                if !edit.is_elsewhere() {
                    self.edits.push((now(), keys));
                }
                self.happens(what, Duration::ZERO, Reach::Nobody);
            }
            Fault::Deploy(application) => {
                self.happens(what, Duration::ZERO, Reach::Nobody);
                self.site.deploy(*application);
            }
            Fault::Operator(words, killed) => {
                self.happens(what, Duration::ZERO, Reach::Nobody);
                self.command(words, *killed);
            }
            Fault::Second => self.second(),
            Fault::Stuck => {
                let Ok(mut stream) = UnixStream::connect(self.site.path("small/run/control.sock")) else {
                    return;
                };
                let _ = stream.write_all(b"{\"request\":\"sta");
                self.stuck.push(stream);
            }
        }
    }

    fn kill(&mut self, what: String, whom: Whom, which: u64) {
        match whom {
            Whom::Queue => {
                self.happens(what, Duration::ZERO, Reach::Everything);
                // Begun on a full disk it would go on without a binlog, and say so to nobody.
                self.site.fill(Disk::Binlog, false);
                self.site.queue.kill();
                self.site.queue.restart();
                self.since = self.puts.len();
                // Whoever held a job at its end has to ask for it anew.
                self.happens("the queue is back".to_owned(), Duration::from_secs(1), Reach::Everything);
            }
            Whom::Supervisor => {
                self.killed.get_or_insert_with(now);
                kill(self.site.pid(), Signal::SIGKILL);
            }
            Whom::Worker | Whom::Executor | Whom::Preloader | Whom::Scheduler => {
                let Some(process) = self.one(whom, which) else { return };
                let (from, what) = (now(), format!("{what}: {process:?}"));
                kill(process.pid, Signal::SIGKILL);
                self.faults.push(Happened { from, to: from, what, reach: reach(whom, &process) });
                self.dying.push((self.faults.len() - 1, process));
            }
        }
    }

    /// A kill takes as long as its process needs to be gone: until then those that end with it may
    /// begin what they were told before.
    fn see_off(&mut self) {
        let faults = &mut self.faults;
        self.dying.retain(|(fault, process)| {
            let lives = still_lives(process);
            faults[*fault].to = now();
            lives
        });
    }

    fn pause(&mut self, what: String, whom: Whom, which: u64, lasts: Duration) {
        let Some((pid, reach)) = self.target(whom, which) else { return };
        self.happens(what, lasts, reach);
        kill(pid, Signal::SIGSTOP);
        self.later(lasts, Undo::Continue(pid));
    }

    /// A process that is to have a bad time, and whom else that can do something to.
    fn target(&self, whom: Whom, which: u64) -> Option<(i32, Reach)> {
        match whom {
            Whom::Supervisor => Some((self.site.pid(), Reach::Nobody)),
            // What asks it meanwhile may lose its patience.
            Whom::Queue => Some((i32::try_from(self.site.queue.pid()).ok()?, Reach::Everything)),
            Whom::Worker | Whom::Executor | Whom::Preloader | Whom::Scheduler => {
                Some((self.one(whom, which)?.pid, Reach::Nobody))
            }
        }
    }

    fn later(&mut self, after: Duration, undo: Undo) {
        self.undone.push((Instant::now() + after, undo));
    }

    /// Sets a limit of a process, for a while.
    fn limit(&mut self, what: String, pid: i32, name: &'static str, to: usize, lasts: Duration) {
        self.happens(what, lasts, Reach::Nobody);
        limit(pid, name, &to.to_string());
        self.later(lasts, Undo::Limit(pid, name));
    }

    /// Ends the faults whose time is over, or all.
    fn undo(&mut self, all: bool) {
        let (due, left): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.undone).into_iter().partition(|(at, _)| all || *at <= Instant::now());
        self.undone = left;
        for (_, undo) in due {
            match undo {
                Undo::Continue(pid) => kill(pid, Signal::SIGCONT),
                Undo::Line => self.site.proxies.iter().for_each(|proxy| proxy.set(None)),
                Undo::Limit(pid, name) => limit(pid, name, "4096"),
                Undo::Journal => journal::hide(false),
                Undo::Clock => self.site.clock.set(0),
                Undo::Disk(disk) => {
                    self.full &= disk != Disk::Logs;
                    self.site.fill(disk, false);
                }
            }
        }
    }

    /// A process that is there now.
    fn one(&self, whom: Whom, which: u64) -> Option<Process> {
        let all = marked(self.site.mark());
        let mains: Vec<Process> = mains(&all).into_iter().cloned().collect();
        let of = |process: &&Process, daemon: &str| process.instance.contains(&format!("/{daemon}/"));
        let found: Vec<Process> = match whom {
            Whom::Worker => mains.iter().filter(|process| of(process, "worker")).cloned().collect(),
            Whom::Preloader => mains.iter().filter(|process| of(process, "preloader")).cloned().collect(),
            Whom::Executor => {
                let inside = all.iter().filter(|process| !mains.contains(process));
                inside.filter(|process| of(process, "worker") || of(process, "preloader")).cloned().collect()
            }
            Whom::Scheduler => mains.iter().filter(|process| of(process, "scheduler")).cloned().collect(),
            Whom::Supervisor | Whom::Queue => Vec::new(),
        };
        let count = u64::try_from(found.len()).unwrap();
        found.into_iter().nth(usize::try_from(which.checked_rem(count)?).unwrap())
    }

    /// Starts the supervisor again when it has ended, sees to operators' clients, and looks around.
    pub(crate) fn tend(&mut self) {
        self.see_off();
        if has_ended(self.site.queue.pid()) {
            // No program of ours; whoever runs it starts it again.
            println!("the queue ended by itself, at {}", now());
            self.kill("the queue ended by itself".to_owned(), Whom::Queue, 0);
        }
        if let Some(status) = self.site.ended() {
            let refused = self.may_have_read && matches!(status.code(), Some(66 | 78));
            let starved = self.starved.take().is_some() && status.code() == Some(74);
            let may = self.killed.is_some() || self.full || refused || starved;
            if !may {
                self.seen.push(format!("the supervisor ended by itself, with {status}"));
            }
            if self.unusable && self.killed.is_none() {
                // An operator mends it, and starts the service.
                self.unusable = false;
                self.site.put_right();
            }
            let from = self.killed.take().unwrap_or_else(now);
            self.site.revive();
            self.started = Instant::now();
            self.may_have_read = self.unusable;
            self.faults.push(Happened {
                from,
                to: now(),
                what: format!("the supervisor ended with {status}"),
                reach: Reach::Everything,
            });
        }
        self.operators.tend(&mut self.seen);
        self.lookout.look(self.site.mark(), self.site.pid(), &mut self.seen);
    }
}

/// What is written down of an edit, and which keys it changes.
fn said(edit: Edit, application: usize) -> (String, Vec<String>) {
    let Edit::Set(setting, value) = edit else {
        let key = match edit {
            Edit::Address(_) => "beanstalk",
            Edit::Unwatched => "watch",
            Edit::Added(_) | Edit::Without(_) => "applications",
            Edit::Daemon(_) => "daemons",
            _ => "",
        };
        let keys = [key].iter().filter(|key| !key.is_empty()).map(ToString::to_string).collect();
        return (format!("Edit({edit:?}, {application})"), keys);
    };
    let setting = &SETTINGS[setting];
    let (place, key) = (setting.place, setting.key);
    (format!("Edit({place:?} {key}: {value}, {application})"), setting.keys(value))
}

/// What the end of a process can do to the jobs that run.
fn reach(whom: Whom, process: &Process) -> Reach {
    match whom {
        Whom::Worker | Whom::Scheduler => Reach::Instance(process.instance.clone()),
        Whom::Executor => Reach::Process(u32::try_from(process.pid).unwrap_or_default()),
        Whom::Preloader => Reach::Nobody,
        Whom::Supervisor | Whom::Queue => Reach::Everything,
    }
}

/// Sets a soft limit of a process; one that has ended has none.
fn limit(pid: i32, name: &str, to: &str) {
    let status = Command::new("prlimit")
        .args([format!("--pid={pid}"), format!("--{name}={to}:")])
        .stderr(Stdio::null())
        .status();
    assert!(status.is_ok(), "prlimit is of util-linux");
}
