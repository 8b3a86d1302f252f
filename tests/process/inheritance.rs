//! What a child really gets, reported by the child.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use abaqis_daemons::process::{Command, Exit, Identity, Limit, Resource, users};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::signal::{SigSet, Signal};
use tempfile::TempDir;

use crate::kit::{command, end, output_of, start, started};

/// A user of no other test, without a name.
const SOMEBODY: u32 = 61_001;

fn report(command: &Command) -> String {
    let (exit, text) = output_of(command);
    assert_eq!(exit, Exit::Code(0), "{text}");
    text
}

/// The lines `Name: value` of its /proc/self/status. `cat` itself is the child.
fn status_of(change: impl FnOnce(&mut Command)) -> BTreeMap<String, String> {
    let mut command = command(&["cat", "/proc/self/status"]);
    change(&mut command);
    let text = report(&command);
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
}

#[test]
fn no_signal_is_blocked_or_ignored_however_it_is_with_us() {
    // The test's own process ignores SIGPIPE, as every Rust program does.
    let mut mask = SigSet::empty();
    mask.add(Signal::SIGUSR1);
    mask.add(Signal::SIGTERM);
    mask.thread_block().unwrap();
    let status = status_of(|_| {});
    for name in ["SigBlk", "SigIgn", "SigCgt", "SigPnd", "ShdPnd"] {
        assert_eq!(status[name], "0000000000000000", "{name}");
    }
    let own = SigSet::thread_get_mask().unwrap();
    assert!(own.contains(Signal::SIGUSR1) && !own.contains(Signal::SIGUSR2), "ours is as it was");
}

#[test]
fn no_descriptor_is_inherited() {
    let leak = File::open("/dev/null").unwrap();
    fcntl(&leak, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
    let text = report(&command(&["ls", "-l", "/proc/self/fd"]));
    let open: Vec<_> = text.lines().filter_map(|line| line.split_once(" -> ")).collect();
    // The fourth is what `ls` itself reads.
    assert_eq!(open.len(), 4, "{text}");
    assert!(open[0].0.ends_with(" 0") && open[0].1 == "/dev/null", "{text}");
    assert!(open[1].1.starts_with("pipe:") && open[1].1 == open[2].1, "{text}");
    assert!(open[3].1.ends_with("/fd"), "{text}");
    drop(leak);
}

#[test]
fn descriptors_may_have_any_number_with_us() {
    // The output is our own stderr, number 2, for both.
    let stderr = std::io::stderr();
    let output = abaqis_daemons::process::Output { stdout: stderr.as_fd(), stderr: stderr.as_fd() };
    assert_eq!(stderr.as_raw_fd(), 2);
    let script = "[ $(readlink /proc/self/fd/0) = /dev/null ] && [ /proc/self/fd/1 -ef /proc/self/fd/2 ]";
    let mut child = abaqis_daemons::process::spawn(&command(&["sh", "-c", script]), output, None).unwrap();
    started(&mut child).unwrap();
    assert_eq!(end(&child), Exit::Code(0));
}

#[test]
fn it_leads_a_session_and_a_group_of_its_own() {
    let (child, output) = start(&command(&["cat", "/proc/self/stat"]));
    let mut text = String::new();
    std::io::Read::read_to_string(&mut File::from(output), &mut text).unwrap();
    end(&child);
    let fields: Vec<_> = text.rsplit_once(") ").unwrap().1.split(' ').collect();
    let pid = child.pid().to_string();
    assert_eq!(
        (fields[2], fields[3], fields[4]),
        (pid.as_str(), pid.as_str(), "0"),
        "group, session, terminal"
    );
    assert_eq!(fields[1], std::process::id().to_string(), "parent");
}

#[test]
fn directory_umask_niceness_and_environment_are_those_asked_for() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let mut command = command(&["sh", "-c", "pwd -P; umask; nice; env | sort"]);
    command.directory.clone_from(&folder);
    command.umask = 0o027;
    command.nice = Some(5);
    command.env =
        vec![("PATH".into(), "/usr/bin:/bin".into()), ("B".into(), "2=3".into()), ("A".into(), "ä".into())];
    let text = report(&command);
    let folder = folder.display();
    assert_eq!(text, format!("{folder}\n0027\n5\nA=ä\nB=2=3\nPATH=/usr/bin:/bin\nPWD={folder}\n"));
}

#[test]
fn limits_are_those_asked_for() {
    let mut command = command(&["cat", "/proc/self/limits"]);
    command.limits = vec![
        (Resource::Nofile, Limit::both(Some(77))),
        (Resource::Core, Limit { soft: Some(0), hard: Some(4096) }),
    ];
    let text = report(&command);
    let limit = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().take(2).map(str::to_owned).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(limit("Max open files"), "77 77");
    assert_eq!(limit("Max core file size"), "0 4096");
}

#[test]
fn its_user_and_all_its_groups_are_those_asked_for() {
    if users::own_uid() != 0 {
        // Not ours to give: the refusal is an error, and nothing runs as somebody else.
        let mut command = command(&["true"]);
        command.identity = Some(Arc::new(Identity { uid: SOMEBODY, gid: SOMEBODY, groups: vec![] }));
        let (mut child, _output) = start(&command);
        let error = started(&mut child).unwrap_err().to_string();
        end(&child);
        assert_eq!(
            error,
            format!("cannot run true: cannot take the groups of user {SOMEBODY}: Operation not permitted")
        );
        return;
    }
    let dumpable = nix::sys::prctl::get_dumpable().unwrap();
    for groups in [vec![SOMEBODY, 61_002, 61_003], vec![]] {
        let wanted: Vec<String> = groups.iter().map(u32::to_string).collect();
        let identity = Identity { uid: SOMEBODY, gid: 61_004, groups };
        let status = status_of(|command| command.identity = Some(Arc::new(identity)));
        assert_eq!(status["Uid"], format!("{SOMEBODY}\t").repeat(4).trim_end());
        assert_eq!(status["Gid"], "61004\t".repeat(4).trim_end());
        let mut found: Vec<_> = status["Groups"].split_whitespace().map(str::to_owned).collect();
        found.sort();
        assert_eq!(found, wanted);
        assert_eq!(status["CapEff"], "0000000000000000");
    }
    assert_eq!(nix::sys::prctl::get_dumpable().unwrap(), dumpable, "ours is as it was");
}

#[test]
fn what_the_user_may_not_enter_is_refused() {
    if users::own_uid() != 0 {
        return;
    }
    let folder = TempDir::new().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let mut command = command(&["true"]);
    command.directory = folder.path().to_owned();
    command.identity = Some(Arc::new(Identity { uid: SOMEBODY, gid: SOMEBODY, groups: vec![] }));
    let (mut child, _output) = start(&command);
    assert_eq!(
        started(&mut child).unwrap_err().to_string(),
        format!("cannot run true: cannot enter its directory {}: Permission denied", folder.path().display())
    );
    end(&child);
}

#[test]
fn a_limit_that_is_refused_is_named() {
    let mut command = command(&["true"]);
    command.limits = vec![(Resource::Nofile, Limit { soft: Some(10), hard: Some(5) })];
    let (mut child, _output) = start(&command);
    assert_eq!(
        started(&mut child).unwrap_err().to_string(),
        "cannot run true: cannot set its limit nofile: Invalid argument"
    );
    end(&child);
}

#[test]
fn our_own_score_for_the_end_of_memory_is_not_changed_by_a_child() {
    let own = || fs::read_to_string("/proc/self/oom_score_adj").unwrap();
    let before = own();
    report(&command(&["true"]));
    assert_eq!(own(), before);
}

#[test]
fn it_is_told_its_own_number_where_it_is_to_know_it() {
    let mut told = command(&["sh", "-c", "echo $WATCHDOG_PID $$"]);
    told.pid_variable = Some("WATCHDOG_PID");
    let report = report(&told);
    let (variable, own) = report.trim().split_once(' ').unwrap();
    assert_eq!(variable, own);
    assert!(own.parse::<u32>().is_ok(), "{report}");
}
