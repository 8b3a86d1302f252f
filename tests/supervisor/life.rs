//! The life of instances.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Site, kill, last, lives, processes_with, until};

#[test]
fn one_that_is_killed_is_back_at_once_where_the_backoff_is_0() {
    let site = Site::with_daemons("s: {command: [sleep, infinity], backoff: {initial: 0s}}");
    let supervisor = site.start();
    let old = supervisor.wait_for("a/s/1", "ready")["pid"].clone();
    let mut quickest = Duration::MAX;
    for _ in 0..5 {
        let pid = supervisor.pid("a/s/1");
        let begin = Instant::now();
        kill(pid, libc::SIGKILL);
        until("its successor", || {
            let status = supervisor.instance("a/s/1");
            (status["state"] == "ready" && status["pid"] != pid).then_some(())
        });
        quickest = quickest.min(begin.elapsed());
    }
    // The quickest of some: the machine may be busy with other tests.
    assert!(quickest < Duration::from_millis(20), "{quickest:?}");
    let status = supervisor.instance("a/s/1");
    assert_eq!((&status["restarts"], &status["last_exit"]), (&json!(5), &json!("SIGKILL")));
    assert_ne!(status["pid"], old);
}

#[test]
fn what_cannot_be_run_says_why() {
    let site = Site::with_daemons("s: {command: [/no/such/program]}");
    let supervisor = site.start();
    let status = supervisor.wait_for("a/s/1", "backoff");
    let reason = status["reason"].as_str().unwrap();
    assert!(reason.starts_with("cannot run /no/such/program: No such file or directory"), "{reason}");
}

#[test]
fn a_stop_leaves_nothing_of_a_double_fork() {
    let site = Site::with_daemons(
        "s: {command: [sh, -c, 'setsid sleep 1000 & (trap \"\" TERM; setsid sleep 1001) & sleep infinity'], stop_timeout: 300ms, env: {SITE: '{path}'}}",
    );
    let supervisor = site.start();
    supervisor.wait_for("a/s/1", "ready");
    let mark = site.path().canonicalize().unwrap();
    let mark = mark.to_str().unwrap();
    until("its children", || (processes_with("SITE", mark).len() >= 4).then_some(()));
    let stop =
        json!({"request": "operate", "verb": "stop", "selector": "a/s", "wait": true, "at_once": false});
    assert_eq!(last(&supervisor.ask(&stop))["reply"], "done");
    assert_eq!(processes_with("SITE", mark), Vec::<i32>::new());
    assert_eq!(supervisor.instance("a/s/1")["state"], "stopped");
}

/// One that leaves its session, and says in a file that it was asked to go; then another generation of it.
const POLITE: &str = "s: {command: [sh, -c, 'setsid sh polite a & sleep infinity'], stop_timeout: 1m}";

const SCRIPT: &str =
    "setsid sh -c 'trap \"echo >> told-b; exit\" TERM; echo > up-b; while :; do sleep 0.05; done' &
    trap 'echo >> told-a; exit' TERM; echo > up-a; while :; do sleep 0.05; done";

#[test]
fn who_left_the_session_is_asked_to_stop_and_not_only_killed() {
    let site = Site::with_daemons(POLITE);
    let app = site.path().canonicalize().unwrap();
    fs::write(app.join("polite"), SCRIPT).unwrap();
    let supervisor = site.start();
    until("both are there", || (app.join("up-a").exists() && app.join("up-b").exists()).then_some(()));
    let stop =
        json!({"request": "operate", "verb": "stop", "selector": "a/s", "wait": true, "at_once": false});
    let begin = Instant::now();
    assert_eq!(last(&supervisor.ask(&stop))["reply"], "done");
    assert!(begin.elapsed() < Duration::from_secs(50), "they were killed");
    for told in ["told-a", "told-b"] {
        assert_eq!(fs::read_to_string(app.join(told)).unwrap(), "\n", "{told}: once");
    }
}

#[test]
fn what_an_operator_stopped_stays_so_over_a_restart_of_the_supervisor() {
    let site = Site::with_daemons("s: {command: [sleep, infinity]}");
    let supervisor = site.start();
    supervisor.wait_for("a/s/1", "ready");
    let stop = json!({"request": "operate", "verb": "stop", "selector": "a", "wait": true, "at_once": false});
    supervisor.ask(&stop);
    assert!(supervisor.stop().success());
    let supervisor = site.start();
    assert_eq!(supervisor.instance("a/s/1")["state"], "stopped");
}

#[test]
fn the_daemons_go_with_a_supervisor_that_is_killed() {
    let site = Site::with_daemons("s: {command: [sleep, infinity], count: 3}");
    let mut supervisor = site.start();
    let pids: Vec<i32> = (1..=3)
        .map(|n| {
            supervisor.wait_for(&format!("a/s/{n}"), "ready");
            supervisor.pid(&format!("a/s/{n}"))
        })
        .collect();
    supervisor.signal(libc::SIGKILL);
    supervisor.ended();
    until("their end", || pids.iter().all(|&pid| !lives(pid)).then_some(()));
}

#[test]
fn a_stranger_s_end_is_seen_to() {
    let site = Site::with_daemons("s: {command: [sh, -c, '(sleep 0.05 &) ; exec sleep infinity']}");
    let supervisor = site.start();
    supervisor.wait_for("a/s/1", "ready");
    let own = supervisor.child.id();
    until("no zombie is left", || {
        let children = fs::read_to_string(format!("/proc/{own}/task/{own}/children")).unwrap();
        (children.split_whitespace().count() == 1).then_some(())
    });
}

#[test]
fn one_is_ready_when_its_port_its_file_its_command_or_its_own_word_says_so() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let site = Site::with_daemons(&format!(
        "tcp: {{command: [sleep, infinity], ready: {{tcp: {port}}}}}\n\
         file: {{command: [sleep, infinity], ready: {{file: '{{path}}/up'}}}}\n\
         exec: {{command: [sleep, infinity], ready: {{exec: [test, -e, '{{path}}/up']}}}}\n\
         notify: {{command: [sh, -c, 'while ! test -e up; do sleep 0.01; done; systemd-notify --ready --status=hello; exec sleep infinity'], ready: notify}}\n\
         delay: {{command: [sleep, infinity], ready: {{delay: 10ms}}}}"
    ));
    let supervisor = site.start();
    supervisor.wait_for("a/delay/1", "ready");
    until("the reason", || {
        let reason = supervisor.instance("a/tcp/1")["reason"].as_str().unwrap_or_default().to_owned();
        reason.contains(&format!("nothing listens on port {port}")).then_some(())
    });
    until("another", || {
        (supervisor.instance("a/exec/1")["reason"] == "its check exited with status 1").then_some(())
    });
    for daemon in ["tcp", "file", "exec", "notify"] {
        assert_eq!(supervisor.instance(&format!("a/{daemon}/1"))["state"], "starting", "{daemon}");
    }
    fs::write(site.join("up"), "").unwrap();
    let listener = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    for daemon in ["tcp", "file", "exec", "notify"] {
        supervisor.wait_for(&format!("a/{daemon}/1"), "ready");
    }
    assert_eq!(supervisor.instance("a/notify/1")["status"], "hello");
    drop(listener);
}

#[test]
fn one_can_speak_neither_for_another_nor_so_much_that_others_are_not_heard() {
    // Both are the same user's: only the kernel can tell them apart.
    let site = Site::with_daemons(
        "victim: {command: [sh, -c, 'echo $NOTIFY_SOCKET > victim; while ! test -e up; do sleep 0.01; done; systemd-notify --ready; exec sleep infinity'], ready: notify}\n\
         forger: {command: [sh, -c, 'until test -s victim; do sleep 0.01; done; NOTIFY_SOCKET=$(cat victim) systemd-notify --ready; echo > forged; exec sleep infinity']}\n\
         flood: {command: [ruby, -rsocket, -e, 'to = Addrinfo.unix(ENV.fetch(%(NOTIFY_SOCKET)), :DGRAM).connect; loop { to.write(%(STATUS=noise)) }']}",
    );
    let supervisor = site.start();
    until("the forgery", || site.join("forged").exists().then_some(()));
    until("the flood", || (supervisor.instance("a/flood/1")["status"] == "noise").then_some(()));
    assert_eq!(supervisor.instance("a/victim/1")["state"], "starting");
    fs::write(site.join("up"), "").unwrap();
    supervisor.wait_for("a/victim/1", "ready");
}

#[test]
fn one_that_never_stops_talking_keeps_nobody_from_the_supervisor() {
    // Each message takes longer to be understood than to be sent, and there always is one.
    let talk = "to = Addrinfo.unix(ENV.fetch(%(NOTIFY_SOCKET)), :DGRAM).connect; \
                text = %(STATUS=noise\\n) * 300; loop { to.write(text) }";
    let site = Site::with_daemons(&format!(
        "flood: {{command: [ruby, -rsocket, -e, '{talk}'], count: 8}}\n\
         s: {{command: [sleep, infinity], backoff: {{initial: 50ms}}}}"
    ));
    let supervisor = site.start();
    until("the flood", || {
        supervisor.status("a/flood").iter().all(|status| status["status"] == "noise").then_some(())
    });
    // Its end, a pause, a question, a signal: everybody has their turn.
    let pid = supervisor.pid("a/s/1");
    kill(pid, libc::SIGKILL);
    until("its successor", || (supervisor.wait_for("a/s/1", "ready")["pid"] != pid).then_some(()));
    assert!(supervisor.stop().success());
}

#[test]
fn a_check_counts_whatever_else_ends_in_the_same_moment() {
    let site = Site::with_daemons(
        "noise: {command: [sh, -c, 'while :; do (true &); done']}\n\
         s: {command: [sleep, infinity], count: 30, ready: {exec: [sh, -c, 'echo >> tries']}}",
    );
    let supervisor = site.start();
    until("all are ready", || {
        supervisor.status("a/s").iter().all(|status| status["state"] == "ready").then_some(())
    });
    // No check that succeeded had to be made again.
    assert_eq!(fs::read_to_string(site.join("tries")).unwrap().lines().count(), 30);
    assert!(supervisor.stop().success());
}

/// Leaves its session and its environment behind, with a child that has done so as well.
const HIDDEN: &str =
    "setsid env -i /bin/sh -c 'echo $$ > inner; exec /bin/sleep 1000' & echo $$ > outer; wait";

#[test]
fn with_the_supervisor_goes_what_belongs_to_nobody_and_what_that_has_started() {
    let site =
        Site::with_daemons("s: {command: [sh, -c, 'setsid env -i /bin/sh hidden & exec sleep infinity']}");
    fs::write(site.join("hidden"), HIDDEN).unwrap();
    let supervisor = site.start();
    let hidden = ["outer", "inner"]
        .map(|name| until(name, || fs::read_to_string(site.join(name)).ok()?.trim().parse::<i32>().ok()));
    assert!(supervisor.stop().success());
    assert_eq!(hidden.map(lives), [false, false]);
}
