//! `abaqis-daemons doctor` on a host with a real supervisor and a real queue.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Instant;

use crate::beanstalkd::Beanstalkd;
use crate::support::{LONG, Site};

/// A site with one application `a`, deployed in `current`, and this queue.
fn site(address: &str, daemons: &str) -> Site {
    let site = Site::new(&format!(
        "beanstalk: {address}\ndefaults: {{user: {{me}}}}\napplications:\n  a:\n    path: {{dir}}/current\n    \
         daemons:\n      {daemons}\n"
    ));
    fs::create_dir(site.join("1.0")).unwrap();
    fs::write(site.join("1.0/VERSION"), "1.0\n").unwrap();
    symlink("1.0", site.join("current")).unwrap();
    // Without a systemd of its own whatever runs on the host of the tests.
    tool(&site, "systemctl", "exit 1");
    site
}

/// A program that takes the place of another.
fn tool(site: &Site, name: &str, script: &str) {
    let folder = site.join("bin");
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join(name);
    fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
}

/// What it says: exit code, lines with the site's folder named `DIR`.
fn doctor(site: &Site, words: &[&str]) -> (i32, String, String) {
    let path = format!("{}:{}", site.join("bin").display(), std::env::var("PATH").unwrap());
    let output = site.command("doctor").args(words).env("PATH", path).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap().replace(&*site.path().to_string_lossy(), "DIR");
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// The lines that are about something in particular.
fn about(said: &str, what: &str) -> String {
    said.split_inclusive('\n').filter(|line| line.starts_with(what)).collect()
}

const SLEEPER: &str = "s: {command: [sleep, infinity]}";

#[test]
fn on_a_host_that_is_well_it_says_so_in_one_line() {
    let queue = Beanstalkd::durable();
    let site = site(&queue.address().to_string(), SLEEPER);
    let supervisor = site.start();
    supervisor.wait_for("a/s/1", "ready");
    let well = "all is well: 1 application, 1 instance, 1 queue, 1 tube\n".to_owned();
    assert_eq!(doctor(&site, &[]), (0, well, String::new()));
    assert_eq!(doctor(&site, &["--json"]), (0, "[]\n".to_owned(), String::new()));
}

#[test]
fn with_everything_down_it_says_what_is_down() {
    let site = site("unix:{dir}/no/socket", SLEEPER);
    fs::remove_file(site.join("current")).unwrap();
    assert_eq!(
        doctor(&site, &[]),
        (
            1,
            "supervisor: not running: nobody listens at DIR/run/control.sock; start it with \
             `abaqis-daemons run`, or set ABAQIS_RUNTIME_DIR to where it runs\n\
             a/s: could not be started: DIR/current: No such file or directory; \
             put it there, or mend daemons.yml\n\
             beanstalkd unix:DIR/no/socket: does not answer: No such file or directory; \
             systemctl start beanstalkd\n"
                .to_owned(),
            String::new()
        )
    );
    fs::remove_file(site.join("daemons.yml")).unwrap();
    let (code, said, _) = doctor(&site, &[]);
    assert_eq!(code, 1);
    assert_eq!(
        about(&said, "DIR"),
        "DIR/daemons.yml: No such file or directory; put it there, for root to read and nobody else to change\n"
    );
}

#[test]
fn jobs_that_nobody_takes_or_somebody_buried_are_found() {
    let mut queue = Beanstalkd::start();
    let site = site(&queue.address().to_string(), SLEEPER);
    let mut stream = UnixStream::connect(queue.socket()).unwrap();
    stream
        .write_all(
            b"use a-0.9\r\nput 1 0 9 1\r\nx\r\nuse old\r\nput 1 0 9 1\r\nx\r\nwatch old\r\nreserve\r\nbury 2 1\r\n",
        )
        .unwrap();
    let mut answers = BufReader::new(stream).lines().map(Result::unwrap);
    assert!(answers.any(|line| line == "BURIED"));
    drop(answers);
    let (code, said, _) = doctor(&site, &[]);
    assert_eq!(code, 1);
    let tool = format!("ayl_beanstalk --host unix:{}", queue.socket().display());
    assert_eq!(
        about(&said, "tube a-0.9"),
        format!(
            "tube a-0.9: 1 job and no worker: version 0.9 of a is not current; \
             deploy it again, or {tool} -t a-0.9 move_jobs a-1.0\n"
        )
    );
    let buried = about(&said, "tube old");
    assert!(buried.starts_with("tube old: 1 buried job, the oldest "), "{said}");
    assert!(about(&said, "beanstalkd").contains("without a binlog"), "{said}");
    let (_, json, _) = doctor(&site, &["--json"]);
    let found: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
    let checks: Vec<&str> = found.iter().map(|finding| finding["check"].as_str().unwrap()).collect();
    assert_eq!(checks, ["supervisor", "binlog", "unwatched", "buried"]);
    queue.drain();
    assert!(about(&doctor(&site, &[]).1, "beanstalkd").contains("draining"));
    queue.kill();
    let (_, said, _) = doctor(&site, &["--beanstalk", &queue.address().to_string()]);
    assert!(about(&said, "beanstalkd").contains("does not answer: Connection refused"), "{said}");
}

#[test]
fn daemons_that_do_not_run_and_a_deploy_that_was_not_seen_are_found() {
    let queue = Beanstalkd::durable();
    let site = site(
        &queue.address().to_string(),
        "s: {command: [sleep, infinity]}\n      \
         f: {command: [\"false\"], start_limit: {count: 1, within: 1h}}\n      \
         w: {command: [sleep, infinity], env_file: \"{path}/no.env\"}",
    );
    let config = fs::read_to_string(site.join("daemons.yml")).unwrap();
    site.configure(&format!("watch: false\n{config}"));
    let supervisor = site.start();
    supervisor.wait_for("a/s/1", "ready");
    supervisor.wait_for("a/f/1", "failed");
    supervisor.wait_for("a/w/1", "waiting");
    fs::write(site.join("1.0/VERSION"), "1.1\n").unwrap();
    fs::set_permissions(site.join("1.0"), fs::Permissions::from_mode(0o777)).unwrap();
    let (code, said, _) = doctor(&site, &[]);
    assert_eq!(code, 1);
    let places: Vec<&str> = said.lines().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(places, ["a/f/1", "a/w/1", "a", "DIR/1.0"], "{said}");
    assert_eq!(about(&said, "a: "), "a: 1.0 runs, 1.1 is on the disk; abaqis-daemons reload\n");
}

#[test]
fn nothing_that_hangs_makes_it_hang() {
    let site = site("unix:{dir}/queue", SLEEPER);
    fs::create_dir(site.join("run")).unwrap();
    // They take connections, and say nothing.
    let _queue = UnixListener::bind(site.join("queue")).unwrap();
    let _supervisor = UnixListener::bind(site.join("run/control.sock")).unwrap();
    tool(&site, "systemctl", "exec sleep 1000");
    let begun = Instant::now();
    let (code, said, _) = doctor(&site, &[]);
    assert_eq!(code, 1);
    assert!(begun.elapsed() < LONG, "{:?}", begun.elapsed());
    let what: Vec<&str> = said.lines().map(|line| line.split("; ").next().unwrap()).collect();
    assert_eq!(
        what,
        [
            "supervisor: DIR/run/control.sock: the supervisor did not answer within 5 s",
            "beanstalkd unix:DIR/queue: does not answer: lost the connection to beanstalkd at \
             unix:DIR/queue during `stats`: no reply within 3 s",
            "systemctl: does not answer",
        ]
    );
}

#[test]
fn what_systemd_and_the_journal_say_is_told() {
    let queue = Beanstalkd::durable();
    let site = site(&queue.address().to_string(), SLEEPER);
    let supervisor = site.start();
    supervisor.wait_for("a/s/1", "ready");
    let units = "Id=abaqis-daemons.service\nLoadState=loaded\nActiveState=active\nUnitFileState=disabled\n\
                 NeedDaemonReload=yes\n";
    fs::write(site.join("units"), units).unwrap();
    let denied = "audit: avc:  denied  { read } for  pid=1 comm=\"ayl_worker\" name=\"x\"\n";
    fs::write(site.join("journal"), denied).unwrap();
    let print = |name: &str| format!("cat {}", Path::new(&site.join(name)).display());
    tool(&site, "systemctl", &print("units"));
    tool(&site, "journalctl", &print("journal"));
    let (code, said, _) = doctor(&site, &[]);
    assert_eq!(code, 1);
    assert_eq!(
        said,
        format!(
            "abaqis-daemons.service: it is disabled: it would not be there after a reboot; \
             systemctl enable abaqis-daemons.service\n\
             abaqis-daemons.service: its files have changed since systemd read them; systemctl daemon-reload\n\
             SELinux: denied since the boot: {}; ausearch -m avc -ts boot | audit2why\n",
            denied.trim_end()
        )
    );
}
