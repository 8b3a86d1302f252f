//! What the supervisor does while nothing happens: nothing.

use std::fs;
use std::time::{Duration, Instant};

use crate::support::{Site, until};

/// How often the main thread has waited for something so far.
fn waits(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap();
    line.trim().parse().unwrap()
}

#[test]
fn it_sleeps_until_something_happens() {
    let site = Site::with_daemons("s: {command: [sleep, infinity], count: 50}");
    let supervisor = site.start();
    until("all are ready", || {
        supervisor.status("a").iter().all(|status| status["state"] == "ready").then_some(())
    });
    let pid = supervisor.child.id();
    // What the start and the questions set in motion comes to rest: two seconds in which it does not
    // wake up once. With a timer that ticks there would be none.
    let mut last = (waits(pid), Instant::now());
    until("rest", || {
        let now = waits(pid);
        if now != last.0 {
            last = (now, Instant::now());
        }
        (last.1.elapsed() > Duration::from_secs(2)).then_some(())
    });
}

#[test]
fn systemd_is_told_when_it_is_ready_and_when_it_stops() {
    let site = Site::with_daemons("s: {command: [sleep, infinity]}");
    let manager = std::os::unix::net::UnixDatagram::bind(site.join("notify")).unwrap();
    manager.set_read_timeout(Some(crate::support::LONG)).unwrap();
    let mut supervisor = site.start_as(site.command("run").env("NOTIFY_SOCKET", site.join("notify")));
    let heard = || {
        let mut buffer = [0; 1024];
        let n = manager.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..n]).into_owned()
    };
    assert_eq!(heard(), "READY=1\nSTATUS=1 ready\n");
    assert_eq!(site.run(&["reload"]).0, 0);
    let mut next = heard();
    assert!(next.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{next}");
    assert_eq!(heard(), "READY=1\nSTATUS=1 ready\n");
    // What it was told is not what its daemons are.
    let pid = supervisor.pid("a/s/1");
    // The kernel shows it a moment after the program has begun.
    let environ = until("its environment", || {
        let environ = fs::read_to_string(format!("/proc/{pid}/environ")).unwrap();
        environ.contains("NOTIFY_SOCKET=").then_some(environ)
    });
    assert!(!environ.contains(site.join("notify").to_str().unwrap()), "{environ}");
    supervisor.signal(libc::SIGTERM);
    next = heard();
    assert!(next.starts_with("STOPPING=1\n"), "{next}");
    assert!(supervisor.ended().success());
}
