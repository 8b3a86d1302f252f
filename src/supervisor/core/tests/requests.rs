//! Restarts, and requests that contradict each other.

use super::bench::{Bench, daemon};
use crate::supervisor::core::{Event, RequestId};

#[test]
fn a_restart_of_many_rolls() {
    let mut bench = Bench::up(&[daemon("a/worker").count(2)]);
    let request = bench.restart("a/worker");
    assert_eq!(bench.done(), ["signal 15 group a/worker/1"]);
    bench.ends("a/worker/1", 0);
    bench.spawned("a/worker/1");
    assert_eq!(bench.done(), ["spawn a/worker/1"], "not ready yet");
    bench.ready("a/worker/1");
    assert_eq!(bench.done(), ["signal 15 group a/worker/2"]);
    bench.ends("a/worker/2", 0);
    bench.ready("a/worker/2");
    assert_eq!(bench.answer(request), "done");
}

#[test]
fn at_once_is_all_together_dependants_first() {
    let mut bench = Bench::up(&[daemon("a/solr"), daemon("a/worker").count(2).after("solr")]);
    let request = bench.restart_at_once("a");
    assert_eq!(bench.done(), ["signal 15 group a/worker/1", "signal 15 group a/worker/2"]);
    bench.ends("a/worker/1", 0);
    bench.ends("a/worker/2", 0);
    assert_eq!(bench.done(), ["signal 15 group a/solr/1"], "they wait for the new one");
    bench.ends("a/solr/1", 0);
    bench.all_ready();
    assert_eq!(bench.done(), ["spawn a/solr/1", "spawn a/worker/1", "spawn a/worker/2"]);
    assert_eq!(bench.answer(request), "done");
}

#[test]
fn a_restart_goes_through_dependencies_first() {
    let mut bench = Bench::up(&[daemon("a/solr"), daemon("a/worker").after("solr")]);
    bench.restart("a");
    assert_eq!(bench.done(), ["signal 15 group a/solr/1"]);
    bench.ends("a/solr/1", 0);
    bench.ready("a/solr/1");
    assert_eq!(bench.done(), ["spawn a/solr/1", "signal 15 group a/worker/1"]);
}

#[test]
fn a_restart_stops_at_the_first_that_does_not_come_up() {
    let mut bench = Bench::up(&[daemon("a/worker").count(3)]);
    let request = bench.restart("a");
    bench.ends("a/worker/1", 0);
    bench.ends("a/worker/1", 1);
    let left = "left as it was, because a/worker/1 did not come up";
    assert_eq!(
        bench.answer(request),
        format!("a/worker/1: exit 1, again in 200ms; a/worker/2: {left}; a/worker/3: {left}")
    );
    bench.seconds(1);
    bench.ready("a/worker/1");
    assert_eq!(bench.states(), "a/worker/1 ready, a/worker/2 ready, a/worker/3 ready");
}

#[test]
fn a_restart_begins_with_those_that_do_not_work() {
    let mut bench = Bench::up(&[daemon("a/worker").count(2)]);
    bench.ends("a/worker/2", 1);
    let request = bench.restart("a");
    assert_eq!(bench.done(), ["spawn a/worker/2"]);
    bench.ready("a/worker/2");
    assert_eq!(bench.done(), ["signal 15 group a/worker/1"]);
    bench.ends("a/worker/1", 0);
    bench.ready("a/worker/1");
    assert_eq!(bench.answer(request), "done");
}

#[test]
fn a_restart_leaves_alone_what_was_stopped_by_a_narrower_name() {
    let mut bench = Bench::up(&[daemon("a/solr"), daemon("a/worker")]);
    bench.stop("a/solr");
    bench.ends("a/solr/1", 0);
    let request = bench.restart("a");
    bench.ends("a/worker/1", 0);
    bench.ready("a/worker/1");
    assert_eq!(bench.answer(request), "done, left stopped: a/solr/1");
    bench.restart("a/solr");
    assert_eq!(bench.done().last().unwrap(), "spawn a/solr/1");
}

#[test]
fn a_second_stop_is_harmless() {
    let mut bench = Bench::up(&[daemon("a/worker")]);
    let (first, second) = (bench.stop("a"), bench.stop("all"));
    assert_eq!(bench.done(), ["signal 15 group a/worker/1"]);
    bench.ends("a/worker/1", 0);
    assert_eq!((bench.answer(first), bench.answer(second)), ("done", "done"));
    let third = bench.stop("a");
    assert_eq!(bench.answer(third), "done");
}

#[test]
fn a_start_while_it_stops_has_it_come_back_once_it_is_gone() {
    let mut bench = Bench::up(&[daemon("a/worker")]);
    let (stop, start) = (bench.stop("a"), bench.start("a"));
    assert_eq!(bench.answer(stop), "a/worker/1: started again");
    assert_eq!(bench.done(), ["signal 15 group a/worker/1"]);
    bench.ends("a/worker/1", 0);
    assert_eq!(bench.done(), ["spawn a/worker/1"]);
    bench.ready("a/worker/1");
    assert_eq!(bench.answer(start), "done");
}

#[test]
fn a_stop_during_a_rolling_restart_takes_its_part_out() {
    let mut bench = Bench::up(&[daemon("a/worker").count(3)]);
    let restart = bench.restart("a");
    let stop = bench.stop("a/worker/2");
    for id in ["a/worker/2", "a/worker/1"] {
        bench.ends(id, 0);
    }
    assert_eq!(bench.answer(stop), "done");
    bench.ready("a/worker/1");
    bench.ends("a/worker/3", 0);
    bench.ready("a/worker/3");
    assert_eq!(bench.answer(restart), "a/worker/2: stopped by an operator");
    assert_eq!(bench.states(), "a/worker/1 ready, a/worker/2 stopped, a/worker/3 ready");
}

#[test]
fn a_reload_during_a_restart_brings_the_newest_process() {
    let mut bench = Bench::up(&[daemon("a/worker").count(2)]);
    let restart = bench.restart("a");
    let reload = bench.apply(&[daemon("a/worker").count(2).command("other")]);
    bench.done();
    for id in ["a/worker/1", "a/worker/2"] {
        bench.ends(id, 0);
        bench.ready(id);
    }
    assert_eq!((bench.answer(restart), bench.answer(reload)), ("done", "done"));
    assert_eq!(bench.done(), ["spawn a/worker/1", "signal 15 group a/worker/2", "spawn a/worker/2"]);
}

#[test]
fn a_request_whose_client_left_goes_on_without_an_answer() {
    let mut bench = Bench::up(&[daemon("a/worker").count(2)]);
    let request = bench.restart("a");
    bench.handle(Event::Cancel { request: RequestId(request) });
    bench.done();
    for id in ["a/worker/1", "a/worker/2"] {
        bench.ends(id, 0);
        bench.ready(id);
    }
    assert_eq!(bench.done().iter().filter(|line| line.starts_with("spawn")).count(), 2);
    assert_eq!(bench.answer(request), "");
}

#[test]
fn a_start_that_waits_for_what_will_not_come_is_answered() {
    let mut bench = Bench::up(&[daemon("a/solr"), daemon("a/worker").after("solr")]);
    bench.stop("a");
    bench.ends("a/worker/1", 0);
    bench.ends("a/solr/1", 0);
    let request = bench.start("a/worker");
    assert_eq!(bench.answer(request), "a/worker/1: waits for a/solr/1, which is stopped");
    bench.start("a/solr");
    bench.all_ready();
    assert_eq!(bench.states(), "a/solr/1 ready, a/worker/1 ready");
}

#[test]
fn nothing_of_that_name_is_refused() {
    let mut bench = Bench::up(&[daemon("a/worker")]);
    let request = bench.stop("b/worker");
    assert_eq!(bench.answer(request), "no instance is named b/worker");
}
