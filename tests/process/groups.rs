//! Nothing of an instance is left, whatever it does to get away.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};

use abaqis_daemons::process::{
    Cgroups, Child, Exit, Group, Output, Signal, Strangers, become_subreaper, reap_strangers, spawn,
};

use crate::kit::{command, end, until};

/// Starts a script as an instance; its first line of output says that it is set up.
/// The reader is at its end only when all who have inherited it are gone.
fn instance(name: &str, script: &str) -> (Child, BufReader<File>) {
    become_subreaper().unwrap();
    let mut command = command(&["sh", "-c", script]);
    command.env.push(("AYL_INSTANCE".into(), name.into()));
    let (child, output) = crate::kit::start(&command);
    let mut output = BufReader::new(File::from(output));
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "up\n");
    (child, output)
}

fn strangers() -> Strangers {
    // Children of a test's thread are not listed with those that come to the process.
    Strangers::look(|_| false).unwrap()
}

fn is_empty(group: &Group<'_>) -> bool {
    let looked = std::cell::OnceCell::new();
    group.is_empty(|| looked.get_or_init(strangers)).unwrap()
}

/// Kills until nothing is left, as a supervisor does.
fn kill_all(child: &Child, group: &Group<'_>) {
    until("the group is empty", || {
        // In this order: what the leader leaves comes to us when it ends.
        let ended = child.exit().unwrap().is_some();
        let strangers = strangers();
        group.kill(&strangers).unwrap();
        (ended && group.is_empty(|| &strangers).unwrap()).then_some(())
    });
}

fn is_gone(child: &Child, mut output: BufReader<File>) {
    end(child);
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
}

#[test]
fn a_signal_reaches_the_whole_process_group() {
    let (child, output) = instance("t/signal/1", "sleep 1000 & sleep 1000 & echo up; wait");
    let group = Group::new(&child, "t/signal/1", None);
    group.signal(Signal::TERM).unwrap();
    until("the leader ends", || child.exit().unwrap());
    until("it is empty", || is_empty(&group).then_some(()));
    is_gone(&child, output);
}

#[test]
fn one_that_leads_no_group_yet_is_signalled_all_the_same() {
    // A child of the standard library's stays in the group of its parent.
    let mut early = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
    let child = Child::adopt(i32::try_from(early.id()).unwrap()).unwrap();
    Group::new(&child, "t/early/1", None).signal(Signal::TERM).unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&early.wait().unwrap()), Some(libc::SIGTERM));
}

fn kill_and_reap(child: &Child) {
    child.signal(Signal::KILL).unwrap();
    end(child);
}

#[test]
fn a_number_that_another_process_has_by_now_is_not_signalled() {
    const NEXT: &str = "/proc/sys/kernel/ns_last_pid";
    // Root alone may say which number is next.
    let Ok(last) = std::fs::read_to_string(NEXT) else { return };
    if std::fs::write(NEXT, last).is_err() {
        return;
    }
    let (old, _) = crate::kit::start(&command(&["true"]));
    until("it ends", || old.exit().unwrap());
    old.reap().unwrap();
    let (new, _output) = until("another has its number", || {
        std::fs::write(NEXT, (old.pid() - 1).to_string()).unwrap();
        let (new, output) = crate::kit::start(&command(&["sleep", "1000"]));
        if new.pid() == old.pid() {
            return Some((new, output));
        }
        kill_and_reap(&new);
        None
    });
    old.signal(Signal::KILL).unwrap();
    assert_eq!(new.exit().unwrap(), None);
    kill_and_reap(&new);
}

#[test]
fn those_who_ignore_term_are_killed_with_their_helpers() {
    let (child, output) = instance(
        "t/stubborn/1",
        "trap '' TERM; (while :; do sleep 1; done) & echo up; while :; do sleep 1; done",
    );
    let group = Group::new(&child, "t/stubborn/1", None);
    group.signal(Signal::TERM).unwrap();
    assert_eq!(child.exit().unwrap(), None);
    kill_all(&child, &group);
    is_gone(&child, output);
}

#[test]
fn a_helper_that_outlives_its_leader_keeps_the_group_from_being_empty() {
    let (child, output) = instance("t/orphan/1", "sleep 1000 & echo up; exit 3");
    let exit = until("the leader ends", || child.exit().unwrap());
    assert_eq!(exit, Exit::Code(3));
    let group = Group::new(&child, "t/orphan/1", None);
    assert!(!is_empty(&group));
    kill_all(&child, &group);
    is_gone(&child, output);
}

#[test]
fn who_left_the_session_by_a_double_fork_is_found_by_the_cookie() {
    let (child, output) = instance(
        "t/escaped/1",
        "setsid sh -c 'trap \"\" TERM HUP; sleep 1000 & setsid sh -c \"sleep 1000 & sleep 1000\" & sleep 1000' &
         sleep 0.1; echo up; exit 0",
    );
    until("the leader ends", || child.exit().unwrap());
    let group = Group::new(&child, "t/escaped/1", None);
    assert!(!is_empty(&group));
    let other = Group::new(&child, "t/escaped/2", None);
    assert!(is_empty(&other), "it is not another instance's");
    kill_all(&child, &group);
    is_gone(&child, output);
}

#[test]
fn who_left_the_session_is_found_between_two_programs_as_well() {
    // It goes from program to program: there is a moment in each in which it has no environment.
    let script = "export s='exec sh -c \"$s\"'; setsid sh -c \"$s\" & echo up";
    let (child, output) = instance("t/between/1", script);
    let group = Group::new(&child, "t/between/1", None);
    until("the leader ends", || child.exit().unwrap());
    until("it has left the session", || {
        let ours = |one: &abaqis_daemons::process::Stranger| one.instance() == Some("t/between/1");
        strangers().iter().any(|one| one.session != child.pid() && ours(one)).then_some(())
    });
    for look in 0..2000 {
        assert!(!is_empty(&group), "it was missed by look {look}");
    }
    kill_all(&child, &group);
    is_gone(&child, output);
}

#[test]
fn a_crowd_that_scatters_is_gone_in_the_end() {
    let (child, output) = instance(
        "t/crowd/1",
        "for i in 1 2 3 4 5 6 7 8 9 10; do setsid sh -c 'setsid sleep 1000 & setsid sleep 1000 & sleep 1000' & done
         echo up; wait",
    );
    let group = Group::new(&child, "t/crowd/1", None);
    kill_all(&child, &group);
    is_gone(&child, output);
}

#[test]
fn strangers_that_have_ended_are_reaped_and_our_own_are_not() {
    let (child, output) =
        instance("t/zombies/1", "for i in 1 2 3; do (sleep 0.05 &) ; done; echo up; exit 7");
    is_gone_but_for_the_zombie(output);
    until("they are reaped", || {
        reap_strangers(|pid| pid == child.pid()).unwrap();
        strangers().iter().all(|stranger| stranger.group != child.pid()).then_some(())
    });
    assert_eq!(end(&child), Exit::Code(7));
}

fn is_gone_but_for_the_zombie(mut output: BufReader<File>) {
    output.read_to_string(&mut String::new()).unwrap();
}

/// A folder of the control groups in which this process may make its own.
fn cgroups() -> Option<(Cgroups, std::path::PathBuf)> {
    let place = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
        .into_iter()
        .find(|place| std::path::Path::new(place).join("cgroup.controllers").exists())?;
    let folder = std::path::Path::new(place).join(format!("abaqis-test-{}", std::process::id()));
    std::fs::create_dir(&folder).ok()?;
    Some((Cgroups::below(folder.clone()), folder))
}

#[test]
fn a_control_group_holds_all_of_an_instance() {
    let Some((groups, folder)) = cgroups() else {
        eprintln!("no control groups (version 2) that this user may make: not tested");
        return;
    };
    become_subreaper().unwrap();
    let cgroup = groups.group("t/held/1").unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    let fd = std::os::fd::AsFd::as_fd(&writer);
    // Without the cookie, in sessions of their own.
    let script = "setsid sh -c 'setsid sleep 1000 & sleep 1000' & sleep 0.1; cat /proc/self/cgroup";
    let command = command(&["sh", "-c", script]);
    let child = spawn(&command, Output { stdout: fd, stderr: fd }, Some(&cgroup)).unwrap();
    drop(writer);
    let mut output = BufReader::new(File::from(std::os::fd::OwnedFd::from(reader)));
    until("it is in its group", || {
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        line.trim_end().ends_with("/t:held:1").then_some(())
    });
    let group = Group::new(&child, "t/held/1", Some(&cgroup));
    until("the leader ends", || child.exit().unwrap());
    assert!(!is_empty(&group));
    assert!(cgroup.remove().is_err());
    kill_all(&child, &group);
    is_gone(&child, output);
    // The kernel lets go of the last one a moment after it has ended.
    until("the group is removed", || cgroup.remove().ok());
    until("the folder is removed", || std::fs::remove_dir(&folder).ok());
}
