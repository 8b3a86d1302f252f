//! What goes wrong when: drawn from a seed, so that a number replays it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::commands::{of_the_queue, operator};
use crate::random::Random;
use crate::settings::{SETTINGS, Setting};

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
    /// The service is started by hand, though it runs.
    Second,
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
    /// Another value of a setting: its place among all, and the value.
    Set(usize, &'static str),
    /// A daemon more, or not.
    Daemon(bool),
    /// An application less, or all of them.
    Without(Option<usize>),
    /// Where the queue listens: at the one proxy before it, or at the other.
    Address(usize),
    /// An application more, in `daemons.d`, or not.
    Added(bool),
    /// From now on edits are applied only when an operator says so.
    Unwatched,
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
    /// The application's `env_file` is a FIFO, which whoever opened it carelessly would hang at.
    Fifo,
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
        matches!(self, Self::EnvFile(_) | Self::Fifo | Self::Timetable(_))
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
    let mut deck = Deck::default();
    let mut at = Duration::from_millis(250);
    while at < length {
        let (edit, application) = edit(&mut random, &mut deck);
        planned.push(Planned { at, fault: Fault::Edit(edit, application) });
        if edit == Edit::Unwatched {
            let at = at + Duration::from_millis(600) + random.millis(1000);
            planned.push(Planned { at, fault: Fault::Operator(vec!["reload".to_owned()], None) });
        }
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

/// The settings in an order of chance, each as often as any other.
#[derive(Default)]
struct Deck {
    left: Vec<usize>,
    /// What was chosen last of each, for each application.
    chosen: BTreeMap<(usize, usize), &'static str>,
}

impl Deck {
    /// The next: from its usual value to another one, and back the next time.
    fn draw(&mut self, random: &mut Random) -> (Edit, usize) {
        if self.left.is_empty() {
            self.left = (0..SETTINGS.len()).collect();
            for i in (1..self.left.len()).rev() {
                self.left.swap(i, usize::try_from(random.below(i as u64 + 1)).unwrap_or_default());
            }
        }
        let setting = self.left.pop().unwrap_or_default();
        let Setting { values, .. } = &SETTINGS[setting];
        let all: Vec<usize> = (0..3).filter(|&application| SETTINGS[setting].is_of(application)).collect();
        let application = *random.pick(&all);
        let last = self.chosen.get(&(setting, application)).copied().unwrap_or(values[0]);
        let others: Vec<&'static str> = values[1..].to_vec();
        let next = if last == values[0] { *random.pick(&others) } else { values[0] };
        self.chosen.insert((setting, application), next);
        (Edit::Set(setting, next), application)
    }
}

fn edit(random: &mut Random, deck: &mut Deck) -> (Edit, usize) {
    let edit = match random.below(60) {
        0 => Edit::Same,
        1 => Edit::Invalid,
        2 => *random.pick(&[Edit::Half, Edit::Empty]),
        3 => Edit::Swapped,
        4 | 5 => Edit::Without(*random.pick(&[None, None, Some(0), Some(1), Some(2)])),
        6 => Edit::Removed,
        7 => Edit::Address(usize::from(random.percent(50))),
        8 | 9 => Edit::Added(random.percent(50)),
        10 => Edit::Twice,
        11 if random.percent(40) => Edit::Fifo,
        11 | 12 => Edit::EnvFile(*random.pick(&[None, Some(0), Some(1), Some(2)])),
        13 => Edit::Timetable(*random.pick(&[None, Some(true), Some(false)])),
        14 | 15 => Edit::Daemon(random.percent(60)),
        16 => Edit::Unwatched,
        _ => return deck.draw(random),
    };
    (edit, one(random))
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
        "EditSet",
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
