//! What operators say, drawn from the seed: every command of `abaqis-daemons` and `ayl_beanstalk`.
//!
//! Words in braces are filled in when the command is given: `{job}`, a job's number in the queue;
//! `{import}`, a file of new jobs.

use std::time::Duration;

use crate::configuration::tube;
use crate::random::Random;
use crate::schedule::{APPLICATIONS, Fault};

/// A tube that no worker takes jobs from.
pub(crate) const ASIDE: &str = "aside";

/// What is told the supervisor, or found out about it.
pub(crate) fn operator(random: &mut Random) -> Fault {
    let one = random.pick(&APPLICATIONS).to_string();
    let selector = match random.below(6) {
        0 => "all".to_owned(),
        1 => one.clone(),
        2 => format!("{one}/worker"),
        3 => format!("{one}/{}", random.pick(&["web", "preloader", "scheduler"])),
        _ => format!("{one}/worker/{}", 1 + random.below(3)),
    };
    let words: &[&str] = match random.below(32) {
        // What was stopped is started again, or soon nothing would be left to go wrong.
        0..=2 => &["start", "all", "--no-wait"],
        3 => &["start", &selector],
        4 => &["stop", &selector, "--no-wait"],
        5 => &["stop", &selector, "--at-once"],
        6 => &["restart", &selector],
        7 => &["restart", &selector, "--at-once"],
        8 => &["reload"],
        9 => &["signal", &selector, "WINCH"],
        10 => &["status", &selector],
        11 => &["status", "--json"],
        12 => &["plan"],
        13 => &["rollback", &one],
        14 => &["deploy", &one],
        15 => &["releases"],
        16 => &["doctor"],
        17 => &["check"],
        18 => &["show"],
        19 => &["tube", &one],
        20 => &["schedule"],
        21 => &["logs", &one],
        22 => &["logs", &selector, "-f"],
        23 => &["events"],
        24 => &["status", "--watch"],
        25 => &["completions", "bash"],
        26 => &["man"],
        27 => &["help"],
        28 => &["dev", "--config", "{dev}"],
        29 | 30 => return Fault::Second,
        _ => &["events", "-f"],
    };
    command(random, words)
}

/// What operators do with `ayl_beanstalk`.
pub(crate) fn of_the_queue(random: &mut Random) -> Fault {
    let (from, to) = (any_tube(random), any_tube(random));
    let state = *random.pick(&["ready", "ready", "ready", "buried", "delayed"]);
    let action: &[&str] = match random.below(40) {
        0 => &["statistics"],
        1 => &["tube_statistics"],
        2 => &["list_tubes"],
        3 => &["list_jobs"],
        4 => &["peek_ready"],
        5 => &["peek_buried"],
        6 => &["peek_delayed"],
        7 => &["peek_job", "{job}"],
        8 => &["job_statistics", "{job}"],
        9 => &["put_ayl_job", "1"],
        10 => &["put_job", "this is no message"],
        11 => &["put_job", r#"{"type":"other"}"#],
        12 => &["kill_worker"],
        13 => &["kill_worker", "--all"],
        14 | 15 => &["kick", "3"],
        16 => &["pause", "1"],
        17 => &["resume"],
        18 => &["export"],
        19 => &["tube_statistics", "--watch"],
        20 => &["top"],
        21 => &["completions", "bash"],
        22 => &["man"],
        23 => &["help"],
        24..=26 => &["import", "{import}"],
        27 | 28 => &["delete", "{job}"],
        29 => &["eat_job"],
        30 => &["eat_all_jobs", state, "--yes"],
        31 => &["eat_all_jobs", state, "--yes", "--quiet"],
        32 => return command(random, &["ayl_beanstalk", "-t", ASIDE, "put_sleep_job"]),
        33 => return command(random, &["ayl_beanstalk", "-t", ASIDE, "eat_all_jobs", "--yes"]),
        _ if from != to => {
            let words = ["ayl_beanstalk", "-t", &from, "move_jobs", &to, state];
            let words = words.iter().map(ToString::to_string).collect();
            // Most are cut off, and some of those while jobs are on their way.
            return Fault::Operator(words, random.percent(70).then(|| random.millis(25)));
        }
        _ => &["statistics", "--json"],
    };
    let words: Vec<&str> = ["ayl_beanstalk", "-t", &from].iter().chain(action).copied().collect();
    command(random, &words)
}

/// A tube that workers may have, or may have had.
fn any_tube(random: &mut Random) -> String {
    let application = usize::try_from(random.below(3)).unwrap_or_default();
    tube(application, random.percent(20), 1 + random.below(2))
}

/// A command whose client is killed now and then; one that would never end always is.
fn command(random: &mut Random, words: &[&str]) -> Fault {
    let follows = words.iter().any(|word| matches!(*word, "-f" | "--watch" | "dev" | "top"));
    let killed: Option<Duration> =
        if follows { Some(random.millis(1000)) } else { random.percent(30).then(|| random.millis(400)) };
    Fault::Operator(words.iter().map(ToString::to_string).collect(), killed)
}

#[test]
fn every_command_there_is_is_given() {
    let mut random = Random::new(1);
    let mut given = std::collections::BTreeSet::from(["run".to_owned(), "upgrade".to_owned()]);
    for _ in 0..5000 {
        let fault = if random.percent(50) { operator(&mut random) } else { of_the_queue(&mut random) };
        if let Fault::Operator(words, _) = fault {
            // Before it are the program and its tube.
            let command = if words[0] == "ayl_beanstalk" { &words[3] } else { &words[0] };
            given.insert(command.clone());
        }
    }
    for program in [env!("CARGO_BIN_EXE_abaqis-daemons"), env!("CARGO_BIN_EXE_ayl_beanstalk")] {
        let help = std::process::Command::new(program).arg("help").output().unwrap().stdout;
        let help = String::from_utf8(help).unwrap();
        let (_, commands) = help.split_once("Commands:\n").unwrap();
        let commands = commands.lines().take_while(|line| !line.is_empty());
        let mut known = commands.filter_map(|line| line.split_whitespace().next()).peekable();
        assert!(known.peek().is_some());
        known.for_each(|command| assert!(given.contains(command), "{program} {command} is never given"));
    }
}
