//! Servers that are away, die, drain; outputs that close; operators who press Ctrl-C.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use crate::beanstalkd::Beanstalkd;
use crate::tool::{command, figure, run, run_with, says, until};

fn fill(server: &Beanstalkd, tube: &str, count: usize) {
    let lines: Vec<String> =
        (0..count).map(|n| format!("{{\"tube\":\"{tube}\",\"body\":\"{n}\"}}\n")).collect();
    let lines = lines.concat();
    let ran = run_with(server, &["import"], lines.as_bytes());
    assert_eq!(ran.out, format!("Put {count} jobs\n"), "{}", ran.err);
}

fn interrupt(pid: u32) {
    assert!(Command::new("kill").args(["-INT", &pid.to_string()]).status().unwrap().success());
}

#[test]
fn a_server_that_is_away_is_exit_69() {
    let mut server = Beanstalkd::start();
    server.kill();
    for arguments in [&["list_tubes"][..], &["put_job", "x"], &["move_jobs", "b"], &["top"]] {
        let ran = run(&server, arguments);
        assert_eq!(ran.code, 69, "{arguments:?}");
        assert!(ran.err.starts_with("ayl_beanstalk: cannot reach beanstalkd at unix:/"), "{}", ran.err);
    }
}

#[test]
fn a_port_without_a_server_is_exit_69() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = Beanstalkd::start();
    let ran = run(&server, &["--host", "127.0.0.1", "-p", &free.to_string(), "list_tubes"]);
    assert_eq!(ran.code, 69);
    let text = format!("ayl_beanstalk: cannot reach beanstalkd at 127.0.0.1:{free}: Connection refused");
    assert!(ran.err.starts_with(&text), "{}", ran.err);
}

#[test]
fn a_draining_server_takes_nothing_and_loses_nothing() {
    let server = Beanstalkd::start();
    fill(&server, "a", 3);
    server.drain();
    let ran = run(&server, &["put_job", "x"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, "Putting (x) on tube: default\n"));
    assert!(ran.err.contains("refused `put`: the server is draining and takes no new jobs (DRAINING)"));
    let ran = run(&server, &["-t", "a", "move_jobs", "b"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.starts_with("ayl_beanstalk: 0 jobs were moved, the others are still on tube a\n"));
    assert_eq!(figure(&server, "a", "current_jobs_ready"), 3);
    assert_eq!(says(&server, &["-t", "a", "list_jobs"]).lines().count(), 4);
    assert_eq!(run_with(&server, &["import"], b"{\"body\":\"x\"}").code, 1);
}

#[test]
fn a_job_that_is_too_big_is_refused_and_the_others_are_put() {
    let server = Beanstalkd::with(&["-z", "100"]);
    let big = "x".repeat(101);
    let ran = run(&server, &["put_job", &big]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("the job is larger than the server takes, see its option -z (JOB_TOO_BIG)"));
    let lines = format!("{{\"body\":\"a\"}}\n{{\"body\":\"{big}\"}}\n{{\"body\":\"b\"}}\n");
    let ran = run_with(&server, &["import"], lines.as_bytes());
    assert_eq!((ran.code, ran.out.as_str()), (1, "Put 2 jobs\n"));
    assert!(ran.err.starts_with("ayl_beanstalk: line 2: "), "{}", ran.err);
}

#[test]
fn a_server_killed_in_the_middle_of_a_move_has_every_job_afterwards() {
    let mut server = Beanstalkd::durable();
    fill(&server, "a", 20_000);
    let mut mover = command(&server, &["-t", "a", "move_jobs", "b"]).spawn().unwrap();
    until("jobs have been moved", || figure(&server, "b", "total_jobs") > 1000);
    server.kill();
    let mut said = String::new();
    mover.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(mover.wait().unwrap().code(), Some(69), "{said}");
    server.restart();
    let mut found: Vec<u64> = ["a", "b"]
        .iter()
        .flat_map(|tube| {
            let jobs = says(&server, &["-t", tube, "export"]);
            let body = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["body"].clone();
            jobs.lines().map(|line| body(line).as_str().unwrap().parse().unwrap()).collect::<Vec<u64>>()
        })
        .collect();
    let all = found.len();
    found.sort_unstable();
    found.dedup();
    // A server that dies loses what was reserved in it, binlog or not, unless its copy is there.
    assert!(found.len() >= 20_000 - 500 && all - found.len() <= 500, "{} of {all}", found.len());
}

#[test]
fn a_move_that_is_interrupted_loses_nothing_and_doubles_nothing() {
    let server = Beanstalkd::start();
    fill(&server, "a", 50_000);
    let mut mover = command(&server, &["-t", "a", "move_jobs", "b"]).spawn().unwrap();
    until("jobs have been moved", || figure(&server, "b", "total_jobs") > 1000);
    interrupt(mover.id());
    let mut said = String::new();
    mover.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    let code = mover.wait().unwrap().code();
    let (from, to) = (figure(&server, "a", "current_jobs_ready"), figure(&server, "b", "current_jobs_ready"));
    assert_eq!(from + to, 50_000);
    // On a fast machine it may have been over before the signal came.
    if from > 0 {
        assert_eq!(code, Some(130));
        let text =
            format!("ayl_beanstalk: interrupted: {to} jobs were moved, the others are still on tube a\n");
        assert_eq!(said, text);
    }
}

#[test]
fn eating_that_is_interrupted_leaves_every_job_on_the_queue_or_on_the_output() {
    let server = Beanstalkd::start();
    fill(&server, "a", 5000);
    let mut eater = command(&server, &["-t", "a", "eat_all_jobs", "--yes"]).spawn().unwrap();
    let mut out = BufReader::new(eater.stdout.take().unwrap());
    let mut text = String::new();
    for _ in 0..20 {
        out.read_line(&mut text).unwrap();
    }
    interrupt(eater.id());
    out.read_to_string(&mut text).unwrap();
    assert_eq!(eater.wait().unwrap().code(), Some(130));
    let shown = text.lines().filter(|line| line.starts_with("Job: ")).count();
    let deleted = text.lines().filter(|line| *line == "Deleted job").count();
    assert_eq!(shown, deleted);
    assert!(shown < 5000, "it was interrupted");
    let left = figure(&server, "a", "current_jobs_ready");
    assert_eq!(left, 5000 - u64::try_from(deleted).unwrap());
}

#[test]
fn a_closed_output_ends_it_quietly_and_without_losing_a_job() {
    let server = Beanstalkd::start();
    fill(&server, "a", 5000);
    for arguments in
        [&["-t", "a", "list_jobs"][..], &["-t", "a", "export"], &["-t", "a", "eat_all_jobs", "--yes"]]
    {
        let mut child = command(&server, arguments).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        drop(out);
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(0), ""), "{arguments:?}");
    }
    let mut child = command(&server, &["--watch"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    drop(out);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    // The one whose line nobody read was not deleted; those before it fit into the pipe.
    let left = figure(&server, "a", "current_jobs_ready");
    assert!(left > 0, "{left}");
}

#[test]
fn a_job_that_a_worker_has_is_not_deleted() {
    use std::io::Write;
    let server = Beanstalkd::start();
    says(&server, &["put_job", "x"]);
    let mut worker = std::os::unix::net::UnixStream::connect(server.socket()).unwrap();
    worker.write_all(b"reserve\r\n").unwrap();
    worker.read_exact(&mut [0; 14]).unwrap();
    let ran = run(&server, &["delete", "1"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert_eq!(ran.err, "ayl_beanstalk: job 1 was not deleted: a worker has it\n");
}
