//! The processes of a site, as /proc tells them.

use std::collections::BTreeMap;
use std::fs;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

/// The environment variable by which whatever operators begin is known.
pub(crate) const OPERATOR: &str = "CHAOS_OPERATOR";

/// A process that has the site's mark in its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) parent: i32,
    /// It leads its session, as the one process of an instance that the supervisor started.
    pub(crate) leads: bool,
    /// In ticks since the machine's start: with the pid it names a process for ever.
    pub(crate) started: u64,
    pub(crate) instance: String,
    pub(crate) version: String,
    /// An executor that a preloader has forked: it leads its session, and is no instance's main process.
    pub(crate) forked: bool,
}

/// Every process that lives and has `mark` in its environment.
pub(crate) fn marked(mark: &str) -> Vec<Process> {
    let pids =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| read(pid, mark)).collect()
}

fn read(pid: i32, mark: &str) -> Option<Process> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let entries = environment.split(|&byte| byte == 0);
    if !entries.clone().any(|entry| entry.strip_prefix(b"CHAOS=") == Some(mark.as_bytes())) {
        return None;
    }
    let value = |name: &[u8]| {
        let value = entries.clone().find_map(|entry| entry.strip_prefix(name));
        value.map(|value| String::from_utf8_lossy(value).into_owned())
    };
    let stat = Stat::of(pid).filter(Stat::lives)?;
    let named = value(b"AYL_INSTANCE=");
    let forked = if named.is_none() { forked_for(pid) } else { None };
    Some(Process {
        pid,
        parent: stat.parent,
        leads: stat.session == pid,
        started: stat.started,
        forked: forked.is_some(),
        // A preloader has no name in its environment, or what it forks would have it too.
        instance: named.or(forked).or_else(|| Some(format!("{}/preloader/1", value(b"AYL_APP=")?)))?,
        version: value(b"AYL_VERSION=").unwrap_or_default(),
    })
}

/// For which worker a preloader has forked this executor, if it is one: its title says so.
fn forked_for(pid: i32) -> Option<String> {
    let title = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let title = String::from_utf8_lossy(title.split(|&byte| byte == 0).next()?).into_owned();
    title.strip_prefix("ayl_executor ").map(str::to_owned)
}

/// What operators of the site have begun and is still there.
pub(crate) fn begun_by_operators(mark: &str) -> Vec<i32> {
    let pids =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let wanted = format!("{OPERATOR}={mark}");
    let of_operators = |pid: &i32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|&byte| byte == 0).any(|entry| entry == wanted.as_bytes())
    };
    pids.filter(of_operators).collect()
}

/// Sends a signal; a process that is gone is no error.
pub(crate) fn kill(pid: i32, signal: Signal) {
    let _ = nix::sys::signal::kill(Pid::from_raw(pid), signal);
}

/// What `/proc/PID/stat` says.
struct Stat {
    state: char,
    parent: i32,
    session: i32,
    started: u64,
}

impl Stat {
    fn of(pid: i32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
        Some(Self {
            state: fields.first()?.chars().next()?,
            parent: fields.get(1)?.parse().ok()?,
            session: fields.get(3)?.parse().ok()?,
            started: fields.get(19)?.parse().ok()?,
        })
    }

    fn lives(&self) -> bool {
        !matches!(self.state, 'Z' | 'X')
    }
}

/// Whether a child of this test has ended, and waits to be seen to.
pub(crate) fn has_ended(child: u32) -> bool {
    i32::try_from(child).is_ok_and(|pid| Stat::of(pid).is_none_or(|stat| !stat.lives()))
}

/// Whether this very process still lives.
pub(crate) fn still_lives(process: &Process) -> bool {
    Stat::of(process.pid).is_some_and(|stat| stat.lives() && stat.started == process.started)
}

/// Those that a supervisor has started: each leads its session, and its parent is none of the site's.
pub(crate) fn mains(processes: &[Process]) -> Vec<&Process> {
    let inside = |pid| processes.iter().any(|process| process.pid == pid);
    let main = |process: &&Process| process.leads && !process.forked && !inside(process.parent);
    processes.iter().filter(main).collect()
}

/// Those executors of which one worker has several.
pub(crate) fn spare_executors(processes: &[Process]) -> Vec<&Process> {
    let mains = mains(processes);
    let mut executors: BTreeMap<(&str, &str), Vec<&Process>> = BTreeMap::new();
    for process in processes.iter().filter(|process| !mains.contains(process)) {
        executors.entry((&process.instance, &process.version)).or_default().push(process);
    }
    let workers = executors.into_iter().filter(|((instance, _), _)| instance.contains("/worker/"));
    workers.map(|(_, all)| all).filter(|all| all.len() > 1).flatten().collect()
}

/// The instances of a release that have two main processes at one moment.
pub(crate) fn doubles(processes: &[Process]) -> Vec<(Process, Process)> {
    let mut seen: BTreeMap<(&str, &str), &Process> = BTreeMap::new();
    let mut doubles = Vec::new();
    for process in mains(processes) {
        if let Some(other) = seen.insert((&process.instance, &process.version), process) {
            doubles.push((other.clone(), process.clone()));
        }
    }
    // One may have gone before the other came: only what is still there was there together.
    doubles.retain(|(one, other)| still_lives(one) && still_lives(other));
    doubles
}

/// The children of a process that have ended and that it has not seen to.
pub(crate) fn zombies_of(parent: i32) -> Vec<i32> {
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|pid| pid.parse().ok());
    children.filter(|&pid| Stat::of(pid).is_some_and(|stat| stat.state == 'Z')).collect()
}

/// How many descriptors a process has open.
pub(crate) fn descriptors(pid: i32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// What the descriptors of a process lead to, and how many to each; what sets the clock has some
/// of its own, which are not counted.
pub(crate) fn opened(pid: i32) -> BTreeMap<String, usize> {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten() {
        let target = fs::read_link(entry.path()).unwrap_or_default();
        // The numbers of pipes and sockets say nothing.
        let kind = target.to_string_lossy().split('[').next().unwrap_or_default().to_owned();
        if !kind.starts_with("/dev/shm/faketime") {
            *kinds.entry(kind).or_default() += 1;
        }
    }
    kinds
}

/// The memory that a process has written to, in KiB: what it shares with others that it was forked from,
/// or has forked, counts for each of them, so nobody's figure depends on who else is there.
pub(crate) fn memory(pid: i32) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Anonymous:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}
