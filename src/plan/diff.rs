//! What has to happen for what runs to become what is wanted.

use std::collections::BTreeMap;

use super::change::{Change, ChangeAction, Plan, Reason};
use super::spec::{InstanceSpec, Wanted, same};
use crate::names::{ApplicationName, DaemonName, InstanceId, Version};

/// The daemon of a release: what has a `count`, and what is `after` another.
type Group<'a> = (&'a ApplicationName, &'a Option<Version>, &'a DaemonName);

fn group(id: &InstanceId) -> Group<'_> {
    (&id.application, &id.release, &id.daemon)
}

/// The changes that make `wanted` of `running`, in order, with an entry for each instance of either.
///
/// An instance whose process would have to be another, but cannot be started now, is kept: a
/// process that works is worth more than the wish for one.
pub fn diff(running: &Wanted, wanted: &Wanted) -> Plan {
    let mut changes = Vec::with_capacity(wanted.len());
    let (old, new) = (Groups::of(running), Groups::of(wanted));
    for (id, spec) in running {
        changes.push(if let Some(other) = wanted.get(id) {
            compare(spec, other)
        } else {
            let reason = match new.count(id) {
                0 if id.release.is_some() => Reason::Retired,
                0 => Reason::Removed,
                to => Reason::Count { from: old.count(id), to },
            };
            change(id, ChangeAction::Stop, reason)
        });
    }
    for id in wanted.keys().filter(|id| !running.contains_key(*id)) {
        let reason = match old.count(id) {
            0 => Reason::New,
            from => Reason::Count { from, to: new.count(id) },
        };
        changes.push(change(id, ChangeAction::Start, reason));
    }
    changes.sort_by_cached_key(|change| {
        let rank = match change.action {
            ChangeAction::Stop => usize::MAX - old.depth(&change.instance),
            _ => new.depth(&change.instance),
        };
        (change.action, rank, change.instance.clone())
    });
    Plan { changes }
}

fn change(id: &InstanceId, action: ChangeAction, reason: Reason) -> Change {
    Change { instance: id.clone(), action, reason }
}

fn compare(old: &InstanceSpec, new: &InstanceSpec) -> Change {
    let (action, reason) = if old.same(new) {
        (ChangeAction::Untouched, Reason::Same)
    } else if old.same_process(new) {
        (ChangeAction::Live, live_reason(old, new))
    } else if let Some(why) = &new.blocked {
        (ChangeAction::Live, Reason::Blocked(why.as_ref().to_owned()))
    } else if old.blocked.is_some() {
        (ChangeAction::Start, Reason::Unblocked)
    } else {
        (ChangeAction::Replace, replace_reason(old, new))
    };
    change(&new.id, action, reason)
}

fn live_reason(old: &InstanceSpec, new: &InstanceSpec) -> Reason {
    let (a, b) = (&old.daemon.policy, &new.daemon.policy);
    let names = differing(&[
        ("restart", a.restart == b.restart),
        ("backoff", a.backoff == b.backoff),
        ("start_limit", a.start_limit == b.start_limit),
        ("ready", a.ready == b.ready),
        ("ready_timeout", a.ready_timeout == b.ready_timeout),
        ("after", a.after == b.after),
        ("stop_signal", a.stop_signal == b.stop_signal),
        ("stop_timeout", a.stop_timeout == b.stop_timeout),
        ("kill", a.kill == b.kill),
    ]);
    match (&new.blocked, names.is_empty()) {
        (_, false) => Reason::Settings(names),
        (Some(why), true) => Reason::Blocked(why.as_ref().to_owned()),
        (None, true) => Reason::Unblocked,
    }
}

fn replace_reason(old: &InstanceSpec, new: &InstanceSpec) -> Reason {
    if let (Some(from), Some(to)) = (&old.release.version, &new.release.version)
        && from != to
    {
        return Reason::Version { from: from.to_string(), to: to.to_string() };
    }
    let (a, b) = (&old.daemon.process, &new.daemon.process);
    let (r, s) = (&old.release, &new.release);
    Reason::Settings(differing(&[
        ("version", r.version == s.version),
        ("path", r.path == s.path),
        ("tube", r.tube == s.tube),
        ("beanstalk", r.beanstalk == s.beanstalk),
        ("command", a.command == b.command),
        ("user", a.account == b.account),
        ("directory", a.directory == b.directory),
        ("umask", a.umask == b.umask),
        ("env", a.env == b.env),
        ("env_file", a.env_file == b.env_file && old.env_file == new.env_file),
        ("nice", a.nice == b.nice),
        ("limits", a.limits == b.limits),
        ("watchdog", a.watchdog == b.watchdog),
        ("log", a.log == b.log),
        ("its kind", same(&old.daemon, &new.daemon) || old.daemon.kind == new.daemon.kind),
    ]))
}

fn differing(settings: &[(&'static str, bool)]) -> Vec<&'static str> {
    settings.iter().filter(|(_, equal)| !equal).map(|(name, _)| *name).collect()
}

/// How many instances each daemon has, and how deep it stands in the order of starting.
struct Groups<'a> {
    by_name: BTreeMap<Group<'a>, (u32, usize)>,
}

impl<'a> Groups<'a> {
    fn of(instances: &'a Wanted) -> Self {
        let mut specs: Vec<(Group<'a>, (&'a InstanceSpec, u32))> = Vec::new();
        for (id, spec) in instances {
            // Those of a group are side by side.
            match specs.last_mut() {
                Some((name, (_, count))) if *name == group(id) => *count += 1,
                _ => specs.push((group(id), (spec, 1))),
            }
        }
        let specs: BTreeMap<_, _> = specs.into_iter().collect();
        let of = |(name, (spec, count)): (&Group<'a>, &(&'a InstanceSpec, u32))| {
            (*name, (*count, depth(*name, spec, &specs, 0)))
        };
        Self { by_name: specs.iter().map(of).collect() }
    }

    fn count(&self, id: &InstanceId) -> u32 {
        self.by_name.get(&group(id)).map_or(0, |(count, _)| *count)
    }

    fn depth(&self, id: &InstanceId) -> usize {
        self.by_name.get(&group(id)).map_or(0, |(_, depth)| *depth)
    }
}

/// How many daemons come before this one, which is so configured, in the longest chain of `after`.
fn depth<'a>(
    name: Group<'a>,
    spec: &'a InstanceSpec,
    specs: &BTreeMap<Group<'a>, (&'a InstanceSpec, u32)>,
    above: usize,
) -> usize {
    // The configuration has no cycle; this ends all the same.
    const DEEPEST: usize = 64;
    if above >= DEEPEST {
        return 0;
    }
    let before = spec.daemon.policy.after.iter().filter_map(|daemon| {
        let name = (name.0, name.1, daemon);
        specs.get(&name).map(|(spec, _)| 1 + depth(name, spec, specs, above + 1))
    });
    before.max().unwrap_or(0)
}
