//! The steps of a turn, one by one; `simulation` has them meet each other.

mod simulation;

use super::*;
use crate::schedule::test_entry;

fn at(text: &str) -> Timestamp {
    format!("2026-06-01T{text}Z").parse().unwrap()
}

fn token(entry: &Entry, last: &str) -> Token {
    let past = Past::begin(entry, at(last));
    Token::new("a".parse().unwrap(), entry.name.clone(), at(last), past, "h", at(last))
}

fn tube() -> Tube {
    "a-1".parse().unwrap()
}

#[test]
fn a_slot_is_put_before_the_next_token_and_the_old_one_goes_last() {
    let entry = test_entry("every: 1h");
    let mut turn = Turn::new(&entry, JobId(1), token(&entry, "02:00:00"), None, "host");
    let now = at("03:00:00.2");
    assert_eq!(turn.step(Heard::Count(1), now), Ask::Touch);
    assert_eq!(turn.step(Heard::Done, now), Ask::Job(at("03:00:00")));
    let Ask::Token(next, 3599) = turn.step(Heard::Put(JobId(9), tube()), now) else { panic!("no token") };
    assert_eq!((next.due, next.past.last), (at("04:00:00"), at("03:00:00")));
    assert_eq!(next.past.job.as_ref().map(|job| job.id), Some(JobId(9)));
    assert_eq!(turn.step(Heard::Put(JobId(10), tube()), now), Ask::Delete);
    let Ask::End(Outcome::Put { slot, job, overtaken, .. }) = turn.step(Heard::Done, now) else {
        panic!("not put")
    };
    assert_eq!((slot, job, overtaken), (at("03:00:00"), JobId(9), false));
}

#[test]
fn a_token_that_comes_a_moment_early_is_held() {
    let entry = test_entry("every: 1h");
    let mut turn = Turn::new(&entry, JobId(1), token(&entry, "02:00:00"), None, "host");
    assert_eq!(turn.step(Heard::Count(1), at("02:59:59.5")), Ask::Hold(at("03:00:00")));
    assert_eq!(turn.step(Heard::Done, at("03:00:00")), Ask::Touch);
}

#[test]
fn whoever_has_lost_the_token_puts_nothing() {
    let entry = test_entry("every: 1h");
    let mut turn = Turn::new(&entry, JobId(1), token(&entry, "02:00:00"), None, "host");
    assert_eq!(turn.step(Heard::Count(1), at("03:00:00")), Ask::Touch);
    assert_eq!(turn.step(Heard::Missing, at("03:00:00")), Ask::End(Outcome::Lost));
}

#[test]
fn a_token_lost_while_the_job_was_put_takes_its_successor_along() {
    let entry = test_entry("every: 1h");
    let mut turn = Turn::new(&entry, JobId(1), token(&entry, "02:00:00"), None, "host");
    let now = at("03:00:00");
    for heard in [Heard::Count(1), Heard::Done, Heard::Put(JobId(9), tube())] {
        turn.step(heard, now);
    }
    assert_eq!(turn.step(Heard::Put(JobId(10), tube()), now), Ask::Delete);
    assert_eq!(turn.step(Heard::Missing, now), Ask::Remove(JobId(10)));
    let Ask::End(Outcome::Put { overtaken, .. }) = turn.step(Heard::Done, now) else { panic!("not put") };
    assert!(overtaken);
}

#[test]
fn of_two_tokens_the_one_that_knows_more_stays() {
    let entry = test_entry("every: 1h");
    let now = at("03:00:00");
    let meets = |ours: &str, id: u64, theirs: &str| {
        let mut turn = Turn::new(&entry, JobId(id), token(&entry, ours), None, "host");
        assert_eq!(turn.step(Heard::Count(2), now), Ask::Look);
        turn.step(Heard::Found(JobId(5), Some(Box::new(token(&entry, theirs)))), now)
    };
    assert_eq!(meets("02:00:00", 1, "01:00:00"), Ask::Remove(JobId(5)));
    assert_eq!(meets("01:00:00", 1, "02:00:00"), Ask::Delete);
    assert_eq!(meets("02:00:00", 1, "02:00:00"), Ask::Remove(JobId(5)));
    assert_eq!(meets("02:00:00", 9, "02:00:00"), Ask::Delete);
}

#[test]
fn two_who_hold_a_token_each_give_way_for_different_times() {
    let entry = test_entry("every: 1h");
    let delay = |id| {
        let mut turn = Turn::new(&entry, JobId(id), token(&entry, "02:00:00"), None, "host");
        turn.step(Heard::Count(2), at("03:00:00"));
        turn.step(Heard::Missing, at("03:00:00"))
    };
    assert_eq!(delay(3), Ask::Release(1));
    assert_eq!(delay(4), Ask::Release(2));
}

#[test]
fn a_slot_is_skipped_while_the_job_before_is_not_done() {
    let entry = test_entry("every: 1h, overlap: skip");
    let put = PutJob { id: JobId(4), tube: tube(), at: at("02:00:00") };
    let token = |entry: &Entry| {
        let past = Past::begin(entry, at("01:00:00")).after(at("02:00:00"), Some(put.clone()));
        Token::new("a".parse().unwrap(), entry.name.clone(), at("03:00:00"), past, "h", at("02:00:00"))
    };
    let now = at("03:00:00");
    let mut turn = Turn::new(&entry, JobId(1), token(&entry), None, "host");
    assert_eq!(turn.step(Heard::Count(1), now), Ask::Unfinished(put.clone()));
    assert_eq!(turn.step(Heard::Yes, now), Ask::Touch);
    let Ask::Token(next, _) = turn.step(Heard::Done, now) else { panic!("no token") };
    assert_eq!((next.due, next.past.job.clone()), (at("04:00:00"), Some(put.clone())));
    let mut turn = Turn::new(&entry, JobId(1), token(&entry), None, "host");
    turn.step(Heard::Count(1), now);
    assert_eq!(turn.step(Heard::Missing, now), Ask::Touch);
    assert_eq!(turn.step(Heard::Done, now), Ask::Job(at("03:00:00")));
}

#[test]
fn what_this_host_remembers_counts_where_the_queue_has_forgotten() {
    let entry = test_entry("every: 1h");
    let known = Past::begin(&entry, at("02:00:00")).after(at("03:00:00"), None);
    let mut turn = Turn::new(&entry, JobId(1), token(&entry, "02:00:00"), Some(&known), "host");
    let now = at("03:00:10");
    assert_eq!(turn.step(Heard::Count(1), now), Ask::Touch);
    let Ask::Token(next, _) = turn.step(Heard::Done, now) else { panic!("put again") };
    assert_eq!(next.due, at("04:00:00"));
}

#[test]
fn an_entry_that_is_off_gives_its_token_up() {
    let entry = test_entry("every: 1h, enabled: false");
    let mut turn = Turn::new(&entry, JobId(1), token(&entry, "02:00:00"), None, "host");
    assert_eq!(turn.step(Heard::Count(1), at("03:00:00")), Ask::Delete);
    assert_eq!(turn.step(Heard::Done, at("03:00:00")), Ask::End(Outcome::Over));
}
