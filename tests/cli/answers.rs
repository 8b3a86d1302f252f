//! What each command asks, prints, and exits with.

use std::io::{Read, Write};
use std::process::Stdio;

use abaqis_daemons::control::messages::{FailureKind, Operation, Refusal, Request, Response, Verb};
use abaqis_daemons::control::status::{ChangeAction, Event, LogSource, PlannedChange, State};
use abaqis_daemons::names::Selector;

use crate::scripted::{DEADLINE, Scripted, until};

fn done() -> Response {
    Response::Done { text: None }
}

fn all() -> Selector {
    Selector::All
}

fn operation(verb: Verb, wait: bool, at_once: bool) -> Request {
    Request::Operate(Operation { verb, selector: "abaqis".parse().unwrap(), wait, at_once })
}

#[test]
fn each_command_asks_what_its_arguments_say() {
    let scripted = Scripted::new(vec![done()]);
    let one: Selector = "abaqis/worker/2".parse().unwrap();
    let events = |recent, follow| Request::Events { selector: all(), recent, follow };
    for (arguments, request) in [
        (&["status"][..], Request::Status { selector: all() }),
        (&["status", "abaqis/worker/2", "--json"], Request::Status { selector: one.clone() }),
        (&["start", "abaqis"], operation(Verb::Start, true, false)),
        (&["stop", "abaqis", "--no-wait"], operation(Verb::Stop, false, false)),
        (&["restart", "--at-once", "abaqis"], operation(Verb::Restart, true, true)),
        (
            &["signal", "abaqis/worker/2", "sigusr1"],
            Request::Signal { selector: one.clone(), signal: "USR1".parse().unwrap() },
        ),
        (&["plan"], Request::Plan),
        (&["reload"], Request::Reload),
        (&["events"], events(50, false)),
        (&["events", "-f", "-n", "3"], events(3, true)),
        (&["logs", "abaqis/worker/2"], Request::Logs { selector: one }),
    ] {
        let (code, _, stderr) = scripted.run(arguments);
        assert_eq!((code, stderr.as_str()), (0, ""), "{arguments:?}");
        assert_eq!(scripted.asked.recv_timeout(DEADLINE).unwrap(), request, "{arguments:?}");
    }
}

#[test]
fn a_failure_is_told_with_its_exit_code() {
    let failed = |kind, text: &str| Response::Failed { kind, text: text.into() };
    let refused = Response::Refused;
    for (reply, code, text) in [
        (
            failed(FailureKind::Instances, "abaqis/worker/2: exit 1"),
            1,
            "abaqis-daemons: the reload failed: abaqis/worker/2: exit 1\n",
        ),
        (
            failed(FailureKind::Instances, "abaqis/worker/1: exit 1\nabaqis/worker/2: exit 1"),
            1,
            "abaqis-daemons: the reload failed:\n    abaqis/worker/1: exit 1\n    abaqis/worker/2: exit 1\n",
        ),
        (
            failed(FailureKind::Configuration, "/etc/abaqis/daemons.yml:3:5: unknown key"),
            78,
            "/etc/abaqis/daemons.yml:3:5: unknown key\n",
        ),
        (
            refused(Refusal::Nothing { selector: all(), near: vec!["abaqis/worker".into(), "rqi".into()] }),
            66,
            "abaqis-daemons: no instance is named all; there is abaqis/worker, rqi\n",
        ),
        (refused(Refusal::Leaving), 69, "abaqis-daemons: the supervisor is shutting down\n"),
        (
            refused(Refusal::Unknown { request: "reload".into(), version: "0.0.1".into() }),
            69,
            "abaqis-daemons: the running supervisor is version 0.0.1 and does not know the request \"reload\": \
             restart it to have the installed version running\n",
        ),
        (
            refused(Refusal::Busy { connections: 64 }),
            75,
            "abaqis-daemons: the supervisor has 64 control connections open and takes no more for now\n",
        ),
    ] {
        let scripted = Scripted::new(vec![reply]);
        assert_eq!(scripted.run(&["reload"]), (code, String::new(), text.to_owned()));
    }
}

#[test]
fn what_the_supervisor_has_to_say_at_the_end_is_told() {
    let text = Some("left stopped: abaqis/solr/1".into());
    let scripted = Scripted::new(vec![Response::Done { text }]);
    let said = "abaqis-daemons: left stopped: abaqis/solr/1\n".to_owned();
    assert_eq!(scripted.run(&["restart", "all"]), (0, String::new(), said));
}

#[test]
fn what_runs_is_checked_for_monitoring() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("daemons.yml");
    let me = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap().name;
    let text =
        format!("applications: {{abaqis: {{path: /, user: {me}, daemons: {{solr: {{command: solr}}}}}}}}");
    std::fs::write(&config, text).unwrap();
    let config = config.to_str().unwrap();
    let check = |state| {
        let mut instance = crate::scripted::instance("abaqis/solr/1", state);
        instance.reason = Some("bin/solr: No such file or directory".into());
        let scripted = Scripted::new(vec![Response::Instance(Box::new(instance)), done()]);
        let (code, _, stderr) = scripted.run(&["check", "--running", "--config", config]);
        (code, stderr)
    };
    assert_eq!(check(State::Ready), (0, String::new()));
    assert_eq!(check(State::Stopped), (0, String::new()));
    let said = "abaqis/solr/1: failed: bin/solr: No such file or directory\n".to_owned();
    assert_eq!(check(State::Failed), (1, said));
}

#[test]
fn waiting_can_have_an_end() {
    let scripted = Scripted::new(Vec::new());
    let said = "abaqis-daemons: timed out waiting; the stop goes on, `abaqis-daemons status` shows it\n";
    assert_eq!(scripted.run(&["stop", "all", "--timeout", "10ms"]), (75, String::new(), said.to_owned()));
}

#[test]
fn progress_is_for_terminals_only() {
    let progress = Response::Progress { done: 1, total: 2, text: "ready".into() };
    let scripted = Scripted::new(vec![progress, done()]);
    assert_eq!(scripted.run(&["start", "all"]), (0, String::new(), String::new()));
}

#[test]
fn a_plan_is_a_table_or_json() {
    let change = |instance: &str, action, reason: &str| {
        let instance = instance.parse().unwrap();
        Response::Change(PlannedChange { instance, action, reason: reason.into() })
    };
    let scripted = Scripted::new(vec![
        change("abaqis/worker/1", ChangeAction::Untouched, "nothing changed"),
        change("abaqis/solr/1", ChangeAction::Replace, "command changed"),
        done(),
    ]);
    let (code, stdout, _) = scripted.run(&["plan"]);
    assert_eq!(code, 0);
    assert_eq!(
        stdout,
        "\
INSTANCE         ACTION     REASON
abaqis/worker/1  untouched  nothing changed
abaqis/solr/1    replace    command changed
"
    );
    let (_, stdout, _) = scripted.run(&["plan", "--json"]);
    assert_eq!(
        stdout,
        "[\n\
         {\"instance\":\"abaqis/worker/1\",\"action\":\"untouched\",\"reason\":\"nothing changed\"},\n\
         {\"instance\":\"abaqis/solr/1\",\"action\":\"replace\",\"reason\":\"command changed\"}\n\
         ]\n"
    );
}

fn event() -> Event {
    Event {
        at: "2026-11-24T03:00:00.5Z".parse().unwrap(),
        instance: Some("abaqis/worker/2".parse().unwrap()),
        from: Some(State::Ready),
        to: Some(State::Backoff),
        pid: None,
        exit: Some("SIGKILL".into()),
        reason: None,
        application: None,
        resized: None,
    }
}

#[test]
fn events_are_lines_or_json_lines() {
    let scripted = Scripted::new(vec![Response::Event(event()), Response::Event(event()), done()]);
    let line = "2026-11-24T03:00:00.500Z abaqis/worker/2 ready -> backoff (SIGKILL)\n";
    assert_eq!(scripted.run(&["events"]).1, line.repeat(2));
    let line = "{\"at\":\"2026-11-24T03:00:00.500Z\",\"instance\":\"abaqis/worker/2\",\"from\":\"ready\",\
                \"to\":\"backoff\",\"pid\":null,\"exit\":\"SIGKILL\",\"reason\":null}\n";
    assert_eq!(scripted.run(&["events", "--json"]).1, line.repeat(2));
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    let many = vec![Response::Event(event()); 5000];
    let scripted = Scripted::new(many);
    let mut child = scripted
        .command(&["events", "--follow"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn logs_in_a_file_are_read_from_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("solr.log");
    let mut file = std::fs::File::create(&path).unwrap();
    for n in 1..=200 {
        writeln!(file, "line {n}").unwrap();
    }
    let log = |number| Response::Log {
        instance: format!("abaqis/solr/{number}").parse().unwrap(),
        source: LogSource::File { path: path.clone() },
    };
    let scripted = Scripted::new(vec![log(1), log(2), done()]);
    assert_eq!(scripted.run(&["logs", "abaqis/solr", "-n", "2"]).1, "line 199\nline 200\n");
    assert_eq!(scripted.run(&["logs", "abaqis/solr"]).1.lines().count(), 100);
}

#[test]
fn logs_on_the_supervisor_s_terminal_are_handed_over_by_it() {
    let instance: abaqis_daemons::names::InstanceId = "abaqis/solr/1".parse().unwrap();
    let scripted = Scripted::new(vec![
        Response::Log { instance: instance.clone(), source: LogSource::Terminal },
        Response::Line { instance, text: "up".into() },
        done(),
    ]);
    let (_, stdout, _) = scripted.run(&["logs", "abaqis"]);
    assert_eq!(stdout, "abaqis/solr/1 up\n");
    let selector: Selector = "abaqis".parse().unwrap();
    assert_eq!(scripted.asked.recv().unwrap(), Request::Logs { selector: selector.clone() });
    assert_eq!(scripted.asked.recv().unwrap(), Request::Output { selector });
}

#[test]
fn logs_that_are_thrown_away_are_said_to_be() {
    let log = Response::Log { instance: "abaqis/solr/1".parse().unwrap(), source: LogSource::Nowhere };
    let scripted = Scripted::new(vec![log, done()]);
    let said = "abaqis-daemons: there is nothing to read: `log: null` throws it away\n".to_owned();
    assert_eq!(scripted.run(&["logs", "abaqis"]), (66, String::new(), said));
}

#[test]
fn logs_in_the_journal_are_left_to_journalctl() {
    let folder = tempfile::tempdir().unwrap();
    let journalctl = folder.path().join("journalctl");
    std::fs::write(&journalctl, "#!/bin/sh\nprintf '%s\\n' \"$@\"\n").unwrap();
    std::fs::set_permissions(&journalctl, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let log = |number| Response::Log {
        instance: format!("abaqis/worker/{number}").parse().unwrap(),
        source: LogSource::Journal { identifier: format!("abaqis/worker/{number}") },
    };
    let scripted = Scripted::new(vec![log(1), log(2), done()]);
    let output = scripted
        .command(&["logs", "abaqis", "--follow", "-n", "7"])
        .env("PATH", folder.path())
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "--lines=7\n--follow\n--identifier=abaqis/worker/1\n--identifier=abaqis/worker/2\n"
    );
    let output = scripted.command(&["logs", "abaqis"]).env("PATH", "/nonexistent").output().unwrap();
    assert_eq!(output.status.code(), Some(69));
    let said = "abaqis-daemons: cannot run journalctl: No such file or directory (os error 2)\n";
    assert_eq!(String::from_utf8(output.stderr).unwrap(), said);
}

#[test]
fn who_reads_logs_for_a_client_that_is_killed_goes_with_it() {
    let folder = tempfile::tempdir().unwrap();
    for program in ["journalctl", "tail"] {
        let (file, pid) = (folder.path().join(program), folder.path().join(format!("{program}.pid")));
        let script = format!(
            "#!/bin/sh\necho $$ > {0}.new && /bin/mv {0}.new {0}\nwhile :; do /bin/sleep 60; done\n",
            pid.display()
        );
        std::fs::write(&file, script).unwrap();
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let log = |source| Response::Log { instance: "abaqis/solr/1".parse().unwrap(), source };
    let journal = log(LogSource::Journal { identifier: "abaqis/solr/1".to_owned() });
    let scripted = Scripted::new(vec![journal, log(LogSource::File { path: "/solr.log".into() }), done()]);
    let mut client = scripted.command(&["logs", "abaqis", "-f"]).env("PATH", folder.path()).spawn().unwrap();
    let mut pids = Vec::new();
    for program in ["journalctl", "tail"] {
        let file = folder.path().join(format!("{program}.pid"));
        until("it reads", || file.exists());
        pids.push(std::fs::read_to_string(file).unwrap().trim().to_owned());
    }
    client.kill().unwrap();
    client.wait().unwrap();
    for pid in pids {
        let stat = format!("/proc/{pid}/stat");
        until("it is gone", || !std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")));
    }
}

#[test]
fn a_supervisor_that_has_no_descriptors_says_what_it_could_not_do() {
    let program = env!("CARGO_BIN_EXE_abaqis-daemons");
    let script = format!("ulimit -n 4; exec {program} run");
    let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
    let said = "abaqis-daemons: cannot start: Too many open files (os error 24)\n";
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(74), said));
}

#[test]
fn a_shell_completes_the_names_of_instances() {
    let instance = |id: &str| Response::Instance(Box::new(crate::scripted::instance(id, State::Ready)));
    let scripted = Scripted::new(vec![instance("abaqis/solr/1"), instance("abaqis/worker/1"), done()]);
    let script = "source <(abaqis-daemons completions bash)
        COMP_WORDS=(abaqis-daemons restart abaqis/w) COMP_CWORD=2 COMP_TYPE=9
        _clap_complete_abaqis_daemons abaqis-daemons abaqis/w restart
        printf '%s\\n' \"${COMPREPLY[@]}\"";
    let programs = std::path::Path::new(env!("CARGO_BIN_EXE_abaqis-daemons")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let mut bash = std::process::Command::new("bash");
    bash.args(["-c", script]).env("PATH", path).env("ABAQIS_RUNTIME_DIR", scripted.runtime.path());
    let output = bash.output().unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "abaqis/worker\nabaqis/worker/1\n",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
