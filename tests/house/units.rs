//! The files for systemd.

use std::process::{Command, Output};

use serde_json::Value;

use crate::tree::{read, root};

/// What `systemd-analyze` says about the unit as it stands in the tree.
fn analyze(arguments: &[&str]) -> Output {
    Command::new("systemd-analyze")
        .args(arguments)
        .arg(root().join("systemd/abaqis-daemons.service"))
        .output()
        .expect("systemd-analyze, from the package systemd")
}

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

#[test]
fn the_unit_is_as_exposed_as_it_says_at_most() {
    let output = analyze(&["security", "--offline=true", "--no-pager", "--threshold=65"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", said.lines().last().unwrap_or_default());
    let unit = read(&root().join("systemd/abaqis-daemons.service"));
    assert!(unit.contains("`systemd-analyze security` says 6.5 of 10"));
}

#[test]
fn what_is_not_hardened_has_its_reason() {
    let output = analyze(&["security", "--offline=true", "--json=short"]);
    let found: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let unit = read(&root().join("systemd/abaqis-daemons.service"));
    let reasons = unit.split_once("Capabilities that stay, and why").expect("a list of reasons").1;
    let exposed = found.iter().filter(|one| one["exposure"].is_string());
    let names: Vec<&str> = exposed.map(|one| one["name"].as_str().unwrap()).collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        // `User=/DynamicUser=` is User=, `RestrictNamespaces=~ipc` is RestrictNamespaces=.
        let (directive, which) = name.split_once('=').unwrap();
        let wanted = match directive {
            "SystemCallFilter" => which.to_owned(),
            // `~CAP_SYS_(NICE|RESOURCE)`, `~CAP_AUDIT_*`: the first of them.
            "CapabilityBoundingSet" => {
                which[1..].replace('(', "").split(['|', '*', ')']).next().unwrap().to_owned()
            }
            // Its absence would be an exposure that is meant.
            "Delegate" | "RestrictAddressFamilies" => continue,
            _ => format!("{directive}="),
        };
        assert!(reasons.contains(&wanted), "{name}: no reason for {wanted}");
    }
}
