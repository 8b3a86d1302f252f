//! Edits of the configuration while it is in use.

use std::fs;

use serde_json::json;

use crate::support::{Site, last, one_application, until};

fn sleepers(count: u32) -> String {
    one_application(&format!("s: {{command: [sleep, infinity], count: {count}}}"))
}

#[test]
fn an_edit_is_applied_and_touches_nothing_else() {
    let site = Site::new(&sleepers(2));
    let supervisor = site.start();
    supervisor.wait_for("a/s/2", "ready");
    let pids = [supervisor.pid("a/s/1"), supervisor.pid("a/s/2")];
    site.configure(&sleepers(3));
    until("the third", || (supervisor.instance("a/s/3")["state"] == "ready").then_some(()));
    assert_eq!([supervisor.pid("a/s/1"), supervisor.pid("a/s/2")], pids);
}

#[test]
fn a_broken_file_over_a_good_one_changes_nothing_for_100_daemons() {
    let site = Site::new(&sleepers(100));
    let supervisor = site.start();
    until("all are ready", || supervisor.status("a").iter().all(|s| s["state"] == "ready").then_some(()));
    let pids = || supervisor.status("a").iter().map(|s| s["pid"].clone()).collect::<Vec<_>>();
    let before = pids();
    site.configure("applications: [\n");
    until("it is journaled", || site.log().contains("the configuration is not applied").then_some(()));
    let (code, _, said) = site.run(&["reload"]);
    assert_eq!(code, 78, "{said}");
    assert!(said.contains("daemons.yml:"), "{said}");
    assert_eq!(pids(), before);
}

#[test]
fn a_deploy_is_seen_and_what_waited_for_its_version_starts() {
    let site = Site::new(
        "defaults: {user: {me}}\napplications:\n  a:\n    path: {dir}/current\n    daemons:\n      s: {command: [sleep, infinity], env: {V: '{version}'}}\n",
    );
    let supervisor = site.start();
    assert_eq!(supervisor.instance("a/s/1")["state"], "waiting");
    fs::create_dir_all(site.join("releases/1")).unwrap();
    fs::write(site.join("releases/1/VERSION"), "1.0\n").unwrap();
    std::os::unix::fs::symlink("releases/1", site.join("current")).unwrap();
    assert_eq!(supervisor.wait_for("a/s/1", "ready")["version"], "1.0");
}

#[test]
fn a_file_that_is_not_watched_is_applied_by_reload() {
    let site = Site::new(&format!("watch: false\n{}", sleepers(1)));
    let supervisor = site.start();
    supervisor.wait_for("a/s/1", "ready");
    site.configure(&format!("watch: false\n{}", sleepers(2)));
    assert_eq!(last(&supervisor.ask(&json!({"request": "reload"})))["reply"], "done");
    supervisor.wait_for("a/s/2", "ready");
}

#[test]
fn a_deploy_is_seen_while_the_file_is_not_valid() {
    let site = Site::new(
        "defaults: {user: {me}}\napplications:\n  a:\n    path: {dir}/x\n    daemons:\n      s: {command: [sleep, infinity]}\n",
    );
    let supervisor = site.start();
    assert_eq!(supervisor.instance("a/s/1")["state"], "waiting");
    site.configure("applications: [\n");
    until("it is journaled", || site.log().contains("the configuration is not applied").then_some(()));
    fs::create_dir(site.join("x")).unwrap();
    supervisor.wait_for("a/s/1", "ready");
}
