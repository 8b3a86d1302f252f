//! Files that do not answer: nothing but what needs them waits.

use std::fs;
use std::process::Stdio;

use crate::hung::Hung;
use crate::scarce::is_back_soon;
use crate::support::{Site, until};

/// Applications `a`, with these daemons, and `b`, whose folder is to hang.
fn two(daemons: &str) -> String {
    let application = |name: &str, path: &str, daemons: &str| {
        format!("  {name}:\n    path: {path}\n    version: \"1\"\n    daemons: {daemons}\n")
    };
    let a = application("a", "{dir}", daemons);
    let b = application("b", "{dir}/b", "{s: {command: [sleep, infinity]}}");
    format!("defaults: {{user: {{me}}, backoff: {{initial: 0s}}}}\napplications:\n{a}{b}")
}

const ONE: &str = "{s: {command: [sleep, infinity]}}";
const ANOTHER: &str = "{s: {command: [sleep, infinity]}, t: {command: [sleep, infinity]}}";

#[test]
fn a_program_that_cannot_be_looked_at_holds_up_nobody() {
    let site = Site::with_daemons(
        "s: {command: [sleep, infinity], backoff: {initial: 0s}}\n\
         h: {command: ['{dir}/hung/program'], stop_timeout: 1s}",
    );
    fs::create_dir(site.join("hung")).unwrap();
    let Some(_hung) = Hung::over(&site.join("hung")) else { return };
    let supervisor = site.start();
    is_back_soon(&supervisor, "a/s/1");
    assert!(supervisor.stop().success());
}

#[test]
fn what_does_not_answer_is_left_as_it_was_and_all_else_goes_on() {
    let site = Site::new(&two(ONE));
    let b = site.join("b");
    fs::create_dir(&b).unwrap();
    let supervisor = site.start();
    supervisor.wait_for("a/s/1", "ready");
    let pid = supervisor.wait_for("b/s/1", "ready")["pid"].clone();
    let Some(hung) = Hung::over(&b) else { return };
    // An edit, which is read at once; and somebody who wants it applied.
    site.configure(&two(ANOTHER));
    let reload = site.command("reload").stderr(Stdio::piped()).spawn().unwrap();
    is_back_soon(&supervisor, "a/s/1");
    let output = reload.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let left = format!("{} does not answer: what is known of it is left as it was", b.display());
    assert!(output.status.code() == Some(1) && said.contains(&left), "{said}");
    supervisor.wait_for("a/t/1", "ready");
    assert_eq!(supervisor.instance("b/s/1")["pid"], pid);
    assert!(site.log().contains(&left), "{}", site.log());
    let (code, _, said) = site.run(&["upgrade"]);
    assert!(code == 1 && said.contains("does not answer, and a thread waits for it"), "{said}");
    // The next is not kept waiting by it.
    site.configure(&two(ONE));
    until("t has gone", || supervisor.status("a/t").is_empty().then_some(()));
    drop(hung);
    let back = format!("{} answers again", b.display());
    until("it is seen to answer", || site.log().contains(&back).then_some(()));
    assert_eq!(site.run(&["reload"]).0, 0);
    assert_eq!(supervisor.instance("b/s/1")["pid"], pid);
    assert!(supervisor.stop().success());
}

#[test]
fn a_stop_waits_for_no_reading() {
    let site = Site::new(&two(ONE));
    fs::create_dir(site.join("b")).unwrap();
    let mut supervisor = site.start();
    supervisor.wait_for("b/s/1", "ready");
    let Some(_hung) = Hung::over(&site.join("b")) else { return };
    let reload = site.command("reload").stderr(Stdio::piped()).spawn().unwrap();
    until("it is asked for", || site.log().contains("reload, as user").then_some(()));
    // What an operator stops is stopped at once.
    assert_eq!(site.run(&["stop", "a"]).0, 0);
    supervisor.signal(libc::SIGTERM);
    assert!(supervisor.ended().success());
    let said = String::from_utf8(reload.wait_with_output().unwrap().stderr).unwrap();
    assert!(said.contains("shutting down"), "{said}");
}

#[test]
fn a_supervisor_that_waits_for_its_configuration_can_be_stopped() {
    let site = Site::new(&two(ONE));
    fs::create_dir(site.join("etc")).unwrap();
    fs::rename(site.join("daemons.yml"), site.join("etc/daemons.yml")).unwrap();
    let Some(_hung) = Hung::over(&site.join("etc")) else { return };
    let mut command = site.command("run");
    let mut child = command.env("ABAQIS_CONFIG", site.join("etc/daemons.yml")).spawn().unwrap();
    until("it reads", || {
        let mut tasks = fs::read_dir(format!("/proc/{}/task", child.id())).ok()?.flatten();
        let reads = |task: &fs::DirEntry| {
            fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name == "reading\n")
        };
        tasks.find(reads).map(drop)
    });
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(child.id().cast_signed()),
        nix::sys::signal::Signal::SIGTERM,
    )
    .unwrap();
    let status = until("its end", || child.try_wait().unwrap());
    assert!(status.success(), "{status}");
}
