//! Who starts after whom, within one application.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::fault::{Fault, did_you_mean};
use crate::config::read::{After, Reader};
use crate::config::yaml::Place;
use crate::names::{ApplicationName, DaemonName};

/// What one daemon waits for: each with the place that says so.
pub(super) type Waits = BTreeMap<DaemonName, Vec<(DaemonName, Place)>>;

/// Where an `after` stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// At `defaults`, for applications that may not have such a daemon.
    Defaults,
    /// At the application, for daemons that may be named themselves.
    Application,
    /// At the daemon.
    Daemon,
}

/// What of `after` holds for `daemon`; a name that no daemon has is an error.
pub(super) fn waits_for(
    reader: &mut Reader<'_>,
    application: &ApplicationName,
    daemon: &DaemonName,
    daemons: &[DaemonName],
    after: &After,
    level: Level,
) -> Vec<(DaemonName, Place)> {
    let mut waits = Vec::new();
    for (name, place) in after {
        if level != Level::Daemon && name == daemon {
            continue;
        }
        if daemons.contains(name) {
            waits.push((name.clone(), *place));
        } else if level != Level::Defaults {
            let hint = did_you_mean(name.as_str(), daemons.iter().map(DaemonName::as_str));
            let (application, name) = (application.to_string(), name.to_string());
            reader.error(*place, Fault::NoDaemon { application, name, hint });
        }
    }
    waits
}

/// A circle, if there is one: the daemons in it, the first one again at the end, and
/// the place that closes it.
pub(super) fn cycle(waits: &Waits) -> Option<(Vec<String>, Place)> {
    let mut done: BTreeSet<&DaemonName> = BTreeSet::new();
    for start in waits.keys() {
        // A walk in depth without recursion: names on the way, and what is left to try.
        let mut way: Vec<(&DaemonName, std::slice::Iter<'_, (DaemonName, Place)>)> = Vec::new();
        if !done.contains(start) {
            way.push((start, next(waits, start)));
        }
        while let Some((name, rest)) = way.last_mut() {
            let Some((other, place)) = rest.next() else {
                done.insert(name);
                way.pop();
                continue;
            };
            if let Some(at) = way.iter().position(|(name, _)| *name == other) {
                let mut names: Vec<String> = way[at..].iter().map(|(name, _)| name.to_string()).collect();
                names.push(other.to_string());
                return Some((names, *place));
            }
            if !done.contains(other) {
                way.push((other, next(waits, other)));
            }
        }
    }
    None
}

fn next<'w>(waits: &'w Waits, name: &DaemonName) -> std::slice::Iter<'w, (DaemonName, Place)> {
    waits.get(name).map_or([].iter(), |after| after.iter())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circle(waits: &[(&str, &[&str])]) -> Option<String> {
        let name = |text: &str| text.parse::<DaemonName>().unwrap();
        let waits = waits
            .iter()
            .map(|(who, whom)| (name(who), whom.iter().map(|w| (name(w), Place::default())).collect()))
            .collect();
        cycle(&waits).map(|(names, _)| names.join(" "))
    }

    #[test]
    fn daemons_that_wait_for_others_in_order_are_no_circle() {
        assert_eq!(circle(&[]), None);
        assert_eq!(circle(&[("a", &["b", "c"]), ("b", &["d"]), ("c", &["d"]), ("d", &[])]), None);
    }

    #[test]
    fn a_circle_is_named_without_what_leads_to_it() {
        assert_eq!(circle(&[("a", &["a"])]).as_deref(), Some("a a"));
        assert_eq!(circle(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])]).as_deref(), Some("b c b"));
    }

    #[test]
    fn a_chain_of_ten_thousand_is_no_deep_recursion() {
        let name = |n: u32| format!("d{n}").parse::<DaemonName>().unwrap();
        let waits: Waits = (0..10_000).map(|n| (name(n), vec![(name(n + 1), Place::default())])).collect();
        assert_eq!(cycle(&waits), None);
    }
}
