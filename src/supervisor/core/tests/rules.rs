//! Restart, start limit, stop, dependants, herd, readiness, watchdog, shutdown.

use std::time::Duration;

use super::bench::{Bench, daemon};
use crate::config::{Kill, Ready, Restart};
use crate::lifecycle::{Exit, Notice, Phase, ProcessEvent, Watchdog};
use crate::supervisor::core::Event;

const W: &str = "a/worker/1";

#[test]
fn a_process_that_fails_comes_back_after_a_growing_pause() {
    let mut bench = Bench::up(&[daemon("a/worker")]);
    for pause in [200, 400, 800] {
        bench.ends(W, 1);
        assert!(bench.state(W).starts_with("backoff: exit 1, again in"), "{}", bench.state(W));
        bench.millis(pause - 1);
        assert_eq!(bench.done(), [""; 0]);
        bench.millis(1);
        assert_eq!(bench.done(), ["spawn a/worker/1"]);
        bench.ready(W);
    }
    assert_eq!(bench.state(W), "ready");
}

#[test]
fn the_pause_is_the_initial_one_again_after_it_was_ready_for_long() {
    let mut bench = Bench::up(&[daemon("a/worker")]);
    for _ in 0..3 {
        bench.ends(W, 1);
        bench.seconds(10);
        bench.ready(W);
    }
    bench.seconds(60);
    bench.ends(W, 1);
    assert_eq!(bench.state(W), "backoff: exit 1, again in 200ms");
}

#[test]
fn without_a_pause_it_is_back_in_the_same_moment_and_the_crash_is_told_all_the_same() {
    let mut bench = Bench::up(&[daemon("a/worker").with(|policy| policy.backoff.initial = Duration::ZERO)]);
    bench.changes.clear();
    bench.ends(W, 1);
    assert_eq!(bench.done(), ["spawn a/worker/1"]);
    let told: Vec<_> = bench.changes.iter().map(|change| change.to.unwrap().word()).collect();
    assert_eq!(told, ["backoff", "starting"]);
    assert_eq!(bench.changes[0].exit, Some(Exit::Code(1)));
}

#[test]
fn too_many_failures_within_the_window_and_it_is_failed_until_it_is_started() {
    let mut bench = Bench::up(&[daemon("a/worker").with(|policy| policy.start_limit.count = 3)]);
    for _ in 0..3 {
        bench.ends(W, 1);
        bench.seconds(5);
        if bench.state(W) == "starting" {
            bench.ready(W);
        }
    }
    assert_eq!(bench.state(W), "failed: 3 failures within 10m, the last: exit 1");
    bench.seconds(3600);
    assert!(bench.state(W).starts_with("failed"));
    let request = bench.start(W);
    bench.ready(W);
    assert_eq!((bench.state(W).as_str(), bench.answer(request)), ("ready", "done"));
    bench.ends(W, 1);
    assert_eq!(bench.state(W), "backoff: exit 1, again in 200ms", "the window begins anew");
}

#[test]
fn an_exit_with_0_restarts_and_is_no_failure_yet_never_spins() {
    let mut bench = Bench::up(&[daemon("a/worker").with(|policy| {
        policy.start_limit.count = 2;
        policy.backoff.initial = Duration::ZERO;
    })]);
    bench.done();
    for _ in 0..20 {
        bench.ends(W, 0);
        bench.millis(999);
        assert_eq!(bench.done(), [""; 0]);
        bench.millis(1);
        assert_eq!(bench.done(), ["spawn a/worker/1"]);
        bench.ready(W);
    }
}

#[test]
fn restart_on_failure_and_never_end_in_completed_or_failed() {
    for (restart, code, state) in [
        (Restart::OnFailure, 0, "completed"),
        (Restart::OnFailure, 1, "backoff: exit 1, again in 200ms"),
        (Restart::Never, 0, "completed"),
        (Restart::Never, 1, "failed: exit 1"),
    ] {
        let mut bench = Bench::up(&[daemon("a/worker").with(|policy| policy.restart = restart)]);
        bench.ends(W, code);
        assert_eq!(bench.state(W), state);
    }
}

#[test]
fn a_spawn_that_fails_is_a_failure_with_its_reason() {
    let mut bench = Bench::with(&[daemon("a/worker")]);
    bench.hear(W, ProcessEvent::SpawnFailed { reason: "/x: No such file".into() });
    assert_eq!(bench.state(W), "backoff: /x: No such file, again in 200ms");
}

#[test]
fn a_stop_asks_then_kills_and_ends_when_the_whole_group_is_gone() {
    let mut bench = Bench::up(&[daemon("a/worker")]);
    let request = bench.stop("a");
    assert_eq!(bench.done(), ["signal 15 group a/worker/1"]);
    assert_eq!(bench.state(W), "stopping: stopped by an operator");
    bench.seconds(29);
    assert_eq!(bench.done(), [""; 0]);
    bench.seconds(1);
    assert_eq!(bench.done(), ["kill a/worker/1"]);
    bench.exited(W, Exit::Signal(9), true);
    assert_eq!(
        (bench.state(W).as_str(), bench.answer(request)),
        ("stopping: stopped by an operator; killed", "")
    );
    bench.gone(W);
    assert_eq!((bench.state(W).as_str(), bench.answer(request)), ("stopped", "done"));
}

#[test]
fn those_that_come_to_light_during_a_stop_are_asked_too_and_nobody_twice() {
    let mut bench = Bench::up(&[daemon("a/worker")]);
    bench.stop("a");
    bench.hear(W, ProcessEvent::Found);
    bench.exited(W, Exit::Code(0), true);
    bench.hear(W, ProcessEvent::Found);
    let rest = "signal rest of a/worker/1";
    assert_eq!(bench.done(), ["signal 15 group a/worker/1", rest, rest, rest]);
    bench.seconds(30);
    bench.hear(W, ProcessEvent::Found);
    assert_eq!(bench.done(), ["kill a/worker/1", "kill a/worker/1"]);
    bench.gone(W);
    assert_eq!(bench.state(W), "stopped");
}

#[test]
fn what_is_left_of_a_process_that_alone_was_asked_is_asked_when_it_has_ended() {
    let mut bench = Bench::up(&[daemon("a/worker").with(|policy| policy.kill = Kill::Process)]);
    bench.stop("a");
    bench.exited(W, Exit::Code(0), true);
    assert_eq!(bench.done(), ["signal 15 a/worker/1", "signal 15 group a/worker/1"]);
}

#[test]
fn what_will_not_die_is_killed_again() {
    let mut bench = Bench::up(&[daemon("a/worker").with(|policy| policy.stop_timeout = Duration::ZERO)]);
    bench.stop("a");
    bench.seconds(8);
    assert_eq!(bench.done(), ["kill a/worker/1"; 4]);
}

#[test]
fn a_stop_pre_empts_starting_and_backoff() {
    let mut bench = Bench::with(&[daemon("a/worker")]);
    bench.done();
    bench.stop("a");
    assert_eq!(bench.done(), ["signal 15 group a/worker/1"]);
    bench.ends(W, 0);
    assert_eq!(bench.state(W), "stopped");

    let mut bench = Bench::up(&[daemon("a/worker")]);
    bench.ends(W, 1);
    let request = bench.stop("a");
    assert_eq!((bench.state(W).as_str(), bench.answer(request)), ("stopped", "done"));
    bench.seconds(3600);
    assert_eq!(bench.done(), [""; 0]);
}

#[test]
fn kill_process_asks_the_main_process_alone_and_then_what_it_left() {
    let mut bench = Bench::up(&[daemon("a/worker").with(|policy| policy.kill = Kill::Process)]);
    bench.stop("a");
    assert_eq!(bench.done(), ["signal 15 a/worker/1"]);
    bench.exited(W, Exit::Code(0), true);
    assert_eq!(bench.done(), ["signal 15 group a/worker/1"]);
    bench.seconds(30);
    assert_eq!(bench.done(), ["kill a/worker/1"]);
}

#[test]
fn what_a_crash_leaves_behind_is_gone_before_the_next_comes() {
    let mut bench = Bench::up(&[daemon("a/worker")]);
    bench.exited(W, Exit::Signal(11), true);
    assert_eq!(bench.done(), ["signal 15 group a/worker/1"]);
    assert_eq!(bench.state(W), "stopping: SIGSEGV; what it left running is being stopped");
    bench.seconds(30);
    assert_eq!(bench.done(), ["kill a/worker/1"]);
    bench.gone(W);
    bench.millis(200);
    assert_eq!(bench.done(), ["spawn a/worker/1"]);
}

#[test]
fn after_starts_once_the_other_is_ready_and_stops_before_it() {
    let mut bench = Bench::with(&[daemon("a/solr"), daemon("a/worker").after("solr")]);
    assert_eq!(bench.done(), ["spawn a/solr/1"]);
    assert_eq!(bench.state(W), "waiting: waits for a/solr/1, which is starting");
    bench.ready("a/solr/1");
    assert_eq!(bench.done(), ["spawn a/worker/1"]);
    bench.ready(W);
    bench.stop("a");
    assert_eq!(bench.done(), ["signal 15 group a/worker/1"]);
    assert_eq!(
        bench.state("a/solr/1"),
        "stopping: stopped by an operator; waits for a/worker/1 to stop first"
    );
    bench.ends(W, 0);
    assert_eq!(bench.done(), ["signal 15 group a/solr/1"]);
}

#[test]
fn no_more_boot_at_once_than_the_herd_may() {
    let mut bench = Bench::with(&[daemon("a/worker").count(6)]);
    assert_eq!(bench.done().len(), 4);
    assert_eq!(bench.state("a/worker/5"), "waiting: waits for its turn: 4 others are starting");
    bench.ready("a/worker/2");
    assert_eq!(bench.done(), ["spawn a/worker/5"]);
    // One that asks for time waits for something itself.
    bench.spawned(W);
    bench.notify(W, Notice { extend: Some(Duration::from_secs(90)), ..Notice::default() });
    assert_eq!(bench.done(), ["spawn a/worker/6"]);
    bench.seconds(89);
    assert_eq!(bench.state(W), "starting");
}

#[test]
fn not_ready_in_time_is_a_failure() {
    let mut bench = Bench::with(&[daemon("a/worker").with(|policy| policy.ready = Ready::Tcp(80))]);
    bench.spawned(W);
    assert_eq!(bench.done(), ["spawn a/worker/1", "check a/worker/1"]);
    bench.hear(W, ProcessEvent::NotReady { reason: "nothing listens on port 80".into() });
    assert_eq!(bench.state(W), "starting: nothing listens on port 80");
    // Why is of interest all the more where it asks for more time.
    bench.notify(W, Notice { extend: Some(Duration::from_mins(1)), ..Notice::default() });
    bench.hear(W, ProcessEvent::NotReady { reason: "nothing listens on port 80 yet".into() });
    assert_eq!(bench.state(W), "starting: nothing listens on port 80 yet");
    bench.seconds(60);
    assert_eq!(bench.done(), ["signal 15 group a/worker/1"]);
    bench.ends(W, 0);
    assert_eq!(
        bench.state(W),
        "backoff: not ready within 1m: nothing listens on port 80 yet, again in 200ms"
    );
}

#[test]
fn each_kind_of_readiness_is_waited_for_as_it_says() {
    let mut bench = Bench::with(&[daemon("a/worker").with(|policy| policy.ready = Ready::None)]);
    bench.spawned(W);
    assert_eq!(bench.state(W), "ready");
    let delay = Ready::Delay(Duration::from_secs(2));
    let mut bench = Bench::with(&[daemon("a/worker").with(|policy| policy.ready = delay)]);
    bench.spawned(W);
    bench.millis(1999);
    assert_eq!(bench.state(W), "starting");
    bench.millis(1);
    assert_eq!(bench.state(W), "ready");
}

#[test]
fn a_missed_ping_kills_and_counts_as_a_failure() {
    let mut entry = daemon("a/worker");
    entry.watchdog = Some(Duration::from_secs(10));
    let mut bench = Bench::up(&[entry]);
    for _ in 0..5 {
        bench.seconds(9);
        bench.notify(W, Notice { watchdog: Some(Watchdog::Alive), ..Notice::default() });
    }
    assert_eq!(bench.state(W), "ready");
    bench.seconds(10);
    assert_eq!(bench.done(), ["kill a/worker/1"]);
    bench.exited(W, Exit::Signal(9), false);
    bench.gone(W);
    assert_eq!(bench.state(W), "backoff: no sign of life within 10s, again in 200ms");
}

#[test]
fn a_daemon_that_reloads_is_running_and_one_that_stops_is_stopping() {
    let mut bench = Bench::up(&[daemon("a/worker")]);
    let says = |phase| Notice { phase: Some(phase), ..Notice::default() };
    bench.notify(W, says(Phase::Reloading));
    assert_eq!(bench.state(W), "running: it reads its configuration again");
    bench.notify(W, says(Phase::Ready));
    assert_eq!(bench.state(W), "ready");
    bench.notify(W, says(Phase::Stopping));
    assert_eq!(bench.state(W), "stopping: it stops by itself");
    assert_eq!(bench.done(), [""; 0]);
    bench.seconds(30);
    assert_eq!(bench.done(), ["kill a/worker/1"]);
}

#[test]
fn what_a_daemon_says_is_shown_and_its_job_goes_with_it() {
    let mut bench = Bench::up(&[daemon("a/worker")]);
    let notice = Notice { status: Some("busy".into()), job: Some("17".into()), ..Notice::default() };
    bench.notify(W, notice);
    let told = |bench: &Bench| {
        let selector = W.parse().unwrap();
        let status = bench.core.status(&selector).next().unwrap();
        (status.status.map(str::to_owned), status.job.map(|(job, _)| job.to_owned()))
    };
    assert_eq!(told(&bench), (Some("busy".into()), Some("17".into())));
    bench.ends(W, 1);
    assert_eq!(told(&bench), (Some("busy".into()), None));
}

#[test]
fn news_of_an_earlier_process_are_no_news() {
    let mut bench = Bench::up(&[daemon("a/worker")]);
    bench.ends(W, 1);
    bench.gone(W);
    bench.exited(W, Exit::Code(3), false);
    assert_eq!(bench.state(W), "backoff: exit 1, again in 200ms");
}

#[test]
fn a_shutdown_stops_everything_in_order_and_a_second_one_kills() {
    let mut bench = Bench::up(&[daemon("a/solr"), daemon("a/worker").after("solr")]);
    bench.handle(Event::Shutdown);
    assert_eq!(bench.done(), ["signal 15 group a/worker/1"]);
    let refused = bench.start("a");
    assert_eq!(bench.answer(refused), "the supervisor is shutting down");
    bench.ends(W, 0);
    assert_eq!(bench.done(), ["signal 15 group a/solr/1"]);
    bench.handle(Event::Shutdown);
    assert_eq!(bench.done(), ["kill a/solr/1"]);
    bench.exited("a/solr/1", Exit::Signal(9), false);
    assert_eq!(bench.done(), [""; 0]);
    bench.gone("a/solr/1");
    assert_eq!(bench.done(), ["finished"]);
}

#[test]
fn a_shutdown_of_nothing_is_over_at_once() {
    let mut bench = Bench::with(&[]);
    bench.handle(Event::Shutdown);
    assert_eq!(bench.done(), ["finished"]);
}

#[test]
fn an_instance_is_small() {
    let bytes =
        size_of::<crate::supervisor::core::fleet::Instance>() + size_of::<crate::plan::InstanceSpec>();
    assert!(bytes <= 512, "{bytes} bytes an instance");
}
