//! Deploys: who starts, who goes, and when.

use std::time::Duration;

use super::bench::{Bench, Entry, daemon};
use crate::config::{Kind, OnDrainTimeout, Scheduler, Worker};
use crate::lifecycle::Notice;
use crate::supervisor::core::{Core, Event, Settings};

fn application(version: &str) -> [Entry; 3] {
    [
        daemon("a/worker").kind(Kind::Worker(Worker::Own)).count(3).version(version),
        daemon("a/scheduler").kind(Kind::Scheduler(Scheduler::Own)).version(version),
        daemon("a/solr").version(version),
    ]
}

/// Version 2 beside version 1, its canary ready, and all of it up.
fn deployed() -> Bench {
    let mut bench = Bench::up(&application("1"));
    bench.apply(&application("2"));
    bench.ready("a@2/worker/1");
    bench.done();
    bench.ends("a/scheduler/1", 0);
    bench.ends("a/solr/1", 0);
    bench.all_ready();
    bench
}

fn job(id: &str) -> Notice {
    Notice { job: Some(id.to_owned()), ..Notice::default() }
}

#[test]
fn a_new_release_begins_with_a_canary_and_the_old_one_goes_on() {
    let mut bench = Bench::up(&application("1"));
    let request = bench.apply(&application("2"));
    assert_eq!(bench.done(), ["spawn a@2/worker/1"]);
    assert_eq!(
        bench.states(),
        "a/scheduler/1 ready, a/solr/1 ready, a/worker/1 ready, a/worker/2 ready, a/worker/3 ready, \
         a@2/worker/1 starting"
    );
    assert_eq!(
        bench.told,
        ["release 2 in /srv/2, tube tube-2: its canary starts, release 1 goes on serving"]
    );
    assert_eq!(bench.answer(request), "");
}

#[test]
fn with_the_canary_ready_names_change_the_rest_starts_and_the_scheduler_moves_once() {
    let mut bench = Bench::up(&application("1"));
    let request = bench.apply(&application("2"));
    bench.done();
    let canary = bench.run("a@2/worker/1");
    bench.ready("a@2/worker/1");
    assert_eq!(bench.core.instance(canary).unwrap().to_string(), "a/worker/1");
    assert_eq!(bench.answer(request), "done");
    assert_eq!(
        bench.done(),
        ["spawn a/worker/2", "spawn a/worker/3", "signal 15 group a/scheduler/1", "signal 15 group a/solr/1"]
    );
    assert_eq!(
        bench.states(),
        "a/scheduler/1 stopping, a/solr/1 stopping, a/worker/1 ready, a/worker/2 starting, \
         a/worker/3 starting, a@1/worker/1 ready, a@1/worker/2 ready, a@1/worker/3 ready"
    );
    bench.ends("a/scheduler/1", 0);
    assert_eq!(bench.done(), ["spawn a/scheduler/1"]);
    bench.all_ready();
    assert_eq!(bench.done(), ["signal 15 group a@1/worker/2", "signal 15 group a@1/worker/3"]);
}

#[test]
fn an_old_worker_that_runs_a_job_goes_once_it_is_idle() {
    let mut bench = Bench::up(&application("1"));
    bench.notify("a/worker/1", job("7 slow"));
    bench.notify("a/worker/3", job("8 slow"));
    bench.apply(&application("2"));
    bench.ready("a@2/worker/1");
    bench.done();
    bench.all_ready();
    assert_eq!(bench.done(), ["signal 15 group a@1/worker/2"]);
    bench.notify("a@1/worker/1", job(""));
    assert_eq!(bench.done(), ["signal 15 group a@1/worker/1"]);
    bench.notify("a@1/worker/3", job(""));
    assert_eq!(bench.done(), [""; 0], "the last one stays");
}

#[test]
fn the_last_worker_goes_when_its_tube_is_empty_and_unused() {
    let mut bench = deployed();
    for number in [2, 3] {
        bench.ends(&format!("a@1/worker/{number}"), 0);
    }
    bench.done();
    bench.look("1", 1, 0);
    bench.look("1", 0, 2);
    bench.look("1", 0, 0);
    assert_eq!(bench.done(), [""; 0], "one look is not enough");
    bench.look("1", 0, 0);
    assert_eq!(bench.done(), ["signal 15 group a@1/worker/1"]);
    bench.ends("a@1/worker/1", 0);
    assert_eq!(bench.core.tubes().len(), 2, "one more look");
    bench.look("1", 0, 0);
    assert_eq!(bench.told.last().unwrap(), "release 1 has retired: its tube is empty, and nobody uses it");
    assert_eq!(bench.core.tubes(), []);
}

#[test]
fn a_job_that_comes_while_the_last_worker_goes_brings_it_back() {
    let mut bench = deployed();
    for number in [2, 3] {
        bench.ends(&format!("a@1/worker/{number}"), 0);
    }
    bench.look("1", 0, 0);
    bench.look("1", 0, 0);
    bench.ends("a@1/worker/1", 0);
    bench.done();
    bench.look("1", 1, 0);
    assert_eq!(bench.done(), ["spawn a@1/worker/1"]);
}

#[test]
fn a_worker_that_uses_its_own_tube_does_not_keep_it_for_ever() {
    let mut bench = deployed();
    for number in [2, 3] {
        bench.ends(&format!("a@1/worker/{number}"), 0);
    }
    bench.done();
    for _ in 0..3 {
        bench.look("1", 0, 1);
    }
    assert_eq!(bench.done(), [""; 0]);
    bench.seconds(60);
    bench.look("1", 0, 1);
    bench.look("1", 0, 1);
    assert_eq!(bench.done(), ["signal 15 group a@1/worker/1"]);
    bench.ends("a@1/worker/1", 0);
    // Another uses it, too: the worker comes back, and is left alone for longer.
    bench.look("1", 0, 1);
    assert_eq!(bench.done(), ["spawn a@1/worker/1"]);
}

#[test]
fn a_queue_that_is_away_keeps_what_drains() {
    let mut bench = deployed();
    bench.done();
    for number in [2, 3] {
        bench.ends(&format!("a@1/worker/{number}"), 0);
    }
    let away = || crate::releases::Look::Away("no queue".into());
    bench.look("1", 0, 0);
    let (application, version) = ("a".parse().unwrap(), "1".parse().unwrap());
    bench.handle(Event::Tube { application, version, look: away() });
    bench.look("1", 0, 0);
    assert_eq!(bench.done(), [""; 0]);
}

#[test]
fn past_its_time_what_is_left_is_told_and_moved_if_that_is_configured() {
    for (on_timeout, moves) in [(OnDrainTimeout::Report, false), (OnDrainTimeout::Move, true)] {
        let slow = |version| {
            let [worker, scheduler, solr] = application(version);
            [worker.drain(Duration::from_mins(1), on_timeout), scheduler, solr]
        };
        let mut bench = Bench::up(&slow("1"));
        bench.apply(&slow("2"));
        bench.ready("a@2/worker/1");
        bench.ends("a/scheduler/1", 0);
        bench.ends("a/solr/1", 0);
        bench.all_ready();
        bench.ends("a@1/worker/2", 0);
        bench.ends("a@1/worker/3", 0);
        bench.look("1", 3, 0);
        bench.done();
        bench.seconds(60);
        let told = bench.told.last().unwrap();
        let end = if moves { "they are moved to the current release" } else { "they stay there" };
        assert_eq!(
            *told,
            format!(
                "release 1 has drained for 1m: 3 ready, 0 reserved, 0 delayed, 0 buried jobs are left on tube tube-1, {end}"
            )
        );
        assert_eq!(bench.done(), ["signal 15 group a@1/worker/1"]);
        bench.ends("a@1/worker/1", 0);
        assert_eq!(bench.done(), if moves { vec!["move tube-1 to tube-2"] } else { vec![] });
        if moves {
            let (application, version) = ("a".parse().unwrap(), "1".parse().unwrap());
            bench.handle(Event::Moved { application, version, result: Ok(3) });
            assert_eq!(bench.told.last().unwrap(), "release 1 has retired: 3 jobs were moved to release 2");
        }
        assert_eq!(bench.core.tubes(), []);
    }
}

#[test]
fn a_canary_that_fails_leaves_the_old_release_serving_and_is_answered() {
    let mut bench = Bench::up(&application("1"));
    let request = bench.deploy("a", &application("2"));
    bench.spawned("a@2/worker/1");
    bench.ends("a@2/worker/1", 1);
    assert_eq!(bench.answer(request), "a@2/worker/1: exit 1, again in 200ms");
    assert_eq!(
        bench.told.last().unwrap(),
        "release 2 did not become ready: exit 1, again in 200ms; release 1 goes on serving"
    );
    assert_eq!(bench.done(), ["spawn a@2/worker/1"]);
    // What was the matter is over: it is what is deployed, so it becomes current after all.
    bench.seconds(1);
    bench.ready("a@2/worker/1");
    assert!(bench.states().contains("a@1/worker/1 ready"), "{}", bench.states());
}

#[test]
fn where_nothing_serves_a_new_release_need_not_wait_for_its_canary() {
    let mut bench = Bench::up(&application("1"));
    for number in 1..=3 {
        bench.ends(&format!("a/worker/{number}"), 1);
    }
    bench.done();
    bench.apply(&application("2"));
    assert_eq!(bench.state("a@1/worker/1"), "backoff: exit 1, again in 200ms");
    assert!(bench.done().contains(&"spawn a/worker/3".to_owned()));
}

#[test]
fn a_deploy_is_answered_when_its_whole_pool_is_up() {
    let mut bench = Bench::up(&application("1"));
    let request = bench.deploy("a", &application("2"));
    bench.ready("a@2/worker/1");
    assert_eq!(bench.answer(request), "");
    bench.ready("a/worker/2");
    bench.ready("a/worker/3");
    assert_eq!(bench.answer(request), "done");
    let again = bench.deploy("a", &application("2"));
    assert_eq!(bench.answer(again), "done");
    let unknown = bench.deploy("b", &application("2"));
    assert_eq!(bench.answer(unknown), "no instance is named b");
}

#[test]
fn going_back_to_the_old_version_regrows_its_pool_at_once() {
    let mut bench = deployed();
    for number in [2, 3] {
        bench.ends(&format!("a@1/worker/{number}"), 0);
    }
    bench.done();
    bench.apply(&application("1"));
    assert_eq!(
        bench.done(),
        ["spawn a/worker/2", "spawn a/worker/3", "signal 15 group a/scheduler/1", "signal 15 group a/solr/1"]
    );
    assert!(bench.states().contains("a/worker/1 ready"), "its last worker went on: {}", bench.states());
    assert!(bench.states().contains("a@2/worker/3 ready"), "{}", bench.states());
}

#[test]
fn a_rollback_outlives_a_reload_until_another_version_is_deployed() {
    let mut bench = deployed();
    let request = bench.roll_back("a");
    let running = |bench: &Bench, id: &str| {
        let selector = id.parse().unwrap();
        let version = bench.core.status(&selector).next().map(|status| status.spec.release.version.clone());
        version.flatten().map(|version| version.to_string())
    };
    assert_eq!(running(&bench, "a/worker/1").as_deref(), Some("1"));
    // Those that were on their way out have their plain names again, and successors.
    bench.ends("a/worker/2", 0);
    bench.ends("a/worker/3", 0);
    bench.all_ready();
    assert_eq!(bench.answer(request), "done");
    bench.done();
    bench.apply(&application("2"));
    assert_eq!(running(&bench, "a/worker/1").as_deref(), Some("1"));
    // A reload while it is pinned is for what serves.
    let [worker, scheduler, solr] = application("2");
    bench.apply(&[worker.count(4), scheduler, solr]);
    assert!(bench.done().contains(&"spawn a/worker/4".to_owned()));
    bench.apply(&application("3"));
    assert_eq!(bench.done(), ["spawn a@3/worker/1"]);
}

/// The version that is rolled back from.
fn pinned(bench: &Bench) -> Option<String> {
    bench.core.releases().find_map(|(_, application)| application.pin().map(ToString::to_string))
}

#[test]
fn who_rolls_back_from_a_rollback_wants_what_is_deployed_and_what_becomes_of_it() {
    let mut bench = deployed();
    bench.roll_back("a");
    assert_eq!(pinned(&bench).as_deref(), Some("2"));
    bench.roll_back("a");
    assert!(bench.told.contains(&"release 2 is current now; release 1 drains".to_owned()));
    assert_eq!(pinned(&bench), None);
    // The same while the canary of the earlier release is not ready.
    let mut bench = deployed();
    bench.ends("a@1/worker/1", 1);
    bench.roll_back("a");
    assert_eq!(pinned(&bench).as_deref(), Some("2"));
    bench.roll_back("a");
    assert!(bench.told.contains(&"rolled back: release 2 stays current".to_owned()));
    assert_eq!(pinned(&bench), None);
}

#[test]
fn what_is_deployed_is_served_after_a_rollback_for_as_long_as_that_is_so() {
    let mut bench = deployed();
    bench.roll_back("a");
    bench.ends("a/worker/2", 0);
    bench.ends("a/worker/3", 0);
    bench.ends("a/scheduler/1", 0);
    bench.ends("a/solr/1", 0);
    bench.all_ready();
    bench.ends("a@2/worker/2", 0);
    bench.ends("a@2/worker/3", 0);
    bench.look("2", 3, 1);
    bench.done();
    bench.seconds(25 * 3600);
    assert_eq!((bench.done(), bench.state("a@2/worker/1")), (vec![], "ready".to_owned()));
}

#[test]
fn without_an_earlier_release_a_rollback_is_refused() {
    let mut bench = Bench::up(&application("1"));
    let request = bench.roll_back("a");
    assert_eq!(bench.answer(request), "there is no earlier release to go back to");
    let mut bench = deployed();
    let (application, version) = ("a".parse().unwrap(), "1".parse().unwrap());
    let why = Some("/srv/1: the folder has gone".to_owned());
    bench.handle(Event::Folder { application, version, why });
    let request = bench.roll_back("a");
    assert_eq!(bench.answer(request), "release 1 cannot be started again: /srv/1: the folder has gone");
}

#[test]
fn workers_of_a_folder_that_has_gone_run_on_and_are_not_started_again() {
    let mut bench = deployed();
    for number in [2, 3] {
        bench.ends(&format!("a@1/worker/{number}"), 0);
    }
    bench.done();
    let (application, version) = ("a".parse().unwrap(), "1".parse().unwrap());
    let why = Some("/srv/1: the folder has gone".to_owned());
    bench.handle(Event::Folder { application, version, why });
    assert_eq!((bench.done(), bench.state("a@1/worker/1")), (vec![], "ready".to_owned()));
    bench.ends("a@1/worker/1", 1);
    bench.seconds(1);
    assert_eq!(bench.state("a@1/worker/1"), "waiting: /srv/1: the folder has gone");
}

#[test]
fn a_deploy_during_a_deploy_goes_on_with_the_later_one() {
    let mut bench = Bench::up(&application("1"));
    bench.apply(&application("2"));
    bench.done();
    bench.apply(&application("3"));
    assert_eq!(bench.done(), ["spawn a@3/worker/1"]);
    bench.ready("a@2/worker/1");
    bench.ready("a@3/worker/1");
    assert!(bench.states().contains("a@2/worker/1 ready"), "its tube may have jobs: {}", bench.states());
    assert!(bench.states().contains("a@1/worker/1 ready"), "{}", bench.states());
}

#[test]
fn an_application_without_workers_moves_at_once() {
    let entries = |version| [daemon("a/solr").version(version)];
    let mut bench = Bench::up(&entries("1"));
    let request = bench.deploy("a", &entries("2"));
    assert_eq!((bench.done(), bench.answer(request)), (vec!["signal 15 group a/solr/1".to_owned()], "done"));
    assert_eq!(bench.state("a/solr/1"), "stopping: version 1 -> 2");
}

#[test]
fn a_deploy_goes_on_in_another_program_image() {
    let mut bench = Bench::up(&application("1"));
    bench.apply(&application("2"));
    let text = serde_json::to_string(&bench.core.snapshot()).unwrap();
    let settings = Settings { herd: 4, seed: 1 };
    bench.core = Core::restore(serde_json::from_str(&text).unwrap(), settings).unwrap();
    bench.done();
    bench.ready("a@2/worker/1");
    assert!(bench.done().contains(&"spawn a/worker/2".to_owned()));
    assert!(bench.states().contains("a@1/worker/3 ready"), "{}", bench.states());
}
