//! What a configuration changes, and what it leaves alone.

use std::time::Duration;

use super::bench::{Bench, daemon, wanted};
use crate::lifecycle::Time;

#[test]
fn untouched_instances_keep_their_processes() {
    let entries = [daemon("a/worker").count(3), daemon("b/solr")];
    let mut bench = Bench::up(&entries);
    let request = bench.apply(&entries);
    assert_eq!((bench.done(), bench.answer(request)), (vec![], "done"));
}

#[test]
fn a_change_of_count_only_adds_or_removes_the_highest_numbers() {
    let mut bench = Bench::up(&[daemon("a/worker").count(2)]);
    bench.apply(&[daemon("a/worker").count(4)]);
    assert_eq!(bench.done(), ["spawn a/worker/3", "spawn a/worker/4"]);
    bench.all_ready();
    bench.apply(&[daemon("a/worker").count(1)]);
    assert_eq!(bench.done(), [4, 3, 2].map(|n| format!("signal 15 group a/worker/{}", 6 - n)));
    assert_eq!(bench.state("a/worker/2"), "stopping: count 4 -> 1");
    for number in 2..=4 {
        bench.ends(&format!("a/worker/{number}"), 0);
    }
    assert_eq!(bench.states(), "a/worker/1 ready");
}

#[test]
fn a_change_of_how_it_is_kept_applies_live_to_a_pause_that_has_begun() {
    let mut bench = Bench::up(&[daemon("a/worker")]);
    bench.stop("a");
    assert_eq!(bench.done(), ["signal 15 group a/worker/1"]);
    bench.apply(&[daemon("a/worker").with(|policy| policy.stop_timeout = Duration::from_secs(2))]);
    assert_eq!(bench.core.next_deadline(), Some(Time::from_nanos(2_000_000_001)));
    bench.seconds(2);
    assert_eq!(bench.done(), ["kill a/worker/1"]);
}

#[test]
fn another_process_replaces_it_one_after_the_other() {
    let mut bench = Bench::up(&[daemon("a/worker").count(3)]);
    let request = bench.apply(&[daemon("a/worker").count(3).command("other")]);
    for id in ["a/worker/1", "a/worker/2", "a/worker/3"] {
        assert_eq!(bench.done(), [format!("signal 15 group {id}")]);
        assert_eq!(bench.state(id), "stopping: command changed");
        bench.ends(id, 0);
        assert_eq!(bench.done(), [format!("spawn {id}")]);
        assert_eq!(bench.answer(request), "");
        bench.ready(id);
    }
    assert_eq!((bench.done(), bench.answer(request)), (vec![], "done"));
}

#[test]
fn a_new_process_that_fails_holds_the_roll_and_the_old_ones_go_on() {
    let mut bench = Bench::up(&[daemon("a/worker").count(3)]);
    let new = [daemon("a/worker").count(3).command("other")];
    let request = bench.apply(&new);
    bench.ends("a/worker/1", 0);
    bench.ends("a/worker/1", 1);
    let left = "left as it was, because a/worker/1 did not come up";
    assert_eq!(
        bench.answer(request),
        format!("a/worker/1: exit 1, again in 200ms; a/worker/2: {left}; a/worker/3: {left}")
    );
    bench.seconds(1);
    bench.done();
    // Asking again for the same sacrifices no other.
    bench.apply(&new);
    assert_eq!(bench.done(), [""; 0]);
    // It comes up after all: the roll goes on.
    bench.ready("a/worker/1");
    assert_eq!(bench.done(), ["signal 15 group a/worker/2"]);
}

#[test]
fn a_new_process_that_never_comes_up_gives_way_to_another_configuration_at_once() {
    let mut bench = Bench::up(&[daemon("a/worker").count(2)]);
    bench.apply(&[daemon("a/worker").count(2).command("never ready")]);
    bench.ends("a/worker/1", 0);
    assert_eq!(bench.done(), ["signal 15 group a/worker/1", "spawn a/worker/1"]);
    let request = bench.apply(&[daemon("a/worker").count(2).command("repaired")]);
    assert_eq!(bench.done(), ["signal 15 group a/worker/1"]);
    bench.ends("a/worker/1", 0);
    assert_eq!(bench.done(), ["spawn a/worker/1"]);
    // The other one works: it goes only when its fellow is up.
    bench.ready("a/worker/1");
    assert_eq!(bench.done(), ["signal 15 group a/worker/2"]);
    bench.ends("a/worker/2", 0);
    bench.ready("a/worker/2");
    assert_eq!(bench.answer(request), "done");
}

#[test]
fn a_repaired_configuration_clears_failed() {
    let broken = daemon("a/worker").with(|policy| policy.start_limit.count = 1);
    let mut bench = Bench::with(std::slice::from_ref(&broken));
    bench.ends("a/worker/1", 1);
    assert_eq!(bench.state("a/worker/1"), "failed: exit 1, and start_limit allows no failure within 10m");
    bench.done();
    let request = bench.apply(&[broken.command("repaired")]);
    assert_eq!(bench.done(), ["spawn a/worker/1"]);
    bench.ready("a/worker/1");
    assert_eq!(bench.answer(request), "done");
}

#[test]
fn what_cannot_be_started_waits_with_its_reason_and_starts_when_it_can() {
    let mut bench = Bench::with(&[daemon("a/worker").blocked("no version")]);
    assert_eq!(bench.state("a/worker/1"), "waiting: no version");
    assert_eq!(bench.answer(1), "done", "a deploy may come later");
    let request = bench.start("a");
    assert_eq!(bench.answer(request), "a/worker/1: no version");
    bench.apply(&[daemon("a/worker")]);
    assert_eq!(bench.done(), ["spawn a/worker/1"]);
}

#[test]
fn what_runs_is_not_given_up_for_what_cannot_be_started() {
    let mut bench = Bench::up(&[daemon("a/worker")]);
    bench.apply(&[daemon("a/worker").command("other").blocked("no version")]);
    assert_eq!((bench.done(), bench.state("a/worker/1")), (vec![], "ready".to_owned()));
    let request = bench.restart("a");
    assert_eq!((bench.done(), bench.answer(request)), (vec![], "a/worker/1: no version"));
    bench.apply(&[daemon("a/worker").command("other")]);
    assert_eq!(bench.done(), ["signal 15 group a/worker/1"]);
}

#[test]
fn an_operator_s_stop_outlives_a_reload_for_those_to_come_too() {
    let mut bench = Bench::up(&[daemon("a/worker")]);
    bench.stop("a/worker");
    bench.ends("a/worker/1", 0);
    bench.done();
    bench.apply(&[daemon("a/worker").count(2).command("other")]);
    assert_eq!(bench.done(), [""; 0]);
    assert_eq!(bench.states(), "a/worker/1 stopped, a/worker/2 stopped");
    bench.start("a");
    assert_eq!(bench.done(), ["spawn a/worker/1", "spawn a/worker/2"]);
}

#[test]
fn one_that_was_about_to_go_is_called_back() {
    let entries = [daemon("a/worker").count(2)];
    let mut bench = Bench::up(&entries);
    bench.apply(&[daemon("a/worker")]);
    let request = bench.apply(&entries);
    assert_eq!(bench.done(), ["signal 15 group a/worker/2"]);
    bench.ends("a/worker/2", 0);
    assert_eq!(bench.done(), ["spawn a/worker/2"]);
    bench.ready("a/worker/2");
    assert_eq!(bench.answer(request), "done");
}

#[test]
fn a_plan_says_what_applying_it_does() {
    let bench = Bench::up(&[daemon("a/worker").count(2), daemon("b/solr"), daemon("c/x")]);
    let new = [
        daemon("a/worker").count(3).with(|policy| policy.stop_timeout = Duration::ZERO),
        daemon("b/solr").command("other"),
        daemon("d/y"),
    ];
    let lines: Vec<String> = bench
        .core
        .plan(&wanted(&new))
        .changes
        .iter()
        .map(|change| format!("{:?} {}: {}", change.action, change.instance, change.reason))
        .collect();
    assert_eq!(
        lines,
        [
            "Live a/worker/1: stop_timeout changed",
            "Live a/worker/2: stop_timeout changed",
            "Stop c/x/1: no longer configured",
            "Replace b/solr/1: command changed",
            "Start a/worker/3: count 2 -> 3",
            "Start d/y/1: new",
        ]
    );
}
