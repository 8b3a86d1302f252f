//! SIGTERM, and executors that make room for others.

use crate::scene::{Scene, exists, until};

#[test]
fn an_idle_worker_leaves_at_once_and_the_application_says_good_bye() {
    let scene = Scene::new();
    let id = scene.put("bury", "at_exit { Ledger.write('good-bye') }");
    let mut worker = scene.worker();
    scene.until_state(id, None);
    worker.signal("TERM");
    assert_eq!(worker.ended().code(), Some(0));
    assert_eq!(scene.ledger(), ["good-bye"]);
}

#[test]
fn a_busy_worker_finishes_its_job_and_takes_no_other() {
    let scene = Scene::new();
    let first = scene.put("bury", "Ledger.write('begin'); sleep 1; Ledger.write('end')");
    let second = scene.put("bury", "Ledger.write('second')");
    let mut worker = scene.worker();
    scene.until_ledger(1);
    worker.signal("TERM");
    assert_eq!(worker.ended().code(), Some(0));
    assert_eq!(scene.ledger(), ["begin", "end"]);
    assert_eq!(scene.state(first), None);
    assert_eq!(scene.state(second).as_deref(), Some("ready"));
}

#[test]
fn a_job_that_does_not_finish_in_time_is_given_back_unpunished() {
    let scene = Scene::new();
    let id = scene.put("delete", "Ledger.write('begin'); sleep 1000");
    let mut worker = scene.spawn(scene.command().args(["--stop-timeout", "300ms"]));
    scene.until_ledger(1);
    let executor = worker.executor();
    worker.signal("TERM");
    assert_eq!(worker.ended().code(), Some(0));
    assert_eq!(scene.state(id).as_deref(), Some("ready"));
    assert_eq!(scene.job(id, "pri").as_deref(), Some("512"));
    assert!(!exists(executor));
}

#[test]
fn a_second_signal_ends_all_patience() {
    let scene = Scene::new();
    let id = scene.put("delete", "Ledger.write('begin'); sleep 1000");
    let mut worker = scene.worker();
    scene.until_ledger(1);
    worker.signal("TERM");
    // Signals that come together may be one: it goes on until it has heard a second.
    until("the worker leaves", || {
        if worker.is_running() {
            worker.signal("TERM");
        }
        !worker.is_running()
    });
    assert_eq!(scene.state(id).as_deref(), Some("ready"));
}

#[test]
fn the_executor_is_renewed_between_jobs_and_the_worker_stays() {
    let scene = Scene::new();
    let ids: Vec<u64> = (0..4).map(|_| scene.put("bury", "Ledger.write($$)")).collect();
    let mut worker = scene.spawn(scene.command().args(["--max-jobs", "2"]));
    for id in ids {
        scene.until_state(id, None);
    }
    let ledger = scene.ledger();
    assert_eq!(ledger[0], ledger[1]);
    assert_ne!(ledger[1], ledger[2]);
    assert!(worker.is_running());
}

#[test]
fn an_executor_that_has_grown_too_large_is_renewed() {
    let scene = Scene::new();
    let first = scene.put("bury", "$big = 'x' * 100_000_000; Ledger.write($$)");
    let second = scene.put("bury", "Ledger.write($$)");
    let _worker = scene.spawn(scene.command().args(["--max-memory", "80MiB"]));
    scene.until_state(first, None);
    scene.until_state(second, None);
    assert_ne!(scene.ledger()[0], scene.ledger()[1]);
}

#[test]
fn an_executor_that_is_too_old_is_renewed_without_a_job_and_the_worker_stays() {
    let scene = Scene::new();
    let mut worker = scene.spawn(scene.command().args(["--max-age", "200ms"]));
    worker.until_log("has booted");
    let first = worker.executor();
    until("there is another", || worker.executor() != first);
    assert!(worker.is_running());
    let id = scene.put("bury", "1");
    scene.until_state(id, None);
}
