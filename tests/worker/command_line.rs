//! The flags of the old worker, and what is said of wrong ones.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use crate::scene::Scene;

fn said(arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ayl_worker"));
    let output = command.args(arguments).env_remove("AYL_SIGNING_KEYS").output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn an_application_path_is_needed() {
    assert_eq!(said(&[]), (Some(64), "Must specify an application path\n".into()));
    let missing = "ayl_worker: the application's folder /no/such/folder is not there\n";
    assert_eq!(said(&["-a", "/no/such/folder"]), (Some(66), missing.into()));
}

#[test]
fn a_path_that_no_frame_can_carry_is_a_usage_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(OsStr::from_bytes(b"caf\xe9"));
    std::fs::create_dir(&path).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_ayl_worker")).arg("-a").arg(&path).output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, format!("ayl_worker: {}: the path of an application has to be UTF-8\n", path.display()));
}

#[test]
fn wrong_flags_are_usage_errors() {
    assert_eq!(said(&["--no-such-flag"]).0, Some(64));
    assert_eq!(said(&["-a", "/", "-t", "a b"]).0, Some(64));
    assert_eq!(said(&["-a", "/", "--max-age", "5"]).0, Some(64));
    let exec = "ayl_worker: --runtime exec needs a command: ayl_worker … -- COMMAND\n";
    assert_eq!(said(&["-a", "/", "--runtime", "exec"]), (Some(64), exec.into()));
    let keys = "ayl_worker: --signing needs the application's keys: --signing-keys FILE\n";
    assert_eq!(said(&["-a", "/", "--signing", "require"]), (Some(64), keys.into()));
}

#[test]
fn the_process_number_is_written_where_the_old_worker_wrote_it() {
    let scene = Scene::new();
    let path = scene.path("worker.pid");
    let mut worker = scene.spawn(scene.command().arg("-p").arg(&path));
    crate::scene::until("the number is there", || {
        std::fs::read_to_string(&path).is_ok_and(|text| text == format!("{}\n", worker.pid()))
    });
    worker.signal("TERM");
    worker.ended();
    assert!(!path.exists());
}
