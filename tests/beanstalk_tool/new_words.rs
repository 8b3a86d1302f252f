//! What the tool can do that the old one could not.

use serde_json::{Value, json};

use crate::beanstalkd::Beanstalkd;
use crate::tool::{figure, golden, run, run_with, says};

fn json_of(server: &Beanstalkd, arguments: &[&str]) -> Value {
    serde_json::from_str(&says(server, arguments)).unwrap()
}

#[test]
fn everything_can_be_had_as_json() {
    let server = Beanstalkd::start();
    assert_eq!(json_of(&server, &["-t", "1.10", "put_job", "x", "--json"]), json!({"id": 1, "tube": "1.10"}));
    assert_eq!(json_of(&server, &["list_tubes", "--json"]), json!(["default", "1.10"]));
    assert_eq!(json_of(&server, &["peek_job", "1", "--json"]), json!({"id": 1, "body": "x"}));
    assert_eq!(json_of(&server, &["peek_ready", "--json"]), Value::Null);
    let server_all = json_of(&server, &["--json"]);
    assert_eq!((&server_all["current_jobs_ready"], &server_all["draining"]), (&json!(1), &json!(false)));
    assert!(server_all["rusage_utime"].is_f64() && server_all["version"].is_string());
    let tube = json_of(&server, &["-t", "1.10", "tube_statistics", "--json"]);
    assert_eq!(
        (&tube["name"], &tube["jobs_ready"], &tube["workers_busy"]),
        (&json!("1.10"), &json!(1), &json!(0))
    );
    let job = json_of(&server, &["job_statistics", "1", "--json"]);
    assert_eq!((&job["tube"], &job["pri"]), (&json!("1.10"), &json!(65536)));
    assert_eq!(json_of(&server, &["-t", "1.10", "kick", "--json"]), json!({"kicked": 0}));
    assert_eq!(json_of(&server, &["-t", "1.10", "move_jobs", "b", "--json"]), json!({"moved": 1}));
    assert_eq!(json_of(&server, &["-t", "b", "eat_job", "--json"]), json!({"id": 2, "body": "x"}));
    assert_eq!(json_of(&server, &["-t", "b", "list_jobs", "--json"]), json!([]));
    assert_eq!(json_of(&server, &["top", "--json"])["tubes"][0]["name"], "default");
}

#[test]
fn kick_with_a_number_says_how_many_it_kicked() {
    let server = Beanstalkd::start();
    for _ in 0..3 {
        says(&server, &["-t", "a", "put_job", "x", "--delay", "1000"]);
    }
    assert_eq!(says(&server, &["-t", "a", "kick", "1"]), "Kicked 1 job\n");
    assert_eq!(says(&server, &["-t", "a", "kick", "100"]), "Kicked 2 jobs\n");
    assert_eq!(figure(&server, "a", "current_jobs_ready"), 3);
}

#[test]
fn a_kick_takes_delayed_jobs_only_where_none_is_buried() {
    let server = Beanstalkd::start();
    let jobs = concat!(
        r#"{"tube":"a","state":"buried","body":"b"}"#,
        "\n",
        r#"{"tube":"a","state":"delayed","delay":1000,"body":"d"}"#
    );
    assert_eq!(run_with(&server, &["import"], jobs.as_bytes()).out, "Put 2 jobs\n");
    assert_eq!(says(&server, &["-t", "a", "kick", "100"]), "Kicked 1 job\n");
    assert_eq!(figure(&server, "a", "current_jobs_delayed"), 1);
}

#[test]
fn every_worker_of_a_tube_can_be_killed() {
    let server = Beanstalkd::start();
    let none = run(&server, &["-t", "a", "kill_worker", "--all"]);
    assert_eq!((none.code, none.err.as_str()), (0, "ayl_beanstalk: no worker watches tube a\n"));
    let workers: Vec<_> = (0..3)
        .map(|_| {
            use std::io::{Read, Write};
            let mut worker = std::os::unix::net::UnixStream::connect(server.socket()).unwrap();
            worker.write_all(b"watch a\r\n").unwrap();
            worker.read_exact(&mut [0; 12]).unwrap();
            worker
        })
        .collect();
    let out = says(&server, &["-t", "a", "kill_worker", "--all"]);
    assert_eq!(out, "Putting (Kernel.exit) on tube: a\nJob was put\n".repeat(3));
    assert_eq!(figure(&server, "a", "current_jobs_urgent"), 3);
    drop(workers);
}

#[test]
fn a_tube_can_rest() {
    let server = Beanstalkd::start();
    says(&server, &["-t", "a", "put_job", "x"]);
    assert_eq!(says(&server, &["-t", "a", "pause", "60"]), "Paused tube: a for 60 seconds\n");
    let held = run(&server, &["-t", "a", "move_jobs", "b"]);
    let text = "ayl_beanstalk: tube a is paused, nothing can be reserved from it: resume it first\n";
    assert_eq!((held.code, held.err.as_str()), (1, text));
    assert_eq!(says(&server, &["-t", "a", "eat_all_jobs", "--yes"]), "Job: 1: x\nDeleted job\n");
    says(&server, &["-t", "a", "put_job", "x"]);
    assert_eq!(says(&server, &["-t", "a", "pause"]), "Paused tube: a\n");
    assert_eq!(says(&server, &["-t", "a", "resume"]), "Resumed tube: a\n");
    let none = run(&server, &["-t", "none", "pause"]);
    assert_eq!((none.code, none.err.as_str()), (1, "ayl_beanstalk: there is no tube none\n"));
}

#[test]
fn jobs_are_listed_with_what_matters() {
    let server = Beanstalkd::start();
    says(&server, &["put_job", "elsewhere"]);
    says(&server, &["-t", "a", "put_job", "line\nbreak \u{1b}[2J"]);
    says(&server, &["-t", "a", "put_job", "later", "--delay", "1000000", "--priority", "0"]);
    assert_eq!(says(&server, &["delete", "1"]), "");
    let age = |text: String| text.replace(" 999999 ", " 1000000 ");
    golden("list_jobs", &age(says(&server, &["-t", "a", "list_jobs"])));
    let all = says(&server, &["list_jobs", "--all"]);
    assert!(all.lines().next().unwrap().contains("TUBE") && all.lines().count() == 3, "{all}");
    let delayed = says(&server, &["-t", "a", "list_jobs", "--state", "delayed", "--json"]);
    let delayed: Value = serde_json::from_str(&delayed).unwrap();
    assert_eq!((delayed.as_array().unwrap().len(), &delayed[0]["body"]), (1, &json!("later")));
    assert_eq!(says(&server, &["-t", "a", "list_jobs", "--limit", "1"]).lines().count(), 2);
    assert_eq!(says(&server, &["-t", "none", "list_jobs"]), "No job...\n");
    // Looking leaves nothing behind.
    assert_eq!(says(&server, &["list_tubes"]), " - default\n - a\n");
}

#[test]
fn what_is_exported_can_be_imported() {
    let server = Beanstalkd::start();
    let lines = concat!(
        r#"{"tube":"a","state":"ready","priority":5,"delay":0,"ttr":33,"body":"x\u0000ü"}"#,
        "\n\n",
        r#"{"tube":"a","state":"buried","priority":6,"ttr":34,"body_base64":"/w0K"}"#,
        "\n",
        r#"{"tube":"b","state":"delayed","priority":7,"delay":100000,"ttr":35,"body":""}"#,
    );
    assert_eq!(run_with(&server, &["import"], lines.as_bytes()).out, "Put 3 jobs\n");
    let exported = says(&server, &["export", "--all"]);
    let other = Beanstalkd::start();
    assert_eq!(run_with(&other, &["import"], exported.as_bytes()).out, "Put 3 jobs\n");
    let bare = |text: &str| -> Vec<Value> {
        let mut jobs: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        for job in &mut jobs {
            let job = job.as_object_mut().unwrap();
            job.remove("age");
            // A second may have passed.
            job["delay"] = (job["delay"].as_u64().unwrap().div_ceil(100) * 100).into();
        }
        jobs
    };
    assert_eq!(bare(&says(&other, &["export", "--all"])), bare(&exported));
    assert_eq!(bare(&exported)[1]["body_base64"], "/w0K");
    assert_eq!(figure(&other, "a", "current_jobs_buried"), 1);
    assert_eq!(run_with(&other, &["-t", "c", "import"], exported.as_bytes()).out, "Put 3 jobs\n");
    assert_eq!(figure(&other, "c", "total_jobs"), 3);
}

#[test]
fn a_file_that_cannot_be_imported_says_where_it_stops() {
    let server = Beanstalkd::start();
    let ran = run_with(&server, &["import"], b"{\"body\":\"a\"}\n{\"body\":5}\n{\"body\":\"c\"}\n");
    assert_eq!((ran.code, ran.out.as_str()), (1, "Put 1 job\n"));
    assert!(ran.err.starts_with("ayl_beanstalk: line 2: invalid type: integer"), "{}", ran.err);
    let none = run(&server, &["import", "/none"]);
    assert_eq!(
        (none.code, none.err.as_str()),
        (66, "ayl_beanstalk: /none: No such file or directory (os error 2)\n")
    );
}

#[test]
fn many_jobs_are_deleted_only_with_a_yes() {
    let server = Beanstalkd::start();
    says(&server, &["-t", "a", "put_job", "x"]);
    let ran = run(&server, &["-t", "a", "eat_all_jobs"]);
    let text = "ayl_beanstalk: Delete 1 ready job of tube a? Nobody can be asked here: say --yes\n";
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (64, "", text));
    assert_eq!(says(&server, &["-t", "a", "eat_all_jobs", "--yes", "--quiet"]), "Deleted 1 job\n");
}

#[test]
fn top_in_a_pipe_is_one_table() {
    let server = Beanstalkd::start();
    says(&server, &["-t", "a", "put_job", "x"]);
    let out = says(&server, &["top"]);
    assert!(out.contains("\nTUBE     READY  RESERVED  DELAYED  BURIED  WORKERS  WAITING"), "{out}");
    assert!(out.lines().any(|line| line.starts_with("a            1         0")), "{out}");
}

#[test]
fn shells_and_man_are_served() {
    let server = Beanstalkd::start();
    for shell in ["bash", "zsh", "fish"] {
        assert!(says(&server, &["completions", shell]).contains("ayl_beanstalk"), "{shell}");
    }
    assert!(says(&server, &["man"]).contains("kill_worker"));
    let folder = tempfile::tempdir().unwrap();
    says(&server, &["man", "--out", folder.path().to_str().unwrap()]);
    assert!(std::fs::read_dir(folder.path()).unwrap().count() > 20);
}
