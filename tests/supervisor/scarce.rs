//! What there is too little of: processes, room on the disk, time to keep up with output.

use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Site, Supervisor, kill, last, until};

/// How soon what was killed has to be back: no measure of speed, but of not having waited.
const SOON: Duration = Duration::from_secs(2);

/// `nobody` and `nogroup`, whose processes are counted.
const NOBODY: u32 = 65534;

/// Kills an instance, and waits until another process is ready in its place.
#[track_caller]
pub(crate) fn is_back_soon(supervisor: &Supervisor<'_>, id: &str) {
    supervisor.wait_for(id, "ready");
    let pid = supervisor.pid(id);
    let begin = Instant::now();
    kill(pid, libc::SIGKILL);
    until("its successor", || {
        let status = supervisor.instance(id);
        (status["state"] == "ready" && status["pid"] != pid).then_some(())
    });
    let took = begin.elapsed();
    assert!(took < SOON, "{took:?}");
}

/// The supervisor by way of a script, with what the script needs as `$1`.
fn through(site: &Site, program: &[&str], script: &str) -> Command {
    let mut command = Command::new(program[0]);
    command
        .args(&program[1..])
        .args(["sh", "-c", script, env!("CARGO_BIN_EXE_abaqis-daemons")])
        .arg(site.path());
    command.env("ABAQIS_CONFIG", site.join("daemons.yml")).env("ABAQIS_RUNTIME_DIR", site.join("run"));
    command.env_remove("NOTIFY_SOCKET").env_remove("JOURNAL_STREAM");
    command
}

/// Whether this may mount and become another user, as root may outside of most containers.
fn only_as_root() -> bool {
    let unshared = Command::new("unshare").args(["-m", "true"]).output();
    let root = nix::unistd::geteuid().is_root() && unshared.is_ok_and(|output| output.status.success());
    if !root {
        eprintln!("only root can bring this about: not tested");
    }
    root
}

#[test]
fn without_processes_it_says_why_and_tries_again() {
    if !only_as_root() {
        return;
    }
    let site = Site::new(
        "applications:\n  a:\n    path: {dir}\n    version: \"1\"\n    daemons:\n      s: {command: [sleep, infinity], count: 40, start_limit: {count: 1000, within: 1m}, backoff: {max: 300ms}}\n",
    );
    chown(site.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    // The program lies where nobody may not look; once it is open that is no matter.
    let script = "exec 9< \"$0\"; exec prlimit --nproc=20:4096 setpriv --reuid 65534 --regid 65534 --clear-groups /proc/self/fd/9 run";
    let supervisor = site.start_as(&mut through(&site, &["env"], script));
    let failed = until("the reason", || {
        let failed = supervisor.status("a/s").into_iter().find(|status| status["state"] == "backoff")?;
        (failed["restarts"].as_u64() > Some(0)).then_some(failed)
    });
    let reason = failed["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("cannot start another process: Resource temporarily unavailable, again in "),
        "{reason}"
    );
    // Its own user may do so, up to the hard limit.
    let nobody = ["--reuid", "65534", "--regid", "65534", "--clear-groups"];
    let raise = ["prlimit", "--nproc=4096:4096", "--pid", &supervisor.child.id().to_string()];
    assert!(Command::new("setpriv").args(nobody).args(raise).status().unwrap().success());
    until("all are ready", || {
        supervisor.status("a/s").iter().all(|status| status["state"] == "ready").then_some(())
    });
    assert!(supervisor.stop().success());
}

#[test]
fn on_a_full_disk_everything_is_started_and_stopped_all_the_same() {
    if !only_as_root() {
        return;
    }
    let site = Site::with_daemons(
        "s: {command: [sleep, infinity], backoff: {initial: 0s}}\n\
         fill: {command: [sh, -c, 'yes | head -c 1000000; exec sleep infinity'], log: {file: '{path}/full/log'}, backoff: {initial: 0s}}",
    );
    fs::create_dir(site.join("full")).unwrap();
    // For the supervisor and its daemons alone.
    let script = "mount -t tmpfs -o size=64k,mode=755 tmpfs \"$1/full\" && exec \"$0\" run";
    let supervisor = site.start_as(&mut through(&site, &["unshare", "-m"], script));
    until("the disk is full", || {
        site.log().contains("full/log: No space left on device (os error 28)").then_some(())
    });
    is_back_soon(&supervisor, "a/s/1");
    is_back_soon(&supervisor, "a/fill/1");
    // What operators say is to be written there as well.
    symlink("../full/words", site.join("run/words.new")).unwrap();
    let stop =
        json!({"request": "operate", "verb": "stop", "selector": "a/s", "wait": true, "at_once": false});
    assert_eq!(last(&supervisor.ask(&stop))["reply"], "done");
    assert_eq!(supervisor.instance("a/s/1")["state"], "stopped");
    until("it is said", || {
        site.log()
            .contains("cannot remember what operators have stopped: No space left on device (os error 28)")
            .then_some(())
    });
    assert!(supervisor.stop().success());
}

#[test]
fn one_that_floods_its_log_delays_no_other() {
    let site = Site::with_daemons(
        "s: {command: [sleep, infinity], backoff: {initial: 0s}}\n\
         flood: {command: [sh, -c, 'yes a line of the usual length, as daemons write them | head -c 200000000; echo > done; exec sleep infinity'], log: {file: '{path}/log.d/flood', max_size: 1MiB, keep: 1}}",
    );
    fs::create_dir(site.join("log.d")).unwrap();
    let supervisor = site.start();
    until("the flood", || site.join("log.d/flood.1").exists().then_some(()));
    for _ in 0..3 {
        is_back_soon(&supervisor, "a/s/1");
    }
    until("its end", || site.join("done").exists().then_some(()));
    is_back_soon(&supervisor, "a/s/1");
    assert!(supervisor.stop().success());
}

#[test]
fn the_last_words_of_who_is_stopped_are_in_its_log() {
    let site = Site::with_daemons(
        "s: {command: [sh, -c, \"trap 'seq 30000; exit' TERM; echo up; while :; do sleep 0.01; done\"], log: {file: '{path}/log.d/words'}}",
    );
    fs::create_dir(site.join("log.d")).unwrap();
    let words = || fs::read_to_string(site.join("log.d/words")).unwrap_or_default();
    let supervisor = site.start();
    until("it has begun", || (words() == "up\n").then_some(()));
    assert!(supervisor.stop().success());
    assert_eq!(words().lines().last(), Some("30000"));
    assert_eq!(words().lines().filter(|line| line.parse::<u32>().is_ok()).count(), 30_000);
}
