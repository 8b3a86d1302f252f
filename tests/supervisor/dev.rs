//! `dev`, from start to no trace.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use serde_json::json;

use crate::support::{Site, last, processes_with};

#[test]
fn it_brings_a_queue_of_its_own_and_leaves_nothing_behind() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        let site = Site::new(
            "applications:\n  a:\n    path: {dir}\n    version: \"1\"\n    daemons:\n      s: {command: [sh, -c, 'echo at $AYL_BEANSTALK; exec sleep infinity'], user: {me}, env: {SITE: '{path}'}}\n",
        );
        let mut supervisor = site.start_as(&mut site.command("dev"));
        supervisor.wait_for("a/s/1", "ready");
        crate::support::until("its output", || site.log().contains("at 127.0.0.1:").then_some(()));
        assert_eq!(fs::metadata(site.join("run")).unwrap().permissions().mode() & 0o7777, 0o700);
        let log = site.log();
        let address = log.split("at ").find(|text| text.starts_with("127.0.0.1:")).unwrap();
        let address = address.split_whitespace().next().unwrap();
        assert!(std::net::TcpStream::connect(address).is_ok(), "{address}");
        assert_eq!(last(&supervisor.ask(&json!({"request": "status", "selector": "a"})))["reply"], "done");
        supervisor.signal(signal);
        assert!(supervisor.ended().success());
        assert!(!site.log().contains("beanstalkd"), "it ends last, and by itself:\n{}", site.log());
        assert!(std::net::TcpStream::connect(address).is_err(), "{address}");
        assert!(!site.join("run").exists());
        let mark = site.path().canonicalize().unwrap();
        assert_eq!(processes_with("SITE", mark.to_str().unwrap()), Vec::<i32>::new());
    }
}

/// `dev` with no runtime directory named: exit code and what it says.
fn dev_in_tmp(site: &Site) -> (i32, String) {
    let mut command = site.command("dev");
    command.env_remove("ABAQIS_RUNTIME_DIR").env_remove("XDG_RUNTIME_DIR").env("TMPDIR", site.path());
    let output = command.output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_directory_that_another_has_put_where_its_own_would_be_is_not_used() {
    let site = Site::with_daemons("s: {command: [sleep, infinity]}");
    let uid = nix::unistd::geteuid();
    let own = site.join(&format!("abaqis-dev-{uid}"));
    let refused = |mode: &str| {
        let said = format!(
            "abaqis-daemons: the runtime directory {} belongs to user {uid} with mode {mode}: it has to be a directory \
             of user {uid} that nobody else can write to; remove it, or set ABAQIS_RUNTIME_DIR\n",
            own.display()
        );
        (73, said)
    };
    fs::create_dir(&own).unwrap();
    fs::set_permissions(&own, Permissions::from_mode(0o777)).unwrap();
    assert_eq!(dev_in_tmp(&site), refused("777"));
    // Nothing was put there.
    fs::remove_dir(&own).unwrap();
    let elsewhere = site.join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, &own).unwrap();
    assert_eq!(dev_in_tmp(&site), refused("777"));
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
}

#[test]
fn without_beanstalkd_it_says_how_to_get_it() {
    let site = Site::with_daemons("s: {command: [sleep, infinity]}");
    // Of this process and its children alone: something that is no program in its place.
    let script = "for p in /usr/bin /usr/sbin /usr/local/bin; do \
                  test ! -e $p/beanstalkd || mount --bind /dev/null $p/beanstalkd || exit 99; done; \
                  PATH=/nowhere exec \"$0\" dev";
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", script, env!("CARGO_BIN_EXE_abaqis-daemons")]);
    command.env("ABAQIS_CONFIG", site.join("daemons.yml")).env("ABAQIS_RUNTIME_DIR", site.join("run"));
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    if output.status.code() == Some(99) || said.starts_with("unshare: ") {
        eprintln!("beanstalkd cannot be hidden here: not tested: {said}");
        return;
    }
    assert_eq!(
        (output.status.code(), said.as_str()),
        (
            Some(69),
            "abaqis-daemons: beanstalkd is not installed: apt-get install beanstalkd (Debian, Ubuntu) or dnf install \
             beanstalkd (Fedora; Enterprise Linux with EPEL)\n"
        )
    );
    assert!(!site.join("run").exists());
}
