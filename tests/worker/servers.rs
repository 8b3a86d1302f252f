//! Several beanstalkd servers, of which some are away.

use std::fs;

use crate::beanstalkd::Beanstalkd;
use crate::scene::{Scene, Worker, message, until};
use crate::watched::Watched;

/// A worker of the scene's server and of another.
fn worker_of_both(scene: &Scene, other: &Beanstalkd) -> Worker {
    scene.spawn(
        scene.command().env("AYL_BEANSTALK", format!("{},{}", scene.server.address(), other.address())),
    )
}

fn put_at(server: &Beanstalkd, code: &str) {
    let body = message("bury", code);
    assert_eq!(server.says(&format!("use t\r\nput 512 0 60 {}\r\n{body}\r\n", body.len())), "USING t\r\n");
}

#[test]
fn while_the_server_of_a_finished_job_is_away_the_jobs_of_others_run() {
    let mut scene = Scene::new();
    let other = Beanstalkd::start();
    let gate = scene.path("gate");
    let code = format!("Ledger.write('begin'); sleep 0.01 until File.exist?({gate:?}); Ledger.write('end')");
    let id = scene.put("bury", &code);
    let worker = worker_of_both(&scene, &other);
    scene.until_ledger(1);
    // It has nothing to do but to take the job when the server is back, and must not.
    let idle = worker_of_both(&scene, &other);
    idle.until_log("has booted");
    scene.server.kill();
    fs::write(&gate, "").unwrap();
    scene.until_ledger(2);
    worker.until_log(&format!("job {id} has ended while its server is away"));
    for number in 3..6 {
        put_at(&other, &format!("Ledger.write({number})"));
        scene.until_ledger(number);
    }
    scene.server.restart();
    scene.until_state(id, None);
    assert_eq!(scene.ledger(), ["begin", "end", "3", "4", "5"]);
    let after = scene.put("bury", "Ledger.write('after')");
    scene.until_state(after, None);
}

#[test]
fn what_a_job_came_to_is_told_its_server_though_nothing_was_known_of_it_before() {
    let mut scene = Scene::new();
    let other = Beanstalkd::start();
    let gate = scene.path("gate");
    let waits = format!("Ledger.write('begin'); sleep 0.001 until File.exist?({gate:?})");
    let body = message("decay", &format!("{waits}; raise 'boo'")).replace("delay\":0", "delay\":1000");
    // The queue dies before anybody has asked for the job's priority.
    let worker = worker_of_both(&scene, &other);
    worker.until_log("has booted");
    let id = scene.put_body(&body, 60);
    scene.until_ledger(1);
    scene.server.kill();
    fs::write(&gate, "").unwrap();
    worker.until_log("has ended while its server is away");
    worker.until_log("RuntimeError: boo");
    scene.server.restart();
    scene.until_state(id, Some("delayed"));
    assert_eq!(scene.job(id, "delay").as_deref(), Some("1000"));
}

#[test]
fn a_job_that_workers_of_several_servers_gave_back_unrun_has_all_its_tries_still() {
    let scene = Scene::new();
    let other = Beanstalkd::start();
    let body = message("decay", "raise 'boo'").replace("delay\":0", "delay\":1000");
    let id = scene.put_body(&body, 60);
    for _ in 0..11 {
        // As a worker does that another server gave a job in the same moment.
        assert!(scene.ask("watch t\r\nreserve\r\n").contains("RESERVED"));
    }
    let _worker = worker_of_both(&scene, &other);
    scene.until_state(id, Some("delayed"));
    assert_eq!(scene.job(id, "delay").as_deref(), Some("1000"));
}

#[test]
fn a_server_that_is_not_there_at_boot_is_used_when_it_is() {
    let mut scene = Scene::new();
    let other = Beanstalkd::start();
    scene.server.kill();
    let worker = worker_of_both(&scene, &other);
    put_at(&other, "Ledger.write('other')");
    scene.until_ledger(1);
    scene.server.restart();
    let id = scene.put("bury", "Ledger.write('first')");
    scene.until_state(id, None);
    worker.until_log("has booted");
    assert_eq!(scene.ledger(), ["other", "first"]);
}

#[test]
fn a_worker_that_owes_a_server_leaves_when_its_time_is_up() {
    let mut scene = Scene::new();
    let other = Beanstalkd::start();
    let gate = scene.path("gate");
    let code = format!("Ledger.write('begin'); sleep 0.01 until File.exist?({gate:?})");
    let id = scene.put("bury", &code);
    let both = format!("{},{}", scene.server.address(), other.address());
    let mut worker =
        scene.spawn(scene.command().env("AYL_BEANSTALK", both).args(["--stop-timeout", "300ms"]));
    scene.until_ledger(1);
    scene.server.kill();
    fs::write(&gate, "").unwrap();
    worker.until_log("has ended while its server is away");
    worker.signal("TERM");
    assert_eq!(worker.ended().code(), Some(0));
    assert!(worker.log().contains("no longer this worker's"), "{}", worker.log());
    scene.server.restart();
    scene.until_state(id, Some("ready"));
}

#[test]
fn that_one_of_several_servers_is_away_is_said_once_and_shown_while_the_worker_is_idle() {
    let mut scene = Scene::new();
    let other = Beanstalkd::start();
    let both = format!("{},{}", scene.server.address(), other.address());
    let mut worker = Watched::spawn(&scene, "notify", scene.command().env("AYL_BEANSTALK", both));
    worker.until_says("STATUS", "waits for a job");
    scene.server.kill();
    let address = scene.server.address();
    until("its absence is shown", || {
        let status = worker.says("STATUS").unwrap_or_default();
        status.starts_with("waits for a job; ") && status.contains(&format!("beanstalkd at {address}"))
    });
    put_at(&other, "Ledger.write('other')");
    scene.until_ledger(1);
    scene.server.restart();
    until("it is back", || worker.says("STATUS") == Some("waits for a job"));
    let log = worker.worker.log();
    assert_eq!(log.matches("the jobs of the other servers go on").count(), 1, "{log}");
    assert_eq!(log.matches(&format!("beanstalkd at {address} is back")).count(), 1, "{log}");
    assert!(!log.contains("trying again until it is there"), "{log}");
}
