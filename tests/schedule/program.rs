//! The program `ayl_scheduler` as operators and scripts meet it.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

const TIMETABLE: &str = "\
census: {schedule: 30 2 * * *, timezone: America/Denver, code: Resident.census}
sync: {every: 6h, code: Sync.run}
old: {every: 1s, code: Old.run, enabled: false}
";

/// The exit code, standard output and standard error, in a folder with that timetable.
fn run(timetable: Option<&str>, arguments: &[&str]) -> (i32, String, String) {
    let folder = TempDir::new().unwrap();
    if let Some(text) = timetable {
        std::fs::write(folder.path().join("schedule.yml"), text).unwrap();
    }
    run_in(folder.path(), arguments)
}

fn run_in(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ayl_scheduler"));
    let output = command.args(arguments).current_dir(folder).env("NO_COLOR", "1").output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn answer(code: i32, out: &str, err: &str) -> (i32, String, String) {
    (code, out.to_owned(), err.to_owned())
}

const FALL: [&str; 6] =
    ["preview", "schedule.yml", "--from", "2026-11-01T06:00:00Z", "--to", "2026-11-01T12:30:00Z"];

#[test]
fn check_sums_up_a_good_file() {
    let said = run(Some(TIMETABLE), &["check", "schedule.yml"]);
    assert_eq!(said, answer(0, "schedule.yml: 3 entries, 1 of them not enabled\n", ""));
    let said = run(Some("a: {every: 1m, code: x}"), &["check", "schedule.yml"]);
    assert_eq!(said, answer(0, "schedule.yml: 1 entry\n", ""));
}

#[test]
fn check_ends_with_78_for_a_bad_file_and_66_for_none() {
    let said = run(Some("a: {every: 1m}"), &["check", "schedule.yml"]);
    let text = "schedule.yml:1:1: a: code, or class and method, is missing\n 1 | a: {every: 1m}\n   | ^\n";
    assert_eq!(said, answer(78, "", text));
    let said = run(None, &["check", "schedule.yml"]);
    let text = "ayl_scheduler: schedule.yml: No such file or directory (os error 2)\n";
    assert_eq!(said, answer(66, "", text));
    assert_eq!(run(None, &["check", "."]).0, 66);
    assert_eq!(run(Some(&"#".repeat((1 << 20) + 1)), &["check", "schedule.yml"]).0, 78);
}

#[test]
fn preview_shows_slots_on_the_wall_and_in_utc() {
    let table = "\
ENTRY   LOCAL                       TIMEZONE        UTC
sync    2026-11-01 06:00:00 +00:00  UTC             2026-11-01T06:00:00Z
census  2026-11-01 02:30:00 -07:00  America/Denver  2026-11-01T09:30:00Z
sync    2026-11-01 12:00:00 +00:00  UTC             2026-11-01T12:00:00Z
";
    assert_eq!(run(Some(TIMETABLE), &FALL), answer(0, table, ""));
}

#[test]
fn preview_writes_json() {
    let (code, out, err) = run(Some(TIMETABLE), &[&FALL[..], &["--json"]].concat());
    assert_eq!((code, err.as_str()), (0, ""));
    let slots: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(slots.as_array().unwrap().len(), 3);
    assert_eq!(
        slots[1],
        serde_json::json!({
            "entry": "census",
            "due": "2026-11-01T09:30:00Z",
            "local": "2026-11-01 02:30:00 -07:00",
            "timezone": "America/Denver",
        })
    );
}

#[test]
fn preview_says_when_there_is_more_or_nothing() {
    let (code, out, err) = run(Some(TIMETABLE), &[&FALL[..], &["--limit", "2"]].concat());
    assert_eq!((code, out.lines().count()), (0, 3));
    let text = "ayl_scheduler: these are the first 2, up to 2026-11-01T09:30:00Z; --limit shows more\n";
    assert_eq!(err, text);
    let nothing = "ayl_scheduler: nothing is due from 2026-11-01T06:00:00Z to 2026-11-01T12:30:00Z\n";
    assert_eq!(run(Some("{}"), &FALL), answer(0, "", nothing));
    assert_eq!(run(Some("{}"), &[&FALL[..], &["--json"]].concat()), answer(0, "[]\n", nothing));
}

#[test]
fn wrong_arguments_are_usage_errors() {
    let backwards = ["preview", "schedule.yml", "--from", "2026-11-02", "--to", "2026-11-01"];
    let text =
        "ayl_scheduler: --to (2026-11-01T00:00:00Z) has to be later than --from (2026-11-02T00:00:00Z)\n";
    assert_eq!(run(Some(TIMETABLE), &backwards), answer(64, "", text));
    assert_eq!(run(None, &["preview", "schedule.yml", "--from", "tomorrow"]).0, 64);
    assert_eq!(run(None, &["check"]).0, 64);
    assert_eq!(run(None, &[]).0, 64);
    assert_eq!(run(None, &["-a", "/"]).0, 64);
}

#[test]
fn it_has_manual_pages_and_completions() {
    let folder = TempDir::new().unwrap();
    assert_eq!(run_in(folder.path(), &["man", "--out", "."]).0, 0);
    for page in ["ayl_scheduler.1", "ayl_scheduler-check.1", "ayl_scheduler-preview.1"] {
        assert!(folder.path().join(page).is_file(), "{page}");
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(run(None, &["completions", shell]).1.contains("ayl_scheduler"), "{shell}");
    }
}
