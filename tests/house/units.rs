//! The files for systemd.

use std::process::Command;

use crate::tree::{read, root};

#[test]
fn systemd_accepts_the_unit() {
    // `verify` looks for the program of ExecStart; here it is this test.
    let folder = tempfile::tempdir().unwrap();
    let program = std::env::current_exe().unwrap();
    let unit = read(&root().join("systemd/abaqis-daemons.service"))
        .replace("/usr/bin/abaqis-daemons", program.to_str().unwrap());
    let path = folder.path().join("abaqis-daemons.service");
    std::fs::write(&path, unit).unwrap();
    let output = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .arg(&path)
        .output()
        .expect("systemd-analyze, from the package systemd");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[test]
fn the_exit_code_of_a_bad_configuration_is_not_retried() {
    let unit = read(&root().join("systemd/abaqis-daemons.service"));
    for line in [
        "Type=notify",
        "KillMode=mixed",
        "RestartPreventExitStatus=66 78",
        "Delegate=yes",
        "OOMPolicy=continue",
    ] {
        assert!(unit.lines().any(|found| found == line), "{line}");
    }
}
