//! The words operators have known for years, and the very lines they get. The files under
//! `golden/` were compared with what the tool in Ruby printed on the same queue.

use crate::beanstalkd::Beanstalkd;
use crate::tool::{figure, golden, run, says};

/// Values that differ from host to host and from run to run.
fn masked(text: &str) -> String {
    const VARY: [&str; 9] = [
        "cmd_stats ",
        "hostname ",
        "id ",
        "max_job_size ",
        "os ",
        "pid ",
        "platform ",
        "uptime ",
        "version ",
    ];
    let mask = |line: &str| {
        let varies = VARY.iter().any(|key| line.starts_with(key));
        line.split_once("=> ").filter(|_| varies).map_or(line.to_owned(), |(key, _)| format!("{key}=> *"))
    };
    text.lines().map(|line| mask(line) + "\n").collect()
}

#[test]
fn the_statistics_are_sorted_and_aligned_and_the_default() {
    let server = Beanstalkd::start();
    golden("statistics", &masked(&says(&server, &["statistics"])));
    let out = says(&server, &[]);
    assert!(out.starts_with("Overall Statistics\n------------------\nbinlog_current_index "), "{out}");
    assert!(out.contains(&format!("{:<25} => {:>13}\n", "max_job_size", 65535)), "{out}");
    assert!(out.lines().any(|line| line.starts_with("hostname                  => ")), "{out}");
}

#[test]
fn a_tube_s_statistics_begin_with_its_name_and_end_in_words() {
    let server = Beanstalkd::start();
    for tube in ["1.10", "2026-11-24", "007", "true"] {
        says(&server, &["-t", tube, "put_job", "x"]);
        let out = says(&server, &["-t", tube, "tube_statistics"]);
        assert!(out.contains(&format!("{:<25} => {tube:<13}\n", "name")), "{out}");
        golden("tube_statistics", &out.replace(&format!("{tube:<13}"), "TUBE").replace(tube, "TUBE"));
    }
    let none = run(&server, &["-t", "none", "tube_statistics"]);
    assert_eq!((none.code, none.out.as_str()), (1, ""));
    assert_eq!(none.err, "ayl_beanstalk: there is no tube none\n");
}

#[test]
fn a_job_s_statistics() {
    let server = Beanstalkd::start();
    says(&server, &["-t", "1.10", "put_job", "x"]);
    golden("job_statistics", &says(&server, &["job_statistics", "1"]).replace(" 1.10 ", " TUBE "));
    let none = run(&server, &["job_statistics", "99"]);
    assert_eq!((none.out.as_str(), none.code), ("Unable to find job with id: 99\n", 1));
}

#[test]
fn every_tube_has_a_line() {
    let server = Beanstalkd::start();
    says(&server, &["-t", "1.10", "put_job", "x"]);
    assert_eq!(says(&server, &["list_tubes"]), " - default\n - 1.10\n");
}

#[test]
fn a_job_is_put_and_looked_at() {
    let server = Beanstalkd::start();
    let put = says(&server, &["-t", "a", "put_job", "hello, wörld"]);
    assert_eq!(put, "Putting (hello, wörld) on tube: a\nJob was put\n");
    let put = says(&server, &["-t", "a", "put_ayl_job", r#"Foo.bar("ü/")"#]);
    assert_eq!(put, "Putting (Foo.bar(\"ü/\")) on tube: a\nJob was put\n");
    assert_eq!(says(&server, &["-t", "a", "peek_ready"]), "Job: 1: hello, wörld\n");
    let message = r#"Job: 2: {"type":"ayl","code":"Foo.bar(\"ü/\")"}"#;
    assert_eq!(says(&server, &["peek_job", "2"]), format!("{message}\n"));
    let sleep = says(&server, &["-t", "b", "put_sleep_job"]);
    assert_eq!(sleep, "Putting job on tube 'b' that will sleep for 20 seconds.\n");
    let sleep = r#"Job: 3: {"type":"ayl","code":"Kernel.sleep(20)"}"#;
    assert_eq!(says(&server, &["-t", "b", "peek_ready"]), format!("{sleep}\n"));
    for word in ["peek_delayed", "peek_buried"] {
        assert_eq!(says(&server, &["-t", "a", word]), "No job...\n");
    }
    assert_eq!(says(&server, &["-t", "none", "peek_ready"]), "No job...\n");
    let none = run(&server, &["peek_job", "99"]);
    assert_eq!((none.out.as_str(), none.code), ("No job...\n", 1));
}

#[test]
fn a_worker_is_killed_ahead_of_every_job() {
    let server = Beanstalkd::start();
    says(&server, &["-t", "a", "put_job", "first", "--priority", "1"]);
    let out = says(&server, &["-t", "a", "kill_worker"]);
    assert_eq!(out, "Putting (Kernel.exit) on tube: a\nJob was put\n");
    let next = says(&server, &["-t", "a", "peek_ready"]);
    assert_eq!(next, "Job: 2: {\"type\":\"ayl\",\"code\":\"Kernel.exit\"}\n");
}

#[test]
fn a_kick_says_nothing_and_kicks_one() {
    let server = Beanstalkd::start();
    for _ in 0..2 {
        says(&server, &["-t", "a", "put_job", "x", "--delay", "1000"]);
    }
    assert_eq!(says(&server, &["-t", "a", "peek_delayed"]), "Job: 1: x\n");
    assert_eq!(says(&server, &["-t", "a", "kick"]), "");
    assert_eq!(figure(&server, "a", "current_jobs_ready"), 1);
    assert_eq!(says(&server, &["-t", "none", "kick"]), "");
}

#[test]
fn a_job_is_deleted_without_a_word() {
    let server = Beanstalkd::start();
    says(&server, &["put_job", "x"]);
    assert_eq!(says(&server, &["delete", "1"]), "");
    let none = run(&server, &["delete", "1"]);
    assert_eq!((none.out.as_str(), none.code), ("Unable to find job with ID: 1\n", 1));
}

#[test]
fn jobs_are_eaten() {
    let server = Beanstalkd::start();
    for body in ["a", "b", "c"] {
        says(&server, &["-t", "a", "put_job", body]);
    }
    assert_eq!(says(&server, &["-t", "a", "eat_job"]), "Job: 1: a\nDeleted job\n");
    let rest = "Job: 2: b\nDeleted job\nJob: 3: c\nDeleted job\n";
    assert_eq!(says(&server, &["-t", "a", "eat_all_jobs", "--yes"]), rest);
    assert_eq!(says(&server, &["-t", "a", "eat_job"]), "No job to eat\n");
    assert_eq!(says(&server, &["-t", "a", "eat_all_jobs"]), "");
    for body in ["d", "e"] {
        says(&server, &["-t", "a", "put_job", body, "--delay", "1000"]);
    }
    let rest = "Job: 4: d\nDeleted job\nJob: 5: e\nDeleted job\n";
    assert_eq!(says(&server, &["-t", "a", "eat_all_jobs", "delayed", "--yes"]), rest);
}

#[test]
fn jobs_are_moved_with_all_that_belongs_to_them() {
    let server = Beanstalkd::start();
    says(&server, &["-t", "a", "put_job", "x", "--priority", "7", "--ttr", "33"]);
    says(&server, &["-t", "a", "put_job", "later", "--delay", "1000", "--ttr", "44", "--priority", "8"]);
    assert_eq!(says(&server, &["-t", "a", "move_jobs", "b"]), "");
    assert_eq!(says(&server, &["-t", "a", "move_jobs", "b", "delayed"]), "");
    assert_eq!(says(&server, &["-t", "a", "move_jobs", "b", "buried"]), "");
    assert_eq!(figure(&server, "a", "total_jobs"), 0, "the tube is gone");
    let jobs = says(&server, &["-t", "b", "export"]);
    let jobs: Vec<serde_json::Value> = jobs.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (&jobs[0]["priority"], &jobs[0]["ttr"], &jobs[0]["delay"]),
        (&7.into(), &33.into(), &0.into())
    );
    assert_eq!((&jobs[1]["state"], &jobs[1]["priority"]), (&"delayed".into(), &8.into()));
    assert!((900..=1000).contains(&jobs[1]["delay"].as_u64().unwrap()));
    let same = run(&server, &["-t", "b", "move_jobs", "b"]);
    assert_eq!((same.code, same.err.as_str()), (64, "ayl_beanstalk: the jobs are on tube b already\n"));
}

#[test]
fn what_is_no_command_is_said_on_standard_error() {
    let server = Beanstalkd::start();
    for (arguments, text) in [
        (&["bogus"][..], "unrecognized subcommand 'bogus'"),
        (&["put_job"], "required arguments were not provided"),
        (&["delete", "abc"], "\"abc\" is not a job id: digits only"),
        (&["-t", "a b", "list_tubes"], "the tube's name \"a b\" has ' ' in it"),
        (&["put_job", "x", "--watch"], "--watch is for commands that only look at the queue"),
    ] {
        let ran = run(&server, arguments);
        assert_eq!((ran.code, ran.out.as_str()), (64, ""), "{arguments:?}");
        assert!(ran.err.contains(text), "{}", ran.err);
    }
    let help = run(&server, &["-h"]);
    assert_eq!((help.code, help.err.as_str()), (0, ""));
    assert!(help.out.contains("kill_worker") && help.out.contains("--host <HOST>"), "{}", help.out);
}
