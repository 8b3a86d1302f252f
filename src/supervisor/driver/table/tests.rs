//! A process that nobody could wait for.

use std::fs::File;
use std::os::fd::OwnedFd;

use super::*;
use crate::config::{Daemon, Drain, Kind};
use crate::plan::{Release, Wanted, made_up};
use crate::process::{Command, Output};

fn spec() -> Arc<InstanceSpec> {
    let daemon = Daemon {
        name: "s".parse().unwrap(),
        kind: Kind::Other,
        count: 1,
        scale: None,
        process: Arc::new(made_up::process("sleep", None)),
        policy: Arc::new(made_up::policy()),
        drain: Drain::default(),
    };
    let release = Release { version: None, path: "/".into(), tube: None, beanstalk: [].into() };
    let mut wanted = Wanted::new();
    made_up::add_to(&mut wanted, "a", daemon, &Arc::new(release), None);
    wanted.into_values().next().unwrap()
}

#[tokio::test]
async fn what_cannot_be_waited_for_is_killed_and_told_of_once() {
    let null = File::options().write(true).open("/dev/null").unwrap();
    let command =
        Command { env: vec![("PATH".into(), "/usr/bin:/bin".into())], ..Command::new(["sleep", "1000"]) };
    let child =
        process::spawn(&command, Output { stdout: null.as_fd(), stderr: null.as_fd() }, None).unwrap();
    // The kernel waits for no regular file.
    let file: OwnedFd = tempfile::tempfile().unwrap().into();
    let notify = Some(NotifySocket::adopt(file, "/nowhere".into()));
    let run = Run(7);
    let mut table = Table::new().unwrap();
    let error = table.insert(run, Process { child, spec: spec(), cgroup: None, notify }).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    // It was said that it did not start: so nothing is said of its end.
    while table.get(run).is_some() {
        tokio::task::yield_now().await;
        assert_eq!(table.hear(&[token(run, Source::Exit)]), []);
    }
    assert!(table.pids.is_empty() && table.ended.is_empty());
}
