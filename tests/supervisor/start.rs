//! How the supervisor starts, or says why it does not.

use crate::support::{Site, lives};

const SLEEPER: &str = "s: {command: [sleep, infinity]}";

#[test]
fn the_second_is_told_who_runs_already_and_exits_73() {
    let site = Site::with_daemons(SLEEPER);
    let supervisor = site.start();
    let (code, _, said) = site.run(&["run"]);
    let run = site.join("run");
    assert_eq!(
        (code, said.as_str()),
        (
            73,
            format!(
                "abaqis-daemons: a supervisor is already running on {}: process {}\n",
                run.display(),
                supervisor.child.id()
            )
            .as_str()
        )
    );
}

#[test]
fn a_file_that_is_not_there_is_exit_66() {
    let site = Site::with_daemons(SLEEPER);
    std::fs::remove_file(site.join("daemons.yml")).unwrap();
    let (code, _, said) = site.run(&["run"]);
    let file = site.join("daemons.yml");
    assert_eq!(
        (code, said),
        (66, format!("abaqis-daemons: {}: No such file or directory\n", file.display()))
    );
}

#[test]
fn a_file_that_is_wrong_is_exit_78_with_every_error() {
    let site = Site::new("applications:\n  a:\n    pth: x\n    wrkers: 1\n");
    let (code, _, said) = site.run(&["run"]);
    assert_eq!(code, 78);
    for place in ["daemons.yml:3:5: ", "daemons.yml:4:5: "] {
        assert!(said.contains(place), "{said}");
    }
}

#[test]
fn a_stop_ends_everything_in_good_order() {
    let site = Site::with_daemons(SLEEPER);
    let supervisor = site.start();
    supervisor.wait_for("a/s/1", "ready");
    let pid = supervisor.pid("a/s/1");
    assert!(supervisor.stop().success());
    assert!(!lives(pid));
    assert!(!site.join("run/control.sock").exists());
}

#[test]
fn its_lines_say_things_once_unless_more_is_asked_for() {
    let site = Site::with_daemons(SLEEPER);
    let supervisor = site.start();
    supervisor.wait_for("a/s/1", "ready");
    assert!(supervisor.stop().success());
    let log = site.log();
    assert!(log.contains("abaqis-daemons | a/s/1 ready\n"), "{log}");
    assert!(!log.contains("instance=") && !log.contains("application="), "{log}");
    let supervisor = site.start_as(site.command("run").env("ABAQIS_LOG", "debug"));
    supervisor.wait_for("a/s/1", "ready");
    assert!(supervisor.stop().success());
    let log = site.log();
    assert!(log.contains("a/s/1 ready application=a daemon=s instance=a/s/1 version=1 "), "{log}");
}
