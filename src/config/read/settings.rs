//! Settings that are maps of their own: `backoff`, `start_limit`, `limits`, `ready`, `log`.

use std::time::Duration;

use super::fields::{Key, table};
use super::{Given, Reader};
use crate::config::defaults;
use crate::config::fault::Fault;
use crate::config::quantity::write_duration;
use crate::config::yaml::{Node, ScalarKind, Value};
use crate::config::{Backoff, Bound, CpuShare, Limits, LogTarget, Milli, Ready, StartLimit, Template};

#[derive(Default)]
pub(super) struct BackoffLayer {
    initial: Option<Duration>,
    max: Option<Duration>,
    factor: Option<Milli>,
    jitter: Option<Milli>,
    reset_after: Option<Duration>,
}

pub(super) const BACKOFF: &[Key<BackoffLayer>] = &[
    Key { name: "initial", read: |b, r, n| b.initial = r.duration(n) },
    Key { name: "max", read: |b, r, n| b.max = r.duration(n) },
    Key { name: "factor", read: |b, r, n| b.factor = r.milli(n, 1000..=100_000, "a number from 1 to 100") },
    Key { name: "jitter", read: |b, r, n| b.jitter = r.milli(n, 0..=1000, "a number from 0 to 1") },
    Key { name: "reset_after", read: |b, r, n| b.reset_after = r.duration(n) },
];

pub(super) fn backoff(reader: &mut Reader<'_>, node: &Node) -> Option<Backoff> {
    let layer = table(reader, node, "a map, as {initial: 200ms, max: 60s}", BACKOFF)?;
    let default = defaults::BACKOFF;
    let backoff = Backoff {
        initial: layer.initial.unwrap_or(default.initial),
        max: layer.max.unwrap_or(default.max),
        factor: layer.factor.unwrap_or(default.factor),
        jitter: layer.jitter.unwrap_or(default.jitter),
        reset_after: layer.reset_after.unwrap_or(default.reset_after),
    };
    if backoff.initial > backoff.max {
        let (initial, max) = (write_duration(backoff.initial), write_duration(backoff.max));
        reader.error(node.place, Fault::BackoffOrder { initial, max });
        return None;
    }
    Some(backoff)
}

#[derive(Default)]
pub(super) struct StartLimitLayer {
    count: Option<u32>,
    within: Option<Duration>,
}

pub(super) const START_LIMIT: &[Key<StartLimitLayer>] = &[
    Key {
        name: "count",
        read: |s, r, n| {
            let count = r.whole(n, 1..=10_000, "a whole number from 1 to 10000");
            s.count = count.and_then(|count| u32::try_from(count).ok());
        },
    },
    Key { name: "within", read: |s, r, n| s.within = r.time(n) },
];

pub(super) fn start_limit(reader: &mut Reader<'_>, node: &Node) -> Option<StartLimit> {
    let layer = table(reader, node, "a map, as {count: 10, within: 10m}", START_LIMIT)?;
    let default = defaults::START_LIMIT;
    Some(StartLimit {
        count: layer.count.unwrap_or(default.count),
        within: layer.within.unwrap_or(default.within),
    })
}

pub(super) const LIMITS: &[Key<Limits>] = &[
    Key { name: "nofile", read: |l, r, n| l.nofile = number_bound(r, n) },
    Key { name: "nproc", read: |l, r, n| l.nproc = number_bound(r, n) },
    Key { name: "core", read: |l, r, n| l.core = size_bound(r, n) },
    Key { name: "stack", read: |l, r, n| l.stack = size_bound(r, n) },
    Key { name: "fsize", read: |l, r, n| l.fsize = size_bound(r, n) },
    Key { name: "memlock", read: |l, r, n| l.memlock = size_bound(r, n) },
    Key { name: "memory", read: |l, r, n| l.memory = size_bound(r, n) },
    Key { name: "cpu", read: |l, r, n| l.cpu = cpu(r, n) },
];

pub(super) fn limits(reader: &mut Reader<'_>, node: &Node) -> Option<Limits> {
    table(reader, node, "a map, as {nofile: 4096, memory: 1GiB}", LIMITS)
}

fn unlimited(node: &Node) -> bool {
    matches!(&node.value, Value::Scalar { text, .. } if text == "unlimited")
}

fn number_bound(reader: &mut Reader<'_>, node: &Node) -> Option<Bound> {
    if unlimited(node) {
        return Some(Bound::Unlimited);
    }
    let number = reader.whole(node, 1..=i64::MAX, "a whole number from 1, or unlimited")?;
    u64::try_from(number).ok().map(Bound::At)
}

fn size_bound(reader: &mut Reader<'_>, node: &Node) -> Option<Bound> {
    if unlimited(node) { Some(Bound::Unlimited) } else { reader.size(node).map(Bound::At) }
}

fn cpu(reader: &mut Reader<'_>, node: &Node) -> Option<CpuShare> {
    let text = reader.as_written(node, "per cent of one core, as 150%")?;
    let digits = text.strip_suffix('%').filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
    let share = digits.and_then(|digits| digits.parse().ok()).filter(|share| (1..=1_000_000).contains(share));
    reader.check(node, share.map(CpuShare).ok_or_else(|| Fault::Cpu(text.to_owned())))
}

/// The forms of `ready` that are maps; exactly one is wanted.
#[derive(Default)]
pub(super) struct ReadyLayer {
    found: Vec<(&'static str, Option<Ready>)>,
}

pub(super) const READY: &[Key<ReadyLayer>] = &[
    Key {
        name: "tcp",
        read: |l, r, n| {
            let port = r.whole(n, 1..=65_535, "a port from 1 to 65535");
            l.found.push(("tcp", port.and_then(|port| u16::try_from(port).ok()).map(Ready::Tcp)));
        },
    },
    Key { name: "file", read: |l, r, n| l.found.push(("file", r.path_template(n).map(Ready::File))) },
    Key { name: "exec", read: |l, r, n| l.found.push(("exec", r.command(n).map(Ready::Exec))) },
    Key { name: "delay", read: |l, r, n| l.found.push(("delay", r.duration(n).map(Ready::Delay))) },
];

pub(super) fn ready(reader: &mut Reader<'_>, node: &Node) -> Option<Ready> {
    const EXPECTED: &str = "none, notify, {tcp: PORT}, {file: PATH}, {exec: [COMMAND]} or {delay: TIME}";
    if !matches!(node.value, Value::Map(_)) {
        return reader.word(node, &[("none", Ready::None), ("notify", Ready::Notify)], EXPECTED);
    }
    let before = reader.problems.len();
    let mut found = table(reader, node, EXPECTED, READY)?.found;
    match (found.len(), found.pop()) {
        (1, Some((_, ready))) => ready,
        (_, Some((second, _))) => {
            let first = found.first().map_or(second, |(name, _)| *name);
            reader.error(node.place, Fault::Both(first, second));
            None
        }
        (_, None) if reader.problems.len() == before => {
            reader
                .error(node.place, Fault::WrongType { expected: EXPECTED, found: "an empty map".to_owned() });
            None
        }
        (_, None) => None,
    }
}

#[derive(Default)]
pub(super) struct LogLayer {
    file: Given<Template>,
    max_size: Option<u64>,
    keep: Option<u32>,
}

pub(super) const LOG: &[Key<LogLayer>] = &[
    Key { name: "file", read: |l, r, n| l.file = r.path_template(n).into() },
    Key { name: "max_size", read: |l, r, n| l.max_size = r.space(n) },
    Key {
        name: "keep",
        read: |l, r, n| {
            let keep = r.whole(n, 0..=1000, "a whole number from 0 to 1000");
            l.keep = keep.and_then(|keep| u32::try_from(keep).ok());
        },
    },
];

pub(super) fn log(reader: &mut Reader<'_>, node: &Node) -> Option<LogTarget> {
    const EXPECTED: &str = "journal, null or {file: PATH}";
    if !matches!(node.value, Value::Map(_)) {
        // Without quotes the word is YAML's own, and means what it says; a value that
        // was forgotten does not.
        let written = matches!(&node.value, Value::Scalar { text, .. } if !text.is_empty());
        if written && node.scalar_kind() == Some(ScalarKind::Null) {
            return Some(LogTarget::Null);
        }
        return reader.word(node, &[("journal", LogTarget::Journal), ("null", LogTarget::Null)], EXPECTED);
    }
    let layer = table(reader, node, EXPECTED, LOG)?;
    match layer.file {
        Given::Absent => {
            reader.error(node.place, Fault::Missing("file"));
            None
        }
        Given::Wrong => None,
        Given::Is(path) => Some(LogTarget::File {
            path,
            max_size: layer.max_size.unwrap_or(defaults::LOG_MAX_SIZE),
            keep: layer.keep.unwrap_or(defaults::LOG_KEEP),
        }),
    }
}
