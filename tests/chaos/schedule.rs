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
    /// Users may have no more processes for a while.
    NoProcesses(Duration),
    /// A process may have no more descriptors for a while.
    NoDescriptors(Whom, u64, Duration),
    /// A disk is full for a while.
    FullDisk(Disk, Duration),
    /// The clock is fast, or slow, by so many seconds for a while.
    Clock(i64, Duration),
    /// The journal takes no streams for a while.
    NoJournal(Duration),
    /// An edit of daemons.yml.
    Edit(Edit),
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

/// What is done to daemons.yml.
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
}

impl Edit {
    /// It changes what is configured, as an editor that writes another file in the place does.
    pub(crate) fn is_of_content(self) -> bool {
        matches!(
            self,
            Self::Count(_)
                | Self::Scaled(..)
                | Self::Daemon(_)
                | Self::Environment(_)
                | Self::Patience(_)
                | Self::Without(_)
        )
    }

    /// It leaves nothing that can be run.
    pub(crate) fn is_of_no_use(self) -> bool {
        matches!(self, Self::Invalid | Self::Half | Self::Empty | Self::Removed)
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
        planned.push(Planned { at, fault: Fault::Edit(edit(&mut random)) });
        at += Duration::from_millis(500);
    }
    planned.sort_by_key(|planned| planned.at);
    planned
}

fn draw(random: &mut Random) -> Fault {
    let which = random.below(8);
    let one = |random: &mut Random| usize::try_from(random.below(3)).unwrap_or_default();
    match random.below(110) {
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
        62..=64 => Fault::NoProcesses(random.millis(1500)),
        65..=68 => {
            let whom = *random.pick(&[Whom::Supervisor, Whom::Supervisor, Whom::Worker, Whom::Scheduler]);
            Fault::NoDescriptors(whom, which, random.millis(1500))
        }
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
        _ => operator(random),
    }
}

fn edit(random: &mut Random) -> Edit {
    match random.below(14) {
        0 => Edit::Same,
        1 | 2 => Edit::Count(1 + random.below(4)),
        3 | 13 => Edit::Scaled(1 + random.below(2), 3 + random.below(3)),
        4 | 5 => Edit::Daemon(random.percent(50)),
        6 => Edit::Invalid,
        7 => *random.pick(&[Edit::Half, Edit::Empty]),
        8 => Edit::Swapped,
        9 => Edit::Environment(random.below(2)),
        10 => Edit::Patience(15 + random.below(10)),
        11 => Edit::Without(*random.pick(&[None, None, Some(0), Some(1), Some(2)])),
        _ => Edit::Removed,
    }
}

fn operator(random: &mut Random) -> Fault {
    let one = random.pick(&APPLICATIONS).to_string();
    let selector = match random.below(4) {
        0 => "all".to_owned(),
        1 => one.clone(),
        2 => format!("{one}/worker"),
        _ => format!("{one}/worker/{}", 1 + random.below(3)),
    };
    let words: &[&str] = match random.below(13) {
        0 => &["start", &selector],
        1 => &["stop", &selector, "--no-wait"],
        2 => &["restart", &selector],
        3 => &["restart", &selector, "--at-once"],
        4 => &["reload"],
        5 => &["signal", &selector, "WINCH"],
        6 => &["status", "--json"],
        7 => &["plan"],
        8 => &["rollback", &one],
        9 => &["deploy", &one],
        10 => &["releases"],
        11 => &["doctor"],
        _ => &["events", "-f"],
    };
    let follows = words.contains(&"-f");
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
        words.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).take(2).collect::<String>()
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
        "FullDiskBinlog",
        "Operatorupgrade",
    ] {
        assert!(kinds.contains(kind), "{kind} is not among {kinds:?}");
    }
}
