//! Pools that grow and shrink: who starts, who goes, and what is told of it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::bench::{Bench, Entry, daemon};
use crate::config::{Budget, Kind, Worker};
use crate::lifecycle::Notice;
use crate::releases::Figures;
use crate::supervisor::core::{Core, Event, Settings};

fn workers(application: &str, version: &str, min: u32, max: u32) -> Entry {
    daemon(&format!("{application}/worker")).kind(Kind::Worker(Worker::Own)).version(version).scale(min, max)
}

fn job(id: &str) -> Notice {
    Notice { job: Some(id.to_owned()), ..Notice::default() }
}

/// Two looks, 2 s apart, that show jobs of 2 s each, and so many of them ready.
fn backlog(bench: &mut Bench, application: &str, version: &str, ready: u64) {
    let figures = Figures { reserved: 1, ..Figures::default() };
    bench.look_at(application, version, figures);
    bench.seconds(2);
    bench.look_at(application, version, Figures { ready, deleted: 1, ..figures });
}

/// Looks that find nothing to do, for so long.
fn idle(bench: &mut Bench, application: &str, version: &str, seconds: u64) {
    for _ in 0..seconds / 2 {
        bench.seconds(2);
        bench.look_at(application, version, Figures::default());
    }
}

#[test]
fn a_pool_begins_with_its_least_and_grows_with_what_waits() {
    let mut bench = Bench::up(&[workers("a", "1", 1, 8)]);
    assert_eq!(bench.states(), "a/worker/1 ready");
    backlog(&mut bench, "a", "1", 20);
    assert_eq!(bench.done(), ["spawn a/worker/2", "spawn a/worker/3", "spawn a/worker/4"]);
    assert_eq!(
        bench.told,
        ["release 1: workers 1 -> 4: 20 ready jobs of 2s for 1 worker, target_wait is 10s"]
    );
    // What is on its way counts.
    bench.look_at("a", "1", Figures { ready: 40, reserved: 1, deleted: 2, ..Figures::default() });
    assert_eq!(bench.done(), [""; 0]);
}

#[test]
fn only_those_without_a_job_are_taken_away_and_the_others_as_soon_as_they_have_none() {
    let mut bench = Bench::up(&[workers("a", "1", 1, 8)]);
    backlog(&mut bench, "a", "1", 20);
    bench.all_ready();
    bench.done();
    for number in [1, 2] {
        bench.notify(&format!("a/worker/{number}"), job("7 slow"));
    }
    for _ in 0..31 {
        bench.seconds(2);
        bench.look_at("a", "1", Figures { reserved: 2, ..Figures::default() });
    }
    assert_eq!(bench.done(), ["signal 15 group a/worker/4"], "and one to spare stays");
    assert_eq!(
        bench.told.last().unwrap(),
        "release 1: workers 4 -> 3: no more than 2 had something to do for 1m"
    );
    // One that went down by the budget goes once it is idle.
    bench.ends("a/worker/4", 0);
    bench.notify("a/worker/3", job("8 slow"));
    bench.budget = Budget { workers: Some(2), memory: None };
    bench.apply(&[workers("a", "1", 1, 8)]);
    assert_eq!(bench.done(), [""; 0]);
    bench.notify("a/worker/1", job(""));
    assert_eq!(bench.done(), ["signal 15 group a/worker/1"]);
    bench.notify("a/worker/2", job(""));
    assert_eq!(bench.done(), [""; 0]);
}

#[test]
fn what_is_there_for_all_is_shared_and_never_more_than_it() {
    let all = [workers("a", "1", 1, 8), workers("b", "1", 1, 8), daemon("b/solr")];
    let mut bench = Bench::with(&[]);
    bench.budget = Budget { workers: Some(6), memory: None };
    bench.apply(&all);
    bench.all_ready();
    bench.done();
    backlog(&mut bench, "a", "1", 100);
    bench.all_ready();
    assert_eq!(bench.states().matches("a/worker").count(), 5);
    assert_eq!(
        bench.told.last().unwrap(),
        "release 1: workers 1 -> 5: 100 ready jobs of 2s for 1 worker, target_wait is 10s; 8 wanted, max_workers is 6"
    );
    for number in 1..=5 {
        bench.notify(&format!("a/worker/{number}"), job("7 slow"));
    }
    bench.done();
    // Another wants as much: each has half, but only once those of the first are idle, and gone.
    backlog(&mut bench, "b", "1", 100);
    assert_eq!(bench.done(), [""; 0]);
    assert!(bench.told.last().unwrap().starts_with("release 1: workers stay 1: 100 ready jobs of 2s"));
    bench.notify("a/worker/4", job(""));
    assert_eq!(bench.done(), ["signal 15 group a/worker/4"]);
    bench.ends("a/worker/4", 0);
    assert_eq!(bench.done(), ["spawn b/worker/2"]);
    bench.notify("a/worker/1", job(""));
    bench.ends("a/worker/1", 0);
    bench.notify("a/worker/2", job(""));
    bench.all_ready();
    assert_eq!(
        bench.states(),
        "a/worker/2 ready, a/worker/3 ready, a/worker/5 ready, b/solr/1 ready, b/worker/1 ready, \
         b/worker/2 ready, b/worker/3 ready"
    );
}

#[test]
fn a_new_release_takes_over_the_size_of_the_one_before() {
    let mut bench = Bench::up(&[workers("a", "1", 1, 8)]);
    backlog(&mut bench, "a", "1", 20);
    bench.all_ready();
    bench.done();
    bench.apply(&[workers("a", "2", 1, 8)]);
    assert_eq!(bench.done(), ["spawn a@2/worker/1"], "its canary alone");
    bench.ready("a@2/worker/1");
    assert_eq!(bench.done(), ["spawn a/worker/2", "spawn a/worker/3", "spawn a/worker/4"]);
    bench.all_ready();
    assert_eq!(
        bench.done(),
        ["signal 15 group a@1/worker/2", "signal 15 group a@1/worker/3", "signal 15 group a@1/worker/4"]
    );
    for number in 2..=4 {
        bench.ends(&format!("a@1/worker/{number}"), 0);
    }
    bench.roll_back("a");
    assert_eq!(bench.done(), ["spawn a/worker/2", "spawn a/worker/3", "spawn a/worker/4"], "it grows again");
}

#[test]
fn a_deploy_within_a_budget_gives_the_new_release_what_the_old_one_leaves() {
    let mut bench = Bench::with(&[]);
    bench.budget = Budget { workers: Some(5), memory: None };
    bench.apply(&[workers("a", "1", 1, 4)]);
    bench.all_ready();
    backlog(&mut bench, "a", "1", 20);
    bench.all_ready();
    bench.apply(&[workers("a", "2", 1, 4)]);
    bench.ready("a@2/worker/1");
    bench.all_ready();
    assert_eq!(bench.states().matches("worker").count(), 5, "{}", bench.states());
    bench.done();
    for number in 2..=4 {
        bench.ends(&format!("a@1/worker/{number}"), 0);
    }
    assert_eq!(bench.done(), ["spawn a/worker/2", "spawn a/worker/3", "spawn a/worker/4"]);
}

#[test]
fn other_bounds_restart_nobody_who_stays() {
    let mut bench = Bench::up(&[daemon("a/worker").kind(Kind::Worker(Worker::Own)).count(3)]);
    bench.apply(&[workers("a", "1", 1, 8)]);
    assert_eq!(bench.done(), [""; 0], "those of the count are those of the pool");
    bench.apply(&[workers("a", "1", 5, 8)]);
    assert_eq!(bench.done(), ["spawn a/worker/4", "spawn a/worker/5"]);
    bench.all_ready();
    bench.apply(&[workers("a", "1", 1, 4)]);
    assert_eq!(bench.done(), ["signal 15 group a/worker/5"]);
    bench.ends("a/worker/5", 0);
    bench.apply(&[daemon("a/worker").kind(Kind::Worker(Worker::Own)).count(4)]);
    assert_eq!(bench.done(), [""; 0]);
    assert_eq!(bench.core.tubes(), [], "nothing is looked at any longer");
}

#[test]
fn a_queue_that_is_away_changes_nothing_and_is_told_once() {
    let mut bench = Bench::up(&[workers("a", "1", 1, 8)]);
    backlog(&mut bench, "a", "1", 20);
    bench.all_ready();
    bench.done();
    for _ in 0..100 {
        bench.seconds(2);
        let (application, version) = ("a".parse().unwrap(), "1".parse().unwrap());
        let look = crate::releases::Look::Away("connection refused".into());
        bench.handle(Event::Tube { application, version, look });
    }
    assert_eq!(bench.done(), [""; 0]);
    assert_eq!(
        bench.told[1..],
        ["release 1: workers stay 4, its tube cannot be looked at: connection refused"]
    );
    idle(&mut bench, "a", "1", 64);
    assert_eq!(bench.told[2], "release 1: its tube can be looked at again");
    assert_eq!(bench.told[3], "release 1: workers 4 -> 2: none had anything to do for 1m");
}

#[test]
fn an_idle_pool_is_looked_at_rarely_until_one_has_a_job() {
    let mut bench = Bench::up(&[workers("a", "1", 1, 8)]);
    assert_eq!(bench.core.look_every(), Duration::from_secs(2));
    bench.look_at("a", "1", Figures::default());
    assert_eq!(bench.core.look_every(), Duration::from_secs(10));
    let before = bench.core.releases_changed();
    bench.notify("a/worker/1", job("7 slow"));
    assert_eq!(bench.core.look_every(), Duration::from_secs(2));
    assert!(bench.core.releases_changed() > before);
}

#[test]
fn no_more_are_started_than_find_memory_and_too_many_give_way_one_by_one() {
    const MIB: u64 = 1 << 20;
    let weigh = |bench: &mut Bench, each: u64| {
        let processes: Vec<_> = bench.core.processes().map(|(run, _, _)| run).collect();
        let memory: BTreeMap<_, _> = processes.into_iter().map(|run| (run, each * MIB)).collect();
        bench.handle(Event::Weighed { memory });
    };
    let mut bench = Bench::with(&[]);
    bench.budget = Budget { workers: None, memory: Some(1000 * MIB) };
    bench.apply(&[workers("a", "1", 1, 8)]);
    bench.all_ready();
    weigh(&mut bench, 300);
    backlog(&mut bench, "a", "1", 100);
    assert_eq!(bench.states(), "a/worker/1 ready, a/worker/2 starting, a/worker/3 starting");
    assert_eq!(
        bench.told.last().unwrap(),
        "release 1: workers 1 -> 3: 100 ready jobs of 2s for 1 worker, target_wait is 10s; 8 wanted, \
         the workers hold 300MiB, max_workers_memory is 1000MiB"
    );
    bench.all_ready();
    bench.done();
    weigh(&mut bench, 400);
    assert_eq!(bench.done(), ["signal 15 group a/worker/3"]);
    weigh(&mut bench, 400);
    assert_eq!(bench.done(), [""; 0], "it is not gone yet");
    bench.ends("a/worker/3", 0);
    weigh(&mut bench, 300);
    bench.seconds(2);
    bench.look_at("a", "1", Figures { ready: 100, reserved: 2, deleted: 3, ..Figures::default() });
    assert_eq!(bench.done(), [""; 0], "nobody grows right after that");
}

#[test]
fn a_pool_keeps_its_size_in_another_program_image() {
    let mut bench = Bench::up(&[workers("a", "1", 1, 8)]);
    backlog(&mut bench, "a", "1", 20);
    bench.all_ready();
    bench.done();
    let text = serde_json::to_string(&bench.core.snapshot()).unwrap();
    let settings = Settings { herd: 4, seed: 1 };
    bench.core = Core::restore(serde_json::from_str(&text).unwrap(), settings).unwrap();
    bench.apply(&[workers("a", "1", 1, 8)]);
    assert_eq!((bench.done(), bench.states().matches("ready").count()), (vec![], 4));
}
