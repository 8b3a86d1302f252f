//! Many jobs: put, kicked, listed, moved, deleted.
//!
//! A hundred thousand in every run; `AYL_CROWD=1000000` makes it a million.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::time::Instant;

use crate::beanstalkd::Beanstalkd;
use crate::tool::{command, figure, says};

/// How many jobs.
fn size() -> u64 {
    std::env::var("AYL_CROWD").map_or(100_000, |size| size.parse().unwrap())
}

#[test]
fn a_crowd_of_jobs_is_kicked_listed_moved_and_deleted_whole() {
    let crowd = size();
    let server = Beanstalkd::start();
    let mut at = Instant::now();
    let mut took = |what: &str| {
        println!("{what}: {:.1} s", at.elapsed().as_secs_f64());
        at = Instant::now();
    };
    let mut import = command(&server, &["import"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut to = std::io::BufWriter::new(import.stdin.take().unwrap());
    let line = b"{\"tube\":\"a\",\"state\":\"delayed\",\"delay\":1000000,\"body\":\"x\"}\n";
    for _ in 0..crowd {
        to.write_all(line).unwrap();
    }
    drop(to);
    assert!(import.wait().unwrap().success());
    took("put");
    assert_eq!(says(&server, &["-t", "a", "kick", "4294967295"]), format!("Kicked {crowd} jobs\n"));
    took("kicked");
    let mut list = command(&server, &["-t", "a", "list_jobs"]).spawn().unwrap();
    let lines = BufReader::new(list.stdout.take().unwrap()).lines();
    assert_eq!(lines.count() as u64, crowd + 1);
    assert!(list.wait().unwrap().success());
    took("listed");
    says(&server, &["-t", "a", "move_jobs", "b"]);
    assert_eq!(figure(&server, "b", "current_jobs_ready"), crowd);
    assert_eq!(figure(&server, "a", "current_jobs_ready"), 0);
    took("moved");
    let eaten = says(&server, &["-t", "b", "eat_all_jobs", "--yes", "--quiet"]);
    assert_eq!(eaten, format!("Deleted {crowd} jobs\n"));
    took("deleted");
}
