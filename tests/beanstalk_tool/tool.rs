//! Running the tool, and comparing what it prints with files.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::beanstalkd::Beanstalkd;

/// What a run of the tool came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) code: i32,
}

/// A run that is about to be started against `server`.
pub(crate) fn command(server: &Beanstalkd, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ayl_beanstalk"));
    command.args(arguments).env("AYL_BEANSTALK", server.address().to_string());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the tool to its end.
pub(crate) fn run(server: &Beanstalkd, arguments: &[&str]) -> Ran {
    ended(&command(server, arguments).output().unwrap())
}

/// Runs the tool with something on its standard input.
pub(crate) fn run_with(server: &Beanstalkd, arguments: &[&str], input: &[u8]) -> Ran {
    let mut child = command(server, arguments).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // It may end before it has read everything.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let ran = ended(&child.wait_with_output().unwrap());
    writer.join().unwrap();
    ran
}

fn ended(output: &std::process::Output) -> Ran {
    Ran {
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
        code: output.status.code().unwrap_or(-1),
    }
}

/// Runs the tool, which is to succeed without a word on standard error; what it printed.
#[track_caller]
pub(crate) fn says(server: &Beanstalkd, arguments: &[&str]) -> String {
    let ran = run(server, arguments);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{arguments:?}: {}", ran.out);
    ran.out
}

/// A figure of a tube, 0 where the tube is not there.
pub(crate) fn figure(server: &Beanstalkd, tube: &str, key: &str) -> u64 {
    let ran = run(server, &["-t", tube, "tube_statistics", "--json"]);
    let all: serde_json::Value = serde_json::from_str(&ran.out).unwrap_or_default();
    all[key].as_u64().unwrap_or(0)
}

/// Compares with the file of that name under `golden/`; `BLESS=1` writes it instead.
#[track_caller]
pub(crate) fn golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/beanstalk_tool/golden").join(name);
    if std::env::var_os("BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        return fs::write(path, found).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap();
    assert_eq!(found, expected, "{}", path.display());
}

/// Waits until it has happened.
#[track_caller]
pub(crate) fn until(what: &str, mut happened: impl FnMut() -> bool) {
    crate::wait::until(what, || happened().then_some(()));
}
