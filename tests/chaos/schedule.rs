//! What goes wrong when: drawn from a seed, so that a number replays it.

use std::time::Duration;

use crate::random::Random;

/// The applications.
pub(crate) const APPLICATIONS: [&str; 3] = ["a", "b", "c"];

/// Something that goes wrong. Which process of several it hits is a number that is taken
/// modulo how many there are at that moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// SIGKILL for a process.
    Kill(Whom, u64),
    /// SIGSTOP for a process, and SIGCONT after a while.
    Pause(Whom, u64, Duration),
    /// The connections between the workers and the queue are slow, cut or garbled for a while.
    Line(Line, Duration),
    /// A process, and what it starts, may have no more processes for a while.
    NoProcesses(Whom, u64, Duration),
    /// A process may have no more descriptors for a while.
    NoDescriptors(Whom, u64, Duration),
    /// A disk is full for a while.
    FullDisk(Disk, Duration),
    /// The clock is fast, or slow, by so many seconds for a while.
    Clock(i64, Duration),
    /// The journal takes no streams for a while.
    NoJournal(Duration),
    /// An edit of daemons.yml, or of what it speaks of; where it is about one application, this one.
    Edit(Edit, usize),
    /// Another version of an application is deployed.
    Deploy(usize),
    /// An operator's command; its client is killed after a while if that is given.
    Operator(Vec<String>, Option<Duration>),
    /// A client that connects and says nothing, or half of something.
    Stuck,
}

/// Whose process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whom {
    Supervisor,
    Worker,
    Executor,
    Preloader,
    Scheduler,
    Queue,
}

/// What a disk holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disk {
    /// The logs, and what the supervisor and its daemons remember.
    Logs,
    /// The queue's binlog.
    Binlog,
}

impl Disk {
    pub(crate) const ALL: [Self; 2] = [Self::Logs, Self::Binlog];

    /// Where in the site it is.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Logs => "small",
            Self::Binlog => "binlog",
        }
    }
}

/// What happens to bytes between workers and queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    Slow,
    Cut,
    Garbled,
}

/// What is done to daemons.yml, or to what it speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edit {
    /// Written over in place, with the same in it.
    Same,
    /// The number of an application's workers.
    Count(u64),
    /// As many workers as the jobs that wait need: at least and at most so many.
    Scaled(u64, u64),
    /// A daemon more, or not.
    Daemon(bool),
    /// A variable in the environment of all that an application has.
    Environment(u64),
    /// How many seconds every stop may take.
    Patience(u64),
    /// An application less, or all of them.
    Without(Option<usize>),
    /// How nice all of an application is, which another process has to be.
    Nice(u64),
    /// The first pause after a failure, in milliseconds, which no process has to notice.
    Backoff(u64),
    /// The KiB of a log before a new one is begun.
    Log(u64),
    /// Where the queue listens: at the one proxy before it, or at the other.
    Address(usize),
    /// An application more, in `daemons.d`, or not.
    Added(bool),
    /// Something that no configuration may hold.
    Invalid,
    /// Cut off in the middle.
    Half,
    /// Nothing in it.
    Empty,
    /// A link, swapped for another.
    Swapped,
    /// Gone.
    Removed,
    /// An application in `daemons.d` that is in daemons.yml as well.
    Twice,
    /// The application's `env_file`: a value, or nothing that can be read as one.
    EnvFile(Option<u64>),
    /// The timetable: an entry more or not, or nothing that can be read as one.
    Timetable(Option<bool>),
}

impl Edit {
    /// It leaves nothing that can be run.
    pub(crate) fn is_of_no_use(self) -> bool {
        matches!(self, Self::Invalid | Self::Half | Self::Empty | Self::Removed | Self::Twice)
    }

    /// It is not about daemons.yml: that stays as good or as bad as it was.
    pub(crate) fn is_elsewhere(self) -> bool {
        matches!(self, Self::EnvFile(_) | Self::Timetable(_))
    }
}

/// A fault and when, from the beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Planned {
    pub(crate) at: Duration,
    pub(crate) fault: Fault,
}

/// The faults of `length`: an edit of the configuration every half second, and something else
/// about as often as four times a second.
pub(crate) fn plan(seed: u64, length: Duration) -> Vec<Planned> {
    let mut random = Random::new(seed);
    let mut planned = Vec::new();
    let mut at = Duration::ZERO;
    while at < length {
        planned.push(Planned { at, fault: draw(&mut random) });
        at += random.millis(500);
    }
    let mut at = Duration::from_millis(250);
    while at < length {
        planned.push(Planned { at, fault: Fault::Edit(edit(&mut random), one(&mut random)) });
        at += Duration::from_millis(500);
    }
    planned.sort_by_key(|planned| planned.at);
    planned
}

fn one(random: &mut Random) -> usize {
    usize::try_from(random.below(3)).unwrap_or_default()
}

fn draw(random: &mut Random) -> Fault {
    let which = random.below(8);
    match random.below(120) {
        0..=13 => Fault::Kill(Whom::Worker, which),
        14..=27 => Fault::Kill(Whom::Executor, which),
        28..=31 => Fault::Kill(Whom::Preloader, which),
        32..=34 => Fault::Kill(Whom::Supervisor, 0),
        35..=38 => Fault::Kill(Whom::Queue, 0),
        39..=44 => Fault::Pause(Whom::Worker, which, random.millis(1500)),
        45..=50 => Fault::Pause(Whom::Executor, which, random.millis(1500)),
        51..=52 => Fault::Pause(Whom::Supervisor, 0, random.millis(800)),
        53 => Fault::Pause(Whom::Queue, 0, random.millis(800)),
        54..=61 => Fault::Line(*random.pick(&[Line::Slow, Line::Cut, Line::Garbled]), random.millis(600)),
        62..=64 => Fault::NoProcesses(starved(random), which, random.millis(1500)),
        65..=68 => Fault::NoDescriptors(starved(random), which, random.millis(1500)),
        69..=71 => Fault::FullDisk(Disk::Logs, random.millis(1500)),
        72 => Fault::NoJournal(random.millis(1500)),
        73..=77 => Fault::Deploy(one(random)),
        78..=80 => Fault::Stuck,
        81..=83 => Fault::FullDisk(Disk::Binlog, random.millis(3000)),
        84..=86 => Fault::Kill(Whom::Scheduler, 0),
        87 => Fault::Pause(Whom::Scheduler, 0, random.millis(2000)),
        88..=90 => {
            let seconds = i64::try_from(random.below(31)).unwrap_or_default() - 15;
            Fault::Clock(seconds, random.millis(4000))
        }
        91..=93 => Fault::Operator(vec!["upgrade".to_owned()], None),
        94..=95 => Fault::Pause(Whom::Preloader, which, random.millis(1500)),
        96..=102 => of_the_queue(random),
        _ => operator(random),
    }
}

/// Who has to do without something.
fn starved(random: &mut Random) -> Whom {
    let others = [Whom::Worker, Whom::Scheduler, Whom::Preloader];
    if random.percent(50) { Whom::Supervisor } else { *random.pick(&others) }
}

fn edit(random: &mut Random) -> Edit {
    match random.below(24) {
        0 => Edit::Same,
        1 | 2 => Edit::Count(1 + random.below(4)),
        3 | 4 => Edit::Scaled(1 + random.below(2), 3 + random.below(3)),
        5 | 6 => Edit::Daemon(random.percent(50)),
        7 => Edit::Invalid,
        8 => *random.pick(&[Edit::Half, Edit::Empty]),
        9 => Edit::Swapped,
        10 => Edit::Environment(random.below(2)),
        11 => Edit::Patience(15 + random.below(10)),
        12 => Edit::Without(*random.pick(&[None, None, Some(0), Some(1), Some(2)])),
        13 => Edit::Removed,
        14 => Edit::Nice(random.below(2)),
        15 => Edit::Backoff(20 + random.below(20)),
        16 => Edit::Log(16 + random.below(2)),
        17 => Edit::Address(usize::from(random.percent(50))),
        18 | 19 => Edit::Added(random.percent(50)),
        20 => Edit::Twice,
        21 | 22 => Edit::EnvFile(*random.pick(&[None, Some(0), Some(1), Some(2)])),
        _ => Edit::Timetable(*random.pick(&[None, Some(true), Some(false)])),
    }
}

fn operator(random: &mut Random) -> Fault {
    let one = random.pick(&APPLICATIONS).to_string();
    let selector = match random.below(6) {
        0 => "all".to_owned(),
        1 => one.clone(),
        2 => format!("{one}/worker"),
        3 => format!("{one}/{}", random.pick(&["web", "preloader", "scheduler"])),
        _ => format!("{one}/worker/{}", 1 + random.below(3)),
    };
    let words: &[&str] = match random.below(26) {
        // What was stopped is started again, or soon nothing would be left to go wrong.
        0..=2 => &["start", "all", "--no-wait"],
        3 => &["start", &selector],
        4 => &["stop", &selector, "--no-wait"],
        5 => &["stop", &selector, "--at-once"],
        6 => &["restart", &selector],
        7 => &["restart", &selector, "--at-once"],
        8 => &["reload"],
        9 => &["signal", &selector, "WINCH"],
        10 => &["status", &selector],
        11 => &["status", "--json"],
        12 => &["plan"],
        13 => &["rollback", &one],
        14 => &["deploy", &one],
        15 => &["releases"],
        16 => &["doctor"],
        17 => &["check"],
        18 => &["show"],
        19 => &["tube", &one],
        20 => &["schedule"],
        21 => &["logs", &one],
        22 => &["logs", &selector, "-f"],
        23 => &["events"],
        24 => &["status", "--watch"],
        _ => &["events", "-f"],
    };
    command(random, words)
}

/// What operators do with `ayl_beanstalk`, and what no job is lost by.
fn of_the_queue(random: &mut Random) -> Fault {
    let tube = format!("{}-{}", random.pick(&APPLICATIONS), 1 + random.below(2));
    let action: &[&str] = match random.below(14) {
        0 => &["statistics"],
        1 => &["tube_statistics"],
        2 => &["list_tubes"],
        3 => &["list_jobs"],
        4 => &["peek_ready"],
        5 => &["peek_buried"],
        6 => &["put_ayl_job", "1"],
        7 => &["kill_worker"],
        8 => &["kill_worker", "--all"],
        9 => &["kick", "3"],
        10 => &["pause", "1"],
        11 => &["resume"],
        12 => &["export"],
        _ => &["tube_statistics", "--watch"],
    };
    let words: Vec<&str> = ["ayl_beanstalk", "-t", &tube].iter().chain(action).copied().collect();
    command(random, &words)
}

/// A command whose client is killed now and then; one that would never end always is.
fn command(random: &mut Random, words: &[&str]) -> Fault {
    let follows = words.iter().any(|word| matches!(*word, "-f" | "--watch"));
    let killed = (follows || random.percent(30)).then(|| random.millis(400));
    Fault::Operator(words.iter().map(ToString::to_string).collect(), killed)
}

#[test]
fn a_seed_is_a_schedule() {
    let length = Duration::from_mins(10);
    assert_eq!(plan(7, length), plan(7, length));
    assert_ne!(plan(7, length), plan(8, length));
    let kind = |planned: &Planned| {
        let words = format!("{:?}", planned.fault);
        let words = words.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
        words.take_while(|word| word.len() > 2).take(2).collect::<String>()
    };
    let kinds: std::collections::BTreeSet<String> = plan(7, length).iter().map(kind).collect();
    for kind in [
        "KillSupervisor",
        "KillQueue",
        "KillPreloader",
        "KillScheduler",
        "PauseExecutor",
        "LineGarbled",
        "EditEmpty",
        "EditWithout",
        "EditScaled",
        "EditAddress",
        "EditTimetable",
        "FullDiskBinlog",
        "NoProcessesSupervisor",
        "NoProcessesPreloader",
        "NoJournal",
        "Operatorupgrade",
        "Operatorayl",
    ] {
        assert!(kinds.contains(kind), "{kind} is not among {kinds:?}");
    }
}
