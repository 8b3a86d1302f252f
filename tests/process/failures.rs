//! Programs that cannot be run, and what is said about them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use abaqis_daemons::process::{Exit, SpawnError};
use tempfile::TempDir;

use crate::kit::{command, end, output_of, start, started};

fn why(argv: &[&str], directory: &Path) -> String {
    let mut command = command(argv);
    command.directory = directory.into();
    let (mut child, _output) = start(&command);
    let error = started(&mut child).unwrap_err();
    assert_eq!(end(&child), Exit::Code(127));
    error.to_string()
}

fn file(folder: &TempDir, name: &str, mode: u32, text: &str) -> String {
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_program_runs() {
    assert_eq!(output_of(&command(&["echo", "hello"])), (Exit::Code(0), "hello\n".to_owned()));
}

#[test]
fn what_cannot_be_run_says_why() {
    let folder = TempDir::new().unwrap();
    let root = Path::new("/");
    assert_eq!(why(&["/no/such"], root), "cannot run /no/such: No such file or directory");
    assert_eq!(why(&["/usr"], root), "cannot run /usr: Permission denied (it is a directory)");
    let plain = file(&folder, "plain", 0o644, "#!/bin/sh\n");
    assert_eq!(why(&[&plain], root), format!("cannot run {plain}: Permission denied (it is not executable)"));
    let lost = file(&folder, "lost", 0o755, "#!/no/such/ruby -w\n");
    assert_eq!(
        why(&[&lost], root),
        format!(
            "cannot run {lost}: No such file or directory (it is there, but the interpreter in its first line, \
             /no/such/ruby, is not)"
        )
    );
    let bare = file(&folder, "bare", 0o755, "echo hello\n");
    assert_eq!(
        why(&[&bare], root),
        format!(
            "cannot run {bare}: Exec format error (it is no program for this machine, and its first line has no #!)"
        )
    );
    assert_eq!(
        why(&["no-such-program"], root),
        "cannot run no-such-program: it is in no directory of its PATH (/usr/bin:/bin)"
    );
    let gone = folder.path().join("gone");
    assert_eq!(
        why(&["true"], &gone),
        format!("cannot run true: cannot enter its directory {}: No such file or directory", gone.display())
    );
    // A relative program is relative to its directory.
    assert_eq!(
        why(&["./plain"], folder.path()),
        format!("cannot run {}/./plain: Permission denied (it is not executable)", folder.path().display())
    );
}

#[test]
fn what_cannot_be_handed_over_is_not_started() {
    let (_, writer) = std::io::pipe().unwrap();
    let output = abaqis_daemons::process::Output {
        stdout: std::os::fd::AsFd::as_fd(&writer),
        stderr: std::os::fd::AsFd::as_fd(&writer),
    };
    let refused = |argv: &[&str]| -> SpawnError {
        abaqis_daemons::process::spawn(&command(argv), output, None).unwrap_err()
    };
    assert_eq!(refused(&[]).to_string(), "cannot run anything: the command is empty");
    assert_eq!(refused(&["echo", "a\0b"]).to_string(), "cannot run echo: argument 1 has a NUL byte in it");
}
