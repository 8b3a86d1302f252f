//! One session over every command that is not a live picture, each with its output in
//! `golden/session/`: what is printed, what is complained of, and the exit code.

use std::fmt::Write;

use crate::beanstalkd::Beanstalkd;
use crate::tool::{Ran, golden, run, run_with};

/// A command as it was typed, with all that came of it.
fn shown(arguments: &[&str], ran: &Ran) -> String {
    let mut text = format!("$ ayl_beanstalk {}\n{}", arguments.join(" "), ran.out);
    for line in ran.err.lines() {
        let _ = writeln!(text, "! {line}");
    }
    let _ = writeln!(text, "= {}", ran.code);
    text
}

/// Without the ages, which depend on how fast the machine is.
fn timeless(text: &str) -> String {
    let mut parts = text.split("\"age\":");
    let mut timeless = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        timeless.push_str("\"age\":*");
        timeless.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    timeless
}

#[test]
fn every_command_prints_what_it_always_printed() {
    let server = Beanstalkd::start();
    let steps: &[(&str, &[&str])] = &[
        ("put_job", &["-t", "a", "put_job", "hello"]),
        ("put_ayl_job", &["-t", "a", "put_ayl_job", "Resident.census"]),
        ("put_sleep_job", &["-t", "a", "put_sleep_job"]),
        ("list_tubes", &["list_tubes"]),
        ("list_tubes_json", &["list_tubes", "--json"]),
        ("peek_job", &["peek_job", "2"]),
        ("peek_job_none", &["peek_job", "99"]),
        ("peek_ready", &["-t", "a", "peek_ready"]),
        ("peek_ready_none", &["-t", "none", "peek_ready"]),
        ("peek_delayed", &["-t", "a", "peek_delayed"]),
        ("peek_buried", &["-t", "a", "peek_buried"]),
        ("job_statistics_none", &["job_statistics", "99"]),
        ("tube_statistics_none", &["-t", "none", "tube_statistics"]),
        ("pause", &["-t", "a", "pause", "60"]),
        ("resume", &["-t", "a", "resume"]),
        ("kick", &["-t", "a", "kick", "5"]),
        ("delete", &["delete", "3"]),
        ("move_jobs", &["-t", "a", "move_jobs", "b"]),
        ("export", &["-t", "b", "export"]),
        ("eat_job", &["-t", "b", "eat_job"]),
        ("eat_job_none", &["-t", "none", "eat_job"]),
        ("eat_all_jobs_unasked", &["-t", "b", "eat_all_jobs"]),
        ("eat_all_jobs", &["-t", "b", "eat_all_jobs", "--yes"]),
        ("kill_worker", &["-t", "a", "kill_worker"]),
        ("delete_none", &["delete", "99"]),
        ("unknown", &["explode"]),
        ("bad_tube", &["-t", "a b", "peek_ready"]),
    ];
    for (name, arguments) in steps {
        golden(&format!("session/{name}"), &timeless(&shown(arguments, &run(&server, arguments))));
    }
    let import = ["-t", "c", "import"];
    let job = br#"{"id":1,"tube":"b","priority":512,"delay":0,"ttr":120,"state":"ready","body":"again"}"#;
    golden("session/import", &shown(&import, &run_with(&server, &import, job)));
    golden("session/import_bad", &shown(&import, &run_with(&server, &import, b"not JSON\n")));
}
