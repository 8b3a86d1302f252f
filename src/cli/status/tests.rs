//! The table as an operator and as a program see it.

use jiff::{Timestamp, ToSpan};

use super::render;
use crate::cli::json;
use crate::cli::screen::{Screen, Size};
use crate::control::status::{InstanceStatus, State};

fn now() -> Timestamp {
    "2026-11-24T03:00:00Z".parse().unwrap()
}

fn instance(id: &str, state: State, age: i64) -> InstanceStatus {
    let instance: crate::names::InstanceId = id.parse().unwrap();
    let runs = matches!(state, State::Ready | State::Running | State::Starting | State::Stopping);
    InstanceStatus {
        application: instance.application.clone(),
        daemon: instance.daemon.clone(),
        version: Some("4.2.0".parse().unwrap()),
        tube: Some("abaqis-4.2.0".parse().unwrap()),
        state,
        pid: runs.then_some(4711),
        since: now() - age.seconds(),
        restarts: 0,
        memory: runs.then_some(71 << 20),
        command: "ayl_worker -a /var/www/abaqis/current".into(),
        last_exit: None,
        reason: None,
        status: None,
        job: None,
        job_since: None,
        instance,
    }
}

fn night() -> Vec<InstanceStatus> {
    let mut worker = instance("abaqis/worker/2", State::Ready, 192);
    worker.job = Some("81723 Resident.clear_stay(3, Stay.unscoped.find(32))".into());
    worker.job_since = Some(now() - 41.seconds());
    let mut solr = instance("abaqis/solr/1", State::Failed, 7380);
    solr.restarts = 10;
    solr.last_exit = Some("exit 127".into());
    solr.reason = Some(
        "gave up after 10 failures within 10m: /var/www/abaqis/current/bin/solr: No such file or directory \
         (os error 2)"
            .into(),
    );
    let mut waiting = [
        instance("rqi/worker/1", State::Waiting, 86_400 * 3 + 3600 * 4),
        instance("rqi/worker/2", State::Waiting, 5),
    ];
    for instance in &mut waiting {
        instance.version = None;
        instance.tube = None;
        instance.reason = Some("neither VERSION nor REVISION in /var/www/rqi/current".into());
    }
    let [one, two] = waiting;
    let mut clock = instance("rqi/clock/1", State::Backoff, 2);
    clock.restarts = 3;
    clock.last_exit = Some("SIGSEGV".into());
    vec![solr, instance("abaqis/worker/1", State::Ready, 192), worker, clock, one, two]
}

fn shown(instances: &[InstanceStatus], columns: Option<usize>, colors: bool) -> String {
    let mut bytes = Vec::new();
    let size = columns.map(|columns| Size { columns, rows: 24 });
    render::table(&mut Screen::new(&mut bytes, size, colors), instances, now()).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_terminal_of_eighty_columns_shows_what_is_wrong_and_why() {
    assert_eq!(
        shown(&night(), Some(80), false),
        "\
INSTANCE         STATE     PID  SINCE  RESTARTS  MEMORY  VERSION
abaqis/solr/1    failed      -  2h03m        10       -  4.2.0
    gave up after 10 failures within 10m: /var/www/abaqis/current/bin/solr: No
    such file or directory (os error 2)
abaqis/worker/1  ready    4711  3m12s         0     71M  4.2.0
abaqis/worker/2  ready    4711  3m12s         0     71M  4.2.0
    job 81723 Resident.clear_stay(3, Stay.unscoped.find(32)), for 41s
rqi/clock/1      backoff     -     2s         3       -  4.2.0
    last exit: SIGSEGV
rqi/worker/1     waiting     -  3d04h         0       -  -
rqi/worker/2     waiting     -     5s         0       -  -
    neither VERSION nor REVISION in /var/www/rqi/current
2 ready, 2 waiting, 1 backoff, 1 failed
"
    );
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let mut instances = night();
    instances.push(instance(
        "an-application-with-a-long-name@2026.11.24-a1b2c3d4e5f6/and-a-daemon-with-another/12",
        State::Stopping,
        1,
    ));
    instances[0].reason = Some("x".repeat(500));
    for columns in [20, 40, 60, 79, 80, 100] {
        for line in shown(&instances, Some(columns), false).lines() {
            assert!(line.chars().count() <= columns.max(50), "{columns}: {line}");
        }
    }
    for line in shown(&instances, Some(80), false).lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn a_narrow_terminal_loses_the_less_important_columns() {
    let narrow = shown(&night(), Some(50), false);
    assert!(narrow.starts_with("INSTANCE         STATE     PID  SINCE  RESTARTS\n"), "{narrow}");
}

#[test]
fn a_pipe_gets_one_line_each_with_everything_whole() {
    let mut instances = night();
    instances.truncate(2);
    instances[0].reason = Some("two\nlines".into());
    assert_eq!(
        shown(&instances, None, false),
        "\
INSTANCE         STATE    PID  SINCE                     RESTARTS    MEMORY  VERSION  TUBE          REASON
abaqis/solr/1    failed     -  2026-11-24T00:57:00.000Z        10         -  4.2.0    abaqis-4.2.0  two\\nlines
abaqis/worker/1  ready   4711  2026-11-24T02:56:48.000Z         0  74448896  4.2.0    abaqis-4.2.0  -
"
    );
}

#[test]
fn colors_follow_the_state() {
    let shown = shown(&night(), Some(80), true);
    assert!(shown.contains("\x1b[1;31mfailed\x1b[0m"), "{shown}");
    assert!(shown.contains("\x1b[32mready\x1b[0m"), "{shown}");
    assert!(shown.contains("\x1b[1;31m1 failed\x1b[0m\n"), "{shown}");
}

#[test]
fn a_long_reason_ends_with_how_much_is_missing() {
    let mut instances = vec![instance("a/b/1", State::Failed, 1)];
    instances[0].reason = Some((1..=20).map(|n| format!("line {n}")).collect::<Vec<_>>().join("\n"));
    let shown = shown(&instances, Some(80), false);
    assert!(shown.contains("    line 7\n    … 13 lines more\n1 failed\n"), "{shown}");
}

#[test]
fn json_is_an_array_with_the_documented_keys_in_their_order() {
    let mut bytes = Vec::new();
    json::array(&mut bytes, &night()).unwrap();
    let array: Vec<serde_json::Map<String, serde_json::Value>> = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(array.len(), 6);
    let keys: Vec<&str> = array[0].keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "instance",
            "application",
            "daemon",
            "version",
            "tube",
            "state",
            "pid",
            "since",
            "restarts",
            "memory",
            "command",
            "last_exit",
            "reason",
            "status",
            "job",
            "job_since"
        ]
    );
    assert_eq!(array[1]["since"], "2026-11-24T02:56:48.000Z");
    assert_eq!(array[1]["memory"], 74_448_896);
    let mut none = Vec::new();
    json::array::<InstanceStatus>(&mut none, &[]).unwrap();
    assert_eq!(none, b"[]\n");
}
