//! A supervisor with preloaded workers, a queue with a binlog, a putter that goes on whatever
//! happens, and somebody who kills them all.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::sys::signal::{Signal, kill};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

use crate::beanstalkd::Beanstalkd;
use crate::host::Host;
use crate::ledger::{self, Account, Kill, Moment, Victim};
use crate::queue::{Putter, left};
use crate::wait::until;

/// What a job writes, with one system call a line: nobody's line is ever mixed with another's.
const APPLICATION: &str = r##"
module Ledger
  FILE = File.open(File.join(__dir__, "../ledger"), "a")
  def self.note(what, name)
    now = Process.clock_gettime(Process::CLOCK_MONOTONIC, :nanosecond)
    FILE.syswrite("#{what} #{name} #{Ayl.current_job.id} #{$$} #{ENV["AYL_INSTANCE"]} #{now}\n")
  end
  def self.job(name, seconds)
    note("begin", name)
    sleep seconds
    note("end", name)
  end
end
"##;

/// A start limit that is never reached: all of this is on purpose.
const WORKERS: &str =
    "{count: 4, preload: true, backoff: {initial: 0s}, start_limit: {count: 10000, within: 1h}}";

/// What a job writes, in bytes, or somewhat more.
const LINES: u64 = 90;

/// How many jobs are put ahead of those that are done.
const AHEAD: u64 = 200;

/// How long all may stand still before the test gives up.
const STILL: Duration = Duration::from_mins(1);

/// Small and good enough, and the same for the same seed (`SplitMix64`).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit.max(1)
    }
}

/// `AYL_SEED`, or another one each time.
pub(crate) fn seed() -> u64 {
    let given = std::env::var("AYL_SEED").ok().map(|text| text.parse().expect("AYL_SEED is a number"));
    given.unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs())
}

fn now() -> Moment {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap();
    u64::try_from(now.tv_sec()).unwrap() * 1_000_000_000 + u64::try_from(now.tv_nsec()).unwrap()
}

/// Puts `jobs` jobs while `kills` kills happen, waits until all is done, and says what became
/// of them.
pub(crate) fn run(jobs: u32, kills: u32, seed: u64) -> Account {
    // What a process has written outlives it: only a crash of the machine would need fsync.
    let mut queue = Beanstalkd::with(&["-b", ".", "-F"]);
    let mut host = Host::start(&queue.address().to_string(), WORKERS, APPLICATION);
    let ledger = host.folder().join("ledger");
    let progress = ledger.clone();
    let mut dice = Dice(!seed);
    let putter = Putter::start(
        queue.socket(),
        jobs,
        move |name| u64::from(name) <= done(&progress) + AHEAD,
        move |name| format!("Ledger.job({name}, 0.00{:02})", dice.below(40)),
    );
    let mut killer = Killer { dice: Dice(seed), folder: host.folder(), done: Vec::new() };
    for (count, victim) in (0..).zip(killer.order(kills)) {
        // The kills are spread over the load, each at any moment of its share.
        let share = u64::from(jobs / kills);
        let moment = share * count + killer.dice.below(share);
        until("jobs are run", || (done(&ledger) >= moment).then_some(()));
        killer.kill(victim, &mut queue, &mut host);
    }
    let puts = putter.finish();
    until_none_is_left(&queue, &ledger);
    let text = fs::read_to_string(ledger).unwrap();
    let runs = ledger::runs(&text).unwrap_or_else(|error| panic!("{error}"));
    let account = ledger::account(&runs, &killer.done, &puts);
    if !account.wrong.is_empty() {
        println!("{}", host.log());
    }
    account
}

/// How many jobs are done, about.
fn done(ledger: &Path) -> u64 {
    fs::metadata(ledger).map_or(0, |metadata| metadata.len()) / LINES
}

/// Waits until no job is left, as long as something goes on.
fn until_none_is_left(queue: &Beanstalkd, ledger: &Path) {
    let (mut seen, mut since) = (0, Instant::now());
    let mut states = None;
    while states != Some([0; 4]) {
        states = left(&queue.socket());
        if done(ledger) != seen {
            (seen, since) = (done(ledger), Instant::now());
        }
        assert!(since.elapsed() < STILL, "nothing goes on; ready, reserved, delayed, buried: {states:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whom to kill next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Worker,
    Executor,
    Preloader,
    Supervisor,
    Queue,
}

struct Killer {
    dice: Dice,
    /// The working directory of all that belongs to the application.
    folder: PathBuf,
    done: Vec<Kill>,
}

impl Killer {
    /// As many of each kind, in any order.
    fn order(&mut self, kills: u32) -> Vec<Kind> {
        let kinds = [Kind::Worker, Kind::Executor, Kind::Preloader, Kind::Supervisor, Kind::Queue];
        let mut left: Vec<Kind> = kinds.into_iter().cycle().take(kills as usize).collect();
        let mut order = Vec::new();
        while !left.is_empty() {
            let index = self.dice.below(left.len() as u64);
            order.push(left.swap_remove(usize::try_from(index).unwrap()));
        }
        order
    }

    fn kill(&mut self, kind: Kind, queue: &mut Beanstalkd, host: &mut Host) {
        let from = now();
        let victim = match kind {
            Kind::Queue => {
                queue.kill();
                queue.restart();
                Victim::Queue
            }
            Kind::Supervisor => {
                host.kill_supervisor();
                Victim::Supervisor
            }
            Kind::Worker | Kind::Executor | Kind::Preloader => self.kill_process(kind),
        };
        self.done.push(Kill { victim, from, to: now() });
    }

    fn kill_process(&mut self, kind: Kind) -> Victim {
        until(&format!("there is a {kind:?}"), || {
            let mut found = processes(&self.folder, kind);
            let index = usize::try_from(self.dice.below(found.len() as u64)).unwrap();
            let (pid, instance) = (index < found.len()).then(|| found.swap_remove(index))?;
            kill(Pid::from_raw(pid), Signal::SIGKILL).ok()?;
            until("it is dead", || (!lives(pid)).then_some(()));
            Some(match kind {
                Kind::Worker => Victim::Worker(instance),
                Kind::Executor => Victim::Executor(pid),
                _ => Victim::Preloader,
            })
        })
    }
}

/// The application's processes of a kind, each with its instance.
fn processes(folder: &Path, kind: Kind) -> Vec<(i32, String)> {
    let pids =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: i32| {
        let file = |name: &str| fs::read(format!("/proc/{pid}/{name}")).ok();
        let text = |name: &str| Some(String::from_utf8_lossy(&file(name)?).replace('\0', "\n"));
        let title = text("cmdline")?;
        let is_it = match kind {
            Kind::Worker => title.lines().next()?.ends_with("/ayl_worker") && !title.contains("--be"),
            Kind::Executor => title.starts_with("ayl_executor "),
            _ => title.starts_with("ayl_preloader "),
        };
        let here = fs::read_link(format!("/proc/{pid}/cwd")).ok()? == *folder;
        let environment = text("environ")?;
        let instance = environment.lines().find_map(|entry| entry.strip_prefix("AYL_INSTANCE="));
        (is_it && here && lives(pid)).then(|| (pid, instance.unwrap_or_default().to_owned()))
    })
    .collect()
}

/// Whether a process is there and no zombie.
fn lives(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}
