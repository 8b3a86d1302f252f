//! What processes hold at two moments when nothing goes wrong and as much has been done: descriptors and
//! memory must not have grown.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::host::Host;
use crate::processes::{Process, descriptors, mains, marked, memory, opened};
use crate::{run, until};

/// After so long without a change the supervisor is at rest: it gives memory back half a second after its work.
const RESTED: Duration = Duration::from_millis(700);

/// By how much the memory of a process may have grown, in KiB: the supervisor keeps its past events, and
/// an interpreter that has just begun its heap has fewer pages of it than one that has collected its
/// garbage some times.
const GROWTH: u64 = 2 * 1024;

/// What a process is, as far as it matters for what it needs.
fn kind(process: &Process, main: bool) -> &'static str {
    let daemon = process.instance.split('/').nth(1).unwrap_or_default();
    match daemon {
        "worker" if main => "worker",
        "scheduler" => "scheduler",
        "preloader" => "preloader",
        "worker" if process.forked => "forked executor",
        "worker" => "executor",
        _ => "other",
    }
}

/// What is held while nothing goes wrong.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Held {
    /// What the supervisor's descriptors lead to.
    files: BTreeMap<String, usize>,
    /// The most descriptors that a process of each kind has, and the most KiB.
    kinds: BTreeMap<&'static str, (usize, u64)>,
    /// The supervisor's own memory, in KiB.
    memory: u64,
}

impl Held {
    fn now(host: &Host) -> Self {
        let supervisor = host.site.pid();
        let mut kinds: BTreeMap<&str, (usize, u64)> = BTreeMap::new();
        let all = marked(host.site.mark());
        let mains = mains(&all);
        for process in &all {
            let kind = kind(process, mains.contains(&process));
            let most = kinds.entry(kind).or_default();
            let (files, memory) = (descriptors(process.pid), memory(process.pid));
            *most = (most.0.max(files), most.1.max(memory));
        }
        Self { files: opened(supervisor), kinds, memory: memory(supervisor) }
    }

    /// Once the last command has gone and what it took is given back.
    pub(crate) fn settled(host: &Host) -> Self {
        let (mut before, mut since) = (Self::now(host), Instant::now());
        let end = since + Duration::from_secs(10);
        while since.elapsed() < RESTED && Instant::now() < end {
            let now = Self::now(host);
            if now.files != before.files || now.memory != before.memory {
                (before, since) = (now, Instant::now());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        before
    }
}

/// Nobody holds more than before.
pub(crate) fn until_calm(host: &mut Host, before: &Held) {
    until(host, "no instance has grown", |host| {
        let now = Held::now(host).kinds;
        let grown = now.iter().find(|(kind, (files, memory))| {
            let most = before.kinds.get(*kind).copied().unwrap_or_default();
            *files > most.0 || *memory > most.1 + GROWTH
        });
        if grown.is_some() { Err(format!("{:?}, now {now:?}", before.kinds)) } else { Ok(()) }
    });
    println!(
        "descriptors and KiB in the beginning {:?}, in the end {:?}",
        before.kinds,
        Held::now(host).kinds
    );
    // What was started while there was no journal writes through the supervisor until it is started again.
    until(host, "all run again", |host| run(host, &["start", "all"]).map(drop));
    until(host, "all are started anew", |host| run(host, &["restart", "all", "--at-once"]).map(drop));
    until(host, "no descriptor is left over", |host| {
        let now = Held::now(host).files;
        if now == before.files { Ok(()) } else { Err(format!("{:?}, now {now:?}", before.files)) }
    });
    until(host, "the memory is as it was", |host| {
        let now = memory(host.site.pid());
        if now > before.memory + GROWTH {
            return Err(format!("{now} KiB, {} KiB in the beginning", before.memory));
        }
        println!("the supervisor's own memory: {now} KiB, {} KiB in the beginning", before.memory);
        Ok(())
    });
}
