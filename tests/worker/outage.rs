//! The queue is away, for a moment and for half a minute, from three workers: one is idle, the job of one
//! ends meanwhile, that of the third goes on.

use std::fs;
use std::time::{Duration, Instant};

use crate::scene::{Scene, exists, until};
use crate::watched::Watched;

/// How often a worker may wake up in a second of outage, all its attempts to connect together.
const WAKES: u64 = 40;

fn outage(length: Duration) {
    let mut scene = Scene::new();
    let code = |name: &str| {
        let gate = scene.path(name).display().to_string();
        format!(
            "Ledger.write('{name} begins'); sleep 0.01 until File.exist?({gate:?}); Ledger.write('{name} ends')"
        )
    };
    let short = scene.put("bury", &code("short"));
    let mut ends = Watched::new(&scene, "ends");
    scene.until_ledger(1);
    let long = scene.put("bury", &code("long"));
    let mut goes_on = Watched::new(&scene, "goes on");
    scene.until_ledger(2);
    let mut idle = Watched::new(&scene, "idle");
    idle.until_says("STATUS", "waits for a job");
    ends.until_says("X_AYL_JOB", &format!("{short} "));
    goes_on.until_says("X_AYL_JOB", &format!("{long} "));

    scene.server.kill();
    let (began, mut all) = (Instant::now(), [ends, goes_on, idle]);
    let before = all.each_ref().map(|each| (each.sleeps(), each.cost(), each.worker.executor()));
    fs::write(scene.path("short"), "").unwrap();
    scene.until_ledger(3);
    all[0].until_says("STATUS", "cannot reach beanstalkd");
    all[2].until_says("STATUS", "cannot reach beanstalkd");
    until("the outage is over", || began.elapsed() >= length);
    let most = WAKES * (1 + began.elapsed().as_secs());
    for (each, (sleeps, cost, executor)) in all.iter_mut().zip(before) {
        assert!(each.worker.is_running());
        assert!(exists(executor), "its executor lives");
        assert!(each.sleeps() - sleeps <= most, "{} wakes, at most {most}", each.sleeps() - sleeps);
        assert!(each.cost() - cost <= 1 + began.elapsed().as_secs(), "a hundredth of a processor");
    }
    assert_eq!(all[1].says("X_AYL_JOB").map(|job| job.starts_with(&format!("{long} "))), Some(true));

    scene.server.restart();
    scene.until_state(short, None);
    fs::write(scene.path("long"), "").unwrap();
    scene.until_state(long, None);
    for each in &mut all {
        each.until_says("STATUS", "waits for a job");
        assert_eq!(each.says("X_AYL_JOB"), Some(""));
        assert!(each.worker.is_running());
        let written = each.worker.log();
        // That the connection was lost, and why there is no other; not once an attempt.
        assert!(written.matches("trying again until it is there").count() <= 2, "{written}");
        assert_eq!(written.matches("the queue is back").count(), 1, "{written}");
    }
    let after = scene.put("bury", "Ledger.write('after')");
    scene.until_state(after, None);
    assert_eq!(scene.ledger(), ["short begins", "long begins", "short ends", "long ends", "after"]);
}

#[test]
fn a_queue_that_is_away_for_a_moment_costs_no_job_and_no_worker() {
    outage(Duration::from_secs(1));
}

#[test]
fn a_queue_that_is_away_for_half_a_minute_costs_no_job_and_no_worker() {
    outage(Duration::from_secs(30));
}
