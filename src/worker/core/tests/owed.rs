//! Several servers, of which that of the job at hand is away.

use std::time::Duration;

use super::super::*;
use super::play::{ID, Play, facts, message, settings};
use crate::ayl::Handler;

fn shared() -> Settings {
    Settings { others: true, ..settings() }
}

/// The job that is owed, if one is from now on.
fn owed(said: &[Action]) -> Option<Box<Job>> {
    said.iter().find_map(|action| match action {
        Action::Owe { job, .. } => Some(job.clone()),
        _ => None,
    })
}

/// A worker that owes a job which ended in `outcome`.
fn owing(outcome: Outcome) -> (Play, Box<Job>) {
    let mut play = Play::running(shared(), None);
    assert_eq!(play.tell(Event::QueueDown { heard: false }), []);
    let job = owed(play.ran(outcome)).expect("it is owed");
    (play, job)
}

#[test]
fn a_job_that_ends_while_its_server_is_away_is_owed_and_the_others_go_on() {
    let (mut play, job) = owing(Outcome::Returned);
    assert_eq!(play.tell(Event::QueueUp)[0], Action::Ask(Ask::Reserve));
    let verdict = Verdict::Delete(Cause::Done);
    let settled = Action::Settled { id: ID, verdict: verdict.clone(), failure: None, death: None };
    assert_eq!(play.tell(Event::Repaid { job, verdict: Some(verdict) }), [settled]);
}

#[test]
fn while_it_runs_nothing_else_is_taken_and_it_is_asked_for_when_its_server_is_back_in_time() {
    let mut play = Play::running(shared(), None);
    play.tell(Event::QueueDown { heard: false });
    assert_eq!(play.tell(Event::QueueUp), [Action::Ask(Ask::Regain(ID))]);
    play.answer(Answer::Found(true));
    play.ran(Outcome::Returned);
    assert!(owed(&play.said).is_none());
    assert_eq!(play.verdict(), Some((&Verdict::Delete(Cause::Done), true)));
}

#[test]
fn one_that_another_has_taken_meanwhile_is_lost() {
    let (mut play, job) = owing(Outcome::Returned);
    assert_eq!(play.tell(Event::Repaid { job, verdict: None })[0], Action::Lost(ID));
}

#[test]
fn one_that_was_told_to_go_before_and_is_gone_is_settled() {
    let mut play = Play::running(shared(), None);
    play.ran(Outcome::Returned);
    let job = owed(play.tell(Event::QueueDown { heard: true })).expect("it is owed");
    let said = play.tell(Event::Repaid { job, verdict: None }).to_vec();
    assert!(
        matches!(said[0], Action::Settled { id: ID, verdict: Verdict::Delete(Cause::Done), .. }),
        "{said:?}"
    );
}

#[test]
fn one_that_has_killed_its_executor_is_owed_with_that() {
    let mut play = Play::running(shared(), Some(Handler::Delete));
    play.tell(Event::QueueDown { heard: false });
    let mut job = owed(play.died()).expect("it is owed");
    assert!(play.said.contains(&Action::StartExecutor), "{:?}", play.said);
    job.facts = Some(Facts { deaths: 2, ..facts() });
    assert!(matches!(job.verdict(Handler::Delete), Some((Verdict::Bury(_), _))));
}

#[test]
fn one_that_has_not_run_goes_back_to_whom_it_belongs() {
    let mut play = Play::idle(shared());
    play.reserved(message(None));
    assert_eq!(play.tell(Event::QueueDown { heard: false })[0], Action::Disconnect);
    assert!(play.tell(Event::QueueUp).contains(&Action::Ask(Ask::Reserve)));
}

#[test]
fn a_worker_that_leaves_waits_for_it_as_long_as_for_a_job() {
    let (mut play, job) = owing(Outcome::Returned);
    let mut waiting = Play { core: play.core, now: play.now, said: Vec::new() };
    assert!(!waiting.tell(Event::Terminate).contains(&Action::StopExecutor));
    let said = waiting.wait().to_vec();
    assert_eq!(waiting.now, Duration::from_secs(30));
    assert_eq!(said, [Action::Lost(ID), Action::StopExecutor]);
    (play, _) = owing(Outcome::Returned);
    play.tell(Event::Terminate);
    let said = play.tell(Event::Repaid { job, verdict: Some(Verdict::Delete(Cause::Done)) }).to_vec();
    assert!(said.contains(&Action::StopExecutor), "{said:?}");
}

#[test]
fn a_job_that_ends_the_worker_does_so_wherever_its_server_is() {
    let (mut play, job) = owing(Outcome::Exited(3));
    assert!(!play.tell(Event::QueueUp).contains(&Action::Ask(Ask::Reserve)));
    let verdict = Verdict::Delete(Cause::Exited(3));
    assert!(play.tell(Event::Repaid { job, verdict: Some(verdict) }).contains(&Action::StopExecutor));
    assert!(play.died().contains(&Action::Exit(3, None)));
}
