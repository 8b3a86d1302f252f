//! Properties of `diff`, for configurations of every kind.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::config::{Daemon, Drain, Kind, Policy};
use crate::names::InstanceId;

/// One daemon: how many, which command, which timeout, and whether it can be started.
type Choice = (u32, u8, u8, bool);

/// Daemons that are each `after` the one before.
const NAMES: [&str; 3] = ["solr", "preloader", "worker"];

fn daemon(index: usize, (count, command, timeout, _): Choice) -> Daemon {
    Daemon {
        name: NAMES[index].parse().unwrap(),
        kind: Kind::Other,
        count,
        scale: None,
        process: Arc::new(made_up::process(&format!("run-{command}"), None)),
        drain: Drain::default(),
        policy: Arc::new(Policy {
            after: index.checked_sub(1).map(|before| NAMES[before].parse().unwrap()).into_iter().collect(),
            stop_timeout: Duration::from_secs(timeout.into()),
            ..made_up::policy()
        }),
    }
}

fn wanted(version: u8, choices: &BTreeMap<(bool, usize), Choice>) -> Wanted {
    let release = Arc::new(Release {
        version: Some(version.to_string().parse().unwrap()),
        path: "/srv".into(),
        tube: None,
        beanstalk: [].into(),
    });
    let mut wanted = Wanted::new();
    for ((application, index), choice) in choices {
        let application = if *application { "abaqis" } else { "rqi" };
        let blocked = choice.3.then(|| "no version".into());
        made_up::add_to(&mut wanted, application, daemon(*index, *choice), &release, blocked.as_ref());
    }
    wanted
}

fn choice() -> impl Strategy<Value = Choice> {
    (0u32..5, 0u8..3, 0u8..3, proptest::bool::weighted(0.1))
}

fn configuration() -> impl Strategy<Value = Wanted> {
    let choices = proptest::collection::btree_map((any::<bool>(), 0..NAMES.len()), choice(), 0..6);
    (0u8..3, choices).prop_map(|(version, choices)| wanted(version, &choices))
}

fn action_of(plan: &Plan, id: &InstanceId) -> ChangeAction {
    plan.changes.iter().find(|change| change.instance == *id).unwrap().action
}

proptest! {
    #[test]
    fn applying_the_difference_to_the_one_gives_the_other(a in configuration(), b in configuration()) {
        let mut running = a.clone();
        for change in diff(&a, &b).changes {
            let id = change.instance;
            match change.action {
                ChangeAction::Untouched => {}
                ChangeAction::Stop => prop_assert!(running.remove(&id).is_some(), "{id} was not there"),
                ChangeAction::Start | ChangeAction::Live | ChangeAction::Replace => {
                    running.insert(id.clone(), b[&id].clone());
                }
            }
        }
        prop_assert!(running.keys().eq(b.keys()));
        prop_assert!(running.iter().all(|(id, spec)| spec.same(&b[id])));
        prop_assert!(diff(&running, &b).is_empty());
    }

    #[test]
    fn of_a_thing_and_itself_there_is_no_difference(a in configuration()) {
        // Equal, not the same allocations.
        let copy: Wanted = a.iter().map(|(id, spec)| (id.clone(), Arc::new(spec.as_ref().clone()))).collect();
        let plan = diff(&a, &copy);
        prop_assert!(plan.is_empty());
        prop_assert_eq!(plan.changes.len(), a.len());
    }

    #[test]
    fn a_change_of_count_never_touches_the_rest(
        choices in proptest::collection::btree_map((any::<bool>(), 0..NAMES.len()), choice(), 1..6),
        counts in proptest::collection::vec(0u32..5, 6),
    ) {
        let mut other = choices.clone();
        for (choice, count) in other.values_mut().zip(counts) {
            choice.0 = count;
        }
        let (a, b) = (wanted(1, &choices), wanted(1, &other));
        let plan = diff(&a, &b);
        for id in a.keys().chain(b.keys()) {
            let expected = match (a.contains_key(id), b.contains_key(id)) {
                (true, true) => ChangeAction::Untouched,
                (true, false) => ChangeAction::Stop,
                _ => ChangeAction::Start,
            };
            prop_assert_eq!(action_of(&plan, id), expected);
        }
    }

    #[test]
    fn dependants_start_after_and_stop_before(a in configuration(), b in configuration()) {
        let rank = |id: &InstanceId| NAMES.iter().position(|name| *name == id.daemon.as_str()).unwrap();
        let plan = diff(&a, &b);
        for application in ["abaqis", "rqi"] {
            let ranks = |action, of: &Wanted| -> Vec<usize> {
                let changes = plan.changes.iter().filter(|change| {
                    change.action == action && change.instance.application.as_str() == application
                });
                // A gap in the chain orders nothing.
                let whole = NAMES.iter().all(|name| of.keys().any(|id| {
                    id.application.as_str() == application && id.daemon.as_str() == *name
                }));
                if whole { changes.map(|change| rank(&change.instance)).collect() } else { Vec::new() }
            };
            prop_assert!(ranks(ChangeAction::Start, &b).is_sorted());
            prop_assert!(ranks(ChangeAction::Replace, &b).is_sorted());
            prop_assert!(ranks(ChangeAction::Stop, &a).iter().rev().is_sorted());
        }
    }
}

#[test]
fn reasons_read_as_an_operator_would_say_it() {
    for (reason, text) in [
        (Reason::Same, "nothing changed"),
        (Reason::New, "new"),
        (Reason::Removed, "no longer configured"),
        (Reason::Count { from: 4, to: 2 }, "count 4 -> 2"),
        (Reason::Settings(vec!["command", "env"]), "command, env changed"),
        (Reason::Version { from: "4.1".into(), to: "4.2".into() }, "version 4.1 -> 4.2"),
        (Reason::Blocked("no version".into()), "kept as it is: no version"),
        (Reason::Unblocked, "can be started now"),
    ] {
        assert_eq!(reason.to_string(), text);
    }
}

#[test]
fn a_deploy_replaces_everything_and_says_by_which_version() {
    let choices = BTreeMap::from([((true, 0), (1, 0, 0, false)), ((true, 2), (2, 0, 0, false))]);
    let plan = diff(&wanted(1, &choices), &wanted(2, &choices));
    let lines: Vec<String> = plan
        .effective()
        .map(|change| format!("{:?} {}: {}", change.action, change.instance, change.reason))
        .collect();
    let expected = ["solr/1", "worker/1", "worker/2"];
    assert_eq!(lines, expected.map(|id| format!("Replace abaqis/{id}: version 1 -> 2")));
}
