//! Tests that need a process to themselves: each starts this program again for itself.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use abaqis_daemons::process::{Identity, Limit, Resource, Signal, SpawnError, memory, spawn, users};
use nix::sys::resource::{Resource as NixResource, setrlimit};

use crate::kit::{DEADLINE, command, end, start, started};

/// Set in the process that is the test's own.
const INSIDE: &str = "ABAQIS_TEST_ALONE";

/// Users of no other test.
const CROWDED: u32 = 61_011;
const STOPPED: u32 = 61_012;

/// Whether this is the test's own process; if not, it has been started, and did well.
fn alone(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    false
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn ten_thousand_rounds_of_kill_and_start_leave_nothing_behind() {
    if !alone("alone::ten_thousand_rounds_of_kill_and_start_leave_nothing_behind") {
        return;
    }
    let command = command(&["sleep", "1000"]);
    let null = fs::File::options().write(true).open("/dev/null").unwrap();
    let fd = std::os::fd::AsFd::as_fd(&null);
    let output = abaqis_daemons::process::Output { stdout: fd, stderr: fd };
    let pid = i32::try_from(std::process::id()).unwrap();
    let mut before = (0, 0);
    for round in 0..10_000 {
        if round == 1000 {
            before = (descriptors(), memory::resident(pid).unwrap());
        }
        let mut child = spawn(&command, output, None).unwrap();
        started(&mut child).unwrap();
        child.signal(Signal::KILL).unwrap();
        end(&child);
    }
    assert_eq!(descriptors(), before.0);
    let grown = memory::resident(pid).unwrap().saturating_sub(before.1);
    assert!(grown < 512 * 1024, "{grown} bytes more");
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let children: String =
        tasks.map(|task| fs::read_to_string(task.unwrap().path().join("children")).unwrap()).collect();
    assert_eq!(children, "");
}

#[test]
fn that_no_process_can_be_made_is_an_error() {
    if std::env::var_os(INSIDE).is_none() {
        if users::own_uid() != 0 {
            assert!(!alone("alone::that_no_process_can_be_made_is_an_error"));
            return;
        }
        // For root there is no such limit. Where somebody else can reach it:
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("test");
        fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = command(&[program.to_str().unwrap(), "--exact", "--nocapture", "--test-threads=1"]);
        command.argv.push("alone::that_no_process_can_be_made_is_an_error".into());
        command.env.push((INSIDE.into(), "1".into()));
        command.identity = Some(Arc::new(Identity { uid: CROWDED, gid: CROWDED, groups: vec![] }));
        command.limits = vec![(Resource::Core, Limit::both(Some(0)))];
        let (exit, text) = crate::kit::output_of(&command);
        assert!(exit.is_success(), "{text}");
        return;
    }
    setrlimit(NixResource::RLIMIT_NPROC, 1, 1).unwrap();
    let null = fs::File::open("/dev/null").unwrap();
    let fd = std::os::fd::AsFd::as_fd(&null);
    let output = abaqis_daemons::process::Output { stdout: fd, stderr: fd };
    let before = descriptors();
    for _ in 0..100 {
        let error = spawn(&command(&["true"]), output, None).unwrap_err();
        assert!(matches!(error, SpawnError::Fork(_)), "{error}");
        assert_eq!(error.to_string(), "cannot start another process: Resource temporarily unavailable");
    }
    assert_eq!(descriptors(), before + 5, "but for /dev/null and the slots of this thread");
    // No room for a descriptor, either.
    setrlimit(NixResource::RLIMIT_NOFILE, 4, 4).unwrap();
    let error = spawn(&command(&["true"]), output, None).unwrap_err();
    assert_eq!(error.to_string(), "cannot start another process: Too many open files");
}

#[test]
fn who_stops_its_own_processes_does_not_stop_us() {
    if users::own_uid() != 0 || !alone("alone::who_stops_its_own_processes_does_not_stop_us") {
        return;
    }
    let identity = Some(Arc::new(Identity { uid: STOPPED, gid: STOPPED, groups: vec![] }));
    let mut storm = command(&["sh", "-c", "while :; do kill -STOP -1; done"]);
    storm.identity.clone_from(&identity);
    let (mut storm, _output) = start(&storm);
    started(&mut storm).unwrap();
    let mut victim = command(&["sleep", "1000"]);
    victim.identity = identity;
    let mut slow = 0;
    for _ in 0..300 {
        let began = Instant::now();
        let (child, _output) = start(&victim);
        let took = began.elapsed();
        assert!(took < Duration::from_secs(5), "{took:?}");
        slow += i32::from(took > Duration::from_millis(250));
        child.signal(Signal::KILL).unwrap();
        end(&child);
    }
    storm.signal(Signal::KILL).unwrap();
    end(&storm);
    assert!(slow < 30, "after the first time the patient way is taken: {slow} of 300 were slow");
}

#[test]
fn children_end_with_us_if_that_is_asked_for() {
    const NAME: &str = "alone::children_end_with_us_if_that_is_asked_for";
    if std::env::var_os(INSIDE).is_some() {
        let mut command = command(&["sleep", "1000"]);
        command.die_with_parent = true;
        if users::own_uid() == 0 {
            command.identity = Some(Arc::new(Identity { uid: STOPPED, gid: STOPPED, groups: vec![] }));
        }
        let stdout = io::stdout();
        let fd = std::os::fd::AsFd::as_fd(&stdout);
        let mut child =
            spawn(&command, abaqis_daemons::process::Output { stdout: fd, stderr: fd }, None).unwrap();
        started(&mut child).unwrap();
        // The end of a supervisor that was killed.
        std::process::abort();
    }
    let mut outer = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut pipe = outer.stdout.take().unwrap();
    let (sender, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _ = pipe.read_to_end(&mut Vec::new());
        sender.send(())
    });
    outer.wait().unwrap();
    // Its child had the same pipe as its stdout.
    ended.recv_timeout(DEADLINE).expect("the child ends with its parent");
}
