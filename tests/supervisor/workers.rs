//! Workers as the supervisor keeps them: the real queue, the real programs, real Ruby.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::beanstalkd::Beanstalkd;
use crate::support::{LONG, Site, Supervisor, kill, lives, until};

/// Notes each boot, and what jobs write.
const APPLICATION: &str = r##"
module Ledger
  def self.write(text) = File.open(File.join(__dir__, "../ledger"), "a") { |file| file.syswrite("#{text}\n") }
end
Ledger.write("boot")
"##;

/// A queue, and a site with one application `a` that has these `workers`.
fn place(workers: &str) -> (Beanstalkd, Site) {
    let queue = Beanstalkd::durable();
    let site = Site::new(&format!(
        "beanstalk: {}\ndefaults: {{user: {{me}}}}\napplications:\n  a:\n    path: {{dir}}\n    \
         version: \"1\"\n    tube: t\n    workers: {workers}\n",
        queue.address()
    ));
    fs::create_dir(site.join("config")).unwrap();
    fs::write(site.join("config/environment.rb"), APPLICATION).unwrap();
    (queue, site)
}

/// Puts a job that runs `code`.
fn put(queue: &Beanstalkd, code: &str) {
    let body = format!("{{\"type\":\"ayl\",\"failed_job_handler\":\"bury\",\"code\":\"{code}\"}}");
    let answer = queue.says(&format!("use t\r\nput 512 0 60 {}\r\n{body}\r\n", body.len()));
    assert_eq!(answer, "USING t\r\n");
}

fn until_ledger(site: &Site, line: &str, times: usize) {
    let count = || fs::read_to_string(site.join("ledger")).unwrap_or_default();
    until(&format!("{times} times {line} in the ledger"), || {
        (count().lines().filter(|&l| l == line).count() == times).then_some(())
    });
}

/// Waits until `key` of an instance's status begins with `text`.
#[track_caller]
fn until_says(supervisor: &Supervisor<'_>, key: &str, text: &str) -> Value {
    until(&format!("{key} begins with {text}"), || {
        let status = supervisor.instance("a/worker/1");
        status[key].as_str().is_some_and(|value| value.starts_with(text)).then_some(status)
    })
}

#[test]
fn workers_run_jobs_show_them_and_are_back_when_they_are_killed_or_asked_to_exit() {
    let (queue, site) = place("{count: 1, backoff: {initial: 0s}}");
    let supervisor = site.start();
    supervisor.wait_for("a/worker/1", "ready");
    put(&queue, "Ledger.write(:done); sleep 0.01 until File.exist?('gate')");
    until_ledger(&site, "done", 1);
    let status =
        until_says(&supervisor, "job", "1 Ledger.write(:done); sleep 0.01 until File.exist?('gate')");
    assert!(status["job_since"].is_string(), "{status}");
    fs::write(site.join("gate"), "").unwrap();
    until("it is done", || supervisor.instance("a/worker/1")["job"].is_null().then_some(()));

    let first = supervisor.pid("a/worker/1");
    kill(first, libc::SIGKILL);
    until("another is there", || {
        let status = supervisor.instance("a/worker/1");
        (status["state"] == "ready" && status["pid"] != first).then_some(())
    });
    put(&queue, "Ledger.write(:again)");
    until_ledger(&site, "again", 1);

    let second = supervisor.pid("a/worker/1");
    put(&queue, "Kernel.exit");
    until("another is there", || {
        let status = supervisor.instance("a/worker/1");
        (status["state"] == "ready" && status["pid"] != second).then_some(())
    });
    put(&queue, "Ledger.write(:after)");
    until_ledger(&site, "after", 1);
}

#[test]
fn whoever_follows_events_hears_of_jobs() {
    let (queue, site) = place("{count: 1}");
    let supervisor = site.start();
    supervisor.wait_for("a/worker/1", "ready");
    let mut stream = UnixStream::connect(site.join("run/control.sock")).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.write_all(b"{\"request\":\"events\",\"selector\":\"a\",\"recent\":1,\"follow\":true}\n").unwrap();
    let mut lines = BufReader::new(stream).lines();
    let mut reason = || -> String {
        let event: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        format!(
            "{} {}",
            event["instance"].as_str().unwrap_or_default(),
            event["reason"].as_str().unwrap_or_default()
        )
    };
    // The greeting, and the event that is over.
    reason();
    reason();
    put(&queue, "sleep 0.01 until File.exist?('gate')");
    assert_eq!(reason(), "a/worker/1 runs job 1: sleep 0.01 until File.exist?('gate')");
    fs::write(site.join("gate"), "").unwrap();
    assert_eq!(reason(), "a/worker/1 runs no job");
}

#[test]
fn an_application_that_does_not_boot_is_seen_in_status() {
    let (_queue, site) = place("{count: 1, start_limit: {count: 2, within: 1h}, backoff: {initial: 0s}}");
    fs::write(site.join("config/environment.rb"), "require 'no/such/library'\n").unwrap();
    let supervisor = site.start();
    supervisor.wait_for("a/worker/1", "failed");
    let text = "the application does not boot: LoadError: cannot load such file -- no/such/library";
    let status = until_says(&supervisor, "status", text);
    assert!(
        status["status"].as_str().unwrap().contains("config/environment.rb:1"),
        "with its backtrace: {status}"
    );
    let (_, shown, _) = site.run(&["status"]);
    assert!(shown.contains(text), "{shown}");
}

#[test]
fn a_queue_that_is_down_at_boot_costs_no_restart_and_is_named_in_status() {
    let (mut queue, site) = place("{count: 1, ready_timeout: 100ms}");
    queue.kill();
    let supervisor = site.start();
    let status = until_says(&supervisor, "status", "cannot reach beanstalkd");
    assert_eq!((status["state"].as_str(), status["restarts"].as_u64()), (Some("starting"), Some(0)));
    // Longer than the time that it has to be ready, which begins when the queue is there.
    let long_after = Instant::now() + Duration::from_millis(300);
    until("its time is long over", || (Instant::now() > long_after).then_some(()));
    assert_eq!(supervisor.instance("a/worker/1")["pid"], status["pid"]);
    site.configure(&fs::read_to_string(site.join("daemons.yml")).unwrap().replace("100ms", "30s"));
    queue.restart();
    let status = supervisor.wait_for("a/worker/1", "ready");
    assert_eq!(status["restarts"], 0);
}

#[test]
fn preloaded_workers_share_one_boot_and_are_back_without_another() {
    let (queue, site) = place("{count: 2, preload: true, backoff: {initial: 0s}}");
    let supervisor = site.start();
    for number in 1..=2 {
        supervisor.wait_for(&format!("a/worker/{number}"), "ready");
    }
    until_ledger(&site, "boot", 1);
    let first = supervisor.pid("a/worker/1");
    kill(first, libc::SIGKILL);
    until("another is there", || {
        let status = supervisor.instance("a/worker/1");
        (status["state"] == "ready" && status["pid"] != first).then_some(())
    });
    for _ in 0..8 {
        put(&queue, "Ledger.write(:done); sleep 0.05");
    }
    until_ledger(&site, "done", 8);
    until_ledger(&site, "boot", 1);

    // A preloader that goes takes no job with it.
    put(&queue, "Ledger.write($$); sleep 0.01 until File.exist?('gate'); Ledger.write(:survived)");
    let executor: i32 = until("the job has begun", || {
        fs::read_to_string(site.join("ledger")).unwrap().lines().find_map(|line| line.parse().ok())
    });
    let preloader = supervisor.pid("a/preloader/1");
    kill(preloader, libc::SIGKILL);
    until_ledger(&site, "boot", 2);
    assert!(lives(executor));
    fs::write(site.join("gate"), "").unwrap();
    until_ledger(&site, "survived", 1);
    assert!(supervisor.stop().success());
    assert!(!lives(executor));
}

#[test]
fn preloaded_workers_of_another_user_are_that_users_and_so_is_the_socket_between_them() {
    const NOBODY: u32 = 65534;
    assert!(
        nix::unistd::geteuid().is_root(),
        "only root has daemons of another user: this has to be run as root"
    );
    let (queue, site) = place("{count: 2, preload: true, user: nobody, backoff: {initial: 0s}}");
    fs::write(site.join("ledger"), "").unwrap();
    let open = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    open(&site.join("ledger"), 0o666);
    open(site.path(), 0o755);
    open(queue.socket().parent().unwrap(), 0o755);
    open(&queue.socket(), 0o666);
    let supervisor = site.start();
    for number in 1..=2 {
        supervisor.wait_for(&format!("a/worker/{number}"), "ready");
    }
    put(
        &queue,
        "Ledger.write([Process.ppid, Process.uid, Process.euid, Process.gid, Process.groups, ENV['HOME']].inspect)",
    );
    let (preloader, worker) = (supervisor.pid("a/preloader/1"), supervisor.pid("a/worker/1"));
    let group = nix::unistd::Group::from_name("nogroup").unwrap().unwrap().gid;
    until_ledger(&site, &format!("[{preloader}, 65534, 65534, {group}, [{group}], \"/nonexistent\"]"), 1);
    until_ledger(&site, "boot", 1);
    for pid in [preloader, worker] {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        assert!(status.contains("Uid:\t65534\t65534\t65534\t65534\n"), "{status}");
    }
    let environment = fs::read(format!("/proc/{worker}/environ")).unwrap();
    let environment = String::from_utf8(environment).unwrap();
    let socket = environment.split('\0').find_map(|entry| entry.strip_prefix("AYL_PRELOADER=")).unwrap();
    for (path, mode) in [(Path::new(socket), 0o600), (Path::new(socket).parent().unwrap(), 0o700)] {
        let found = fs::metadata(path).unwrap();
        assert_eq!((found.uid(), found.mode() & 0o777), (NOBODY, mode), "{}", path.display());
    }
    // An executor that dies is forked anew, and a preloader that dies is back as the same user.
    kill(preloader, libc::SIGKILL);
    until_ledger(&site, "boot", 2);
    kill(worker, libc::SIGKILL);
    until("another worker", || {
        let status = supervisor.instance("a/worker/1");
        (status["state"] == "ready" && status["pid"] != worker).then_some(())
    });
    assert!(supervisor.stop().success());
}

#[test]
fn a_queue_that_goes_away_costs_a_ready_worker_no_restart_and_is_named_in_status() {
    let (mut queue, site) = place("{count: 1}");
    let supervisor = site.start();
    let before = supervisor.wait_for("a/worker/1", "ready");
    queue.kill();
    let away = until_says(&supervisor, "status", "cannot reach beanstalkd");
    queue.restart();
    let after = until_says(&supervisor, "status", "waits for a job");
    for status in [away, after] {
        assert_eq!(
            (&status["state"], &status["pid"], &status["restarts"]),
            (&before["state"], &before["pid"], &before["restarts"])
        );
    }
}
