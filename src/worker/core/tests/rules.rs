//! One test a rule, with the queue and the executor played by hand.

use std::time::Duration;

use super::super::*;
use super::play::{ID, Play, facts, message, settings};
use crate::ayl::{Handler, Unreadable};
use crate::beanstalk::Ttr;

fn release(delay: u32, cause: Cause) -> Verdict {
    Verdict::Release { delay, cause }
}

#[test]
fn it_connects_then_boots_then_reserves() {
    let mut play = Play::with(settings());
    assert_eq!(play.tell(Event::Tick), [Action::Show(Doing::NoQueue)]);
    assert_eq!(play.tell(Event::QueueUp), [Action::StartExecutor, Action::Show(Doing::Booting)]);
    assert_eq!(play.tell(Event::Booted), [Action::Ask(Ask::Reserve), Action::Show(Doing::Idle)]);
}

#[test]
fn an_application_that_does_not_boot_ends_the_worker_with_its_error() {
    let mut play = Play::with(settings());
    play.tell(Event::QueueUp);
    let said = play.tell(Event::BootFailed("LoadError: no such file -- pg".into())).to_vec();
    let reason = "the application does not boot: LoadError: no such file -- pg".to_owned();
    assert!(said.contains(&Action::Exit(1, Some(reason))), "{said:?}");
}

#[test]
fn a_job_that_returned_is_deleted_in_one_breath_with_the_next_reserve() {
    let mut play = Play::running(settings(), None);
    play.ran(Outcome::Returned);
    assert_eq!(play.verdict(), Some((&Verdict::Delete(Cause::Done), true)));
    play.answer(Answer::Found(true));
    // The second job is not looked at first.
    assert!(play.reserved(message(None)).contains(&Action::Run(ID)));
    play.ran(Outcome::Returned);
    assert!(play.verdict().is_some(), "a quick job costs no question");
}

#[test]
fn a_job_that_raised_goes_by_its_handler() {
    for (handler, verdict) in [
        (None, Verdict::Delete(Cause::Raised(Handler::Delete))),
        (Some(Handler::Bury), Verdict::Bury(Cause::Raised(Handler::Bury))),
        (
            Some(Handler::Decay { count: 3, delay: 60 }),
            release(60, Cause::Raised(Handler::Decay { count: 3, delay: 60 })),
        ),
    ] {
        let mut play = Play::running(settings(), handler);
        play.ran(Outcome::Raised);
        assert_eq!(play.verdict(), Some((&verdict, false)));
    }
}

#[test]
fn what_cannot_be_run_is_buried_with_the_reason() {
    let mut play = Play::idle(settings());
    let cause = Cause::Unreadable(Unreadable::NoCode);
    play.reserved(Content::Refused(cause.clone()));
    play.answer(Answer::Facts(Some(facts())));
    assert_eq!(play.verdict(), Some((&Verdict::Bury(cause), false)));
}

#[test]
fn what_no_executor_can_be_given_is_buried_and_harms_none() {
    let mut play = Play::running(settings(), None);
    let cause = Cause::TooLarge { bytes: 3, most: 2 };
    play.tell(Event::Refused(cause.clone()));
    assert_eq!(
        play.said,
        [Action::Ask(Ask::Settle {
            id: ID,
            verdict: Verdict::Bury(cause),
            priority: facts().priority,
            reserve: false
        })]
    );
    let said = play.answer(Answer::Found(true));
    assert!(matches!(said, [Action::Settled { .. }, Action::Report(_)]), "{said:?}");
}

#[test]
fn a_long_job_is_touched_at_a_third_of_its_time() {
    let mut play = Play::idle(settings());
    play.reserved(message(None));
    play.answer(Answer::Facts(Some(Facts { ttr: Ttr(1), ..facts() })));
    for _ in 0..5 {
        let before = play.now;
        play.wait();
        assert!(play.asks(&Ask::Touch(ID)));
        assert!(play.now <= before + Duration::from_millis(334));
        play.answer(Answer::Found(true));
    }
}

#[test]
fn a_job_that_killed_its_executor_comes_back_later_and_the_third_time_is_buried() {
    for (deaths, verdict) in [
        (0, release(crate::ayl::death_delay(1), Cause::Died(1))),
        (1, release(crate::ayl::death_delay(2), Cause::Died(2))),
        (2, Verdict::Bury(Cause::Died(3))),
    ] {
        let mut play = Play::idle(settings());
        play.reserved(message(None));
        play.answer(Answer::Facts(Some(Facts { deaths, ..facts() })));
        play.died();
        assert_eq!(play.verdict(), Some((&verdict, false)));
        assert!(play.said.contains(&Action::StartExecutor), "the worker survives");
        let said = play.answer(Answer::Found(true));
        let death = Some(("was killed by SIGSEGV".to_owned(), "boom".to_owned()));
        assert!(said.contains(&Action::Settled { id: ID, verdict, failure: None, death }), "{said:?}");
    }
}

#[test]
fn a_job_that_runs_too_long_is_killed_and_its_handler_applies() {
    let mut play = Play::running(
        Settings { max_runtime: Some(Duration::from_secs(10)), ..settings() },
        Some(Handler::Bury),
    );
    assert!(play.wait().contains(&Action::KillExecutor));
    assert_eq!(play.now, Duration::from_secs(10));
    play.died();
    let cause = Cause::Overran(Box::new(Cause::Raised(Handler::Bury)));
    assert_eq!(play.verdict(), Some((&Verdict::Bury(cause), false)));
}

#[test]
fn an_idle_worker_leaves_at_once() {
    let mut play = Play::idle(settings());
    let said = play.tell(Event::Terminate);
    assert_eq!(said, [Action::Disconnect, Action::StopExecutor, Action::Show(Doing::Leaving)]);
    assert_eq!(play.died(), [Action::Exit(0, None)]);
}

#[test]
fn an_executor_that_will_not_leave_is_killed() {
    let mut play = Play::idle(settings());
    play.tell(Event::Terminate);
    assert!(play.wait().contains(&Action::KillExecutor));
    assert_eq!(play.now, GOODBYE);
}

#[test]
fn a_busy_worker_finishes_its_job_first() {
    let mut play = Play::running(settings(), None);
    assert_eq!(play.tell(Event::Terminate), []);
    play.ran(Outcome::Returned);
    assert_eq!(play.verdict(), Some((&Verdict::Delete(Cause::Done), false)));
    assert!(play.answer(Answer::Found(true)).contains(&Action::StopExecutor));
    assert_eq!(play.died(), [Action::Exit(0, None)]);
}

#[test]
fn a_job_that_does_not_finish_in_time_is_given_back_unpunished() {
    let mut play = Play::running(settings(), Some(Handler::Delete));
    play.tell(Event::Terminate);
    while !play.said.contains(&Action::KillExecutor) {
        if play.wait().contains(&Action::Ask(Ask::Touch(ID))) {
            play.answer(Answer::Found(true));
        }
    }
    assert_eq!(play.now, Duration::from_secs(30));
    play.died();
    assert_eq!(play.verdict(), Some((&release(0, Cause::Stopped), false)));
    assert!(play.answer(Answer::Found(true)).contains(&Action::Exit(0, None)));
}

#[test]
fn a_second_signal_is_the_end_of_patience() {
    let mut play = Play::running(settings(), None);
    play.tell(Event::Terminate);
    // The kernel says it once for each thread of a supervisor that dies.
    assert_eq!(play.tell(Event::Terminate), []);
    play.now += ECHO;
    assert_eq!(play.tell(Event::Terminate), [Action::KillExecutor, Action::Show(Doing::Leaving)]);
}

#[test]
fn an_answer_that_crossed_the_kill_counts() {
    let mut play = Play::running(settings(), None);
    play.tell(Event::Terminate);
    play.now += ECHO;
    play.tell(Event::Terminate);
    play.ran(Outcome::Returned);
    assert_eq!(play.verdict(), Some((&Verdict::Delete(Cause::Done), false)));
}

#[test]
fn the_job_that_exits_is_deleted_and_ends_the_worker_with_its_status() {
    let mut play = Play::running(settings(), None);
    play.ran(Outcome::Exited(3));
    assert_eq!(play.verdict(), Some((&Verdict::Delete(Cause::Exited(3)), false)));
    assert!(play.answer(Answer::Found(true)).contains(&Action::StopExecutor));
    assert_eq!(play.died(), [Action::Exit(3, None)]);
}

#[test]
fn a_job_whose_connection_broke_is_asked_for_again_and_goes_on() {
    let mut play = Play::running(settings(), None);
    assert_eq!(play.tell(Event::QueueDown { heard: true }), []);
    assert_eq!(play.tell(Event::QueueUp), [Action::Ask(Ask::Regain(ID))]);
    assert_eq!(play.answer(Answer::Found(true)), []);
    play.ran(Outcome::Returned);
    assert_eq!(play.verdict(), Some((&Verdict::Delete(Cause::Done), true)));
}

#[test]
fn a_job_that_another_worker_has_is_not_run_beside_it() {
    let mut play = Play::running(settings(), None);
    play.tell(Event::QueueDown { heard: true });
    play.tell(Event::QueueUp);
    assert_eq!(play.answer(Answer::Found(false)), [Action::Lost(ID), Action::KillExecutor]);
    let said = play.died();
    assert!(said.contains(&Action::StartExecutor) && !said.iter().any(|a| matches!(a, Action::Ask(_))));
}

#[test]
fn a_touch_that_finds_the_reservation_gone_asks_for_the_job_again() {
    let mut play = Play::running(settings(), None);
    play.wait();
    assert_eq!(play.answer(Answer::Found(false)), [Action::Ask(Ask::Regain(ID))]);
}

#[test]
fn a_deletion_whose_answer_was_lost_is_not_taken_for_a_lost_job() {
    let mut play = Play::running(settings(), None);
    play.ran(Outcome::Returned);
    play.tell(Event::QueueDown { heard: true });
    play.tell(Event::QueueUp);
    let said = play.answer(Answer::Found(false)).to_vec();
    let done = Action::Settled { id: ID, verdict: Verdict::Delete(Cause::Done), failure: None, death: None };
    assert_eq!(said, [done, Action::Ask(Ask::Reserve), Action::Show(Doing::Idle)]);
}

#[test]
fn a_deletion_that_was_never_sent_is_no_deletion() {
    let mut play = Play::running(settings(), None);
    play.ran(Outcome::Returned);
    play.tell(Event::QueueDown { heard: false });
    play.tell(Event::QueueUp);
    assert_eq!(play.answer(Answer::Found(false))[0], Action::Lost(ID));
}

#[test]
fn a_queue_that_is_away_costs_nothing_but_time() {
    let mut play = Play::idle(settings());
    assert_eq!(play.tell(Event::QueueDown { heard: true }), [Action::Show(Doing::NoQueue)]);
    play.now = Duration::from_millis(500);
    assert_eq!(play.tell(Event::QueueUp), [Action::Ask(Ask::Reserve), Action::Show(Doing::Idle)]);
}

#[test]
fn what_is_said_of_servers_is_shown_while_the_worker_is_idle_and_no_other_time() {
    let mut idle = Play::idle(settings());
    assert_eq!(idle.tell(Event::Servers), [Action::Show(Doing::Idle)]);
    assert_eq!(Play::running(settings(), None).tell(Event::Servers), []);
    let mut down = Play::idle(settings());
    down.tell(Event::QueueDown { heard: false });
    assert_eq!(down.tell(Event::Servers), []);
}

#[test]
fn while_the_queue_is_away_nothing_is_due_but_what_the_job_itself_asks_for() {
    let mut idle = Play::idle(settings());
    idle.tell(Event::QueueDown { heard: true });
    assert_eq!(idle.core.next_deadline(), None);
    let mut busy = Play::running(Settings { max_runtime: Some(Duration::from_mins(5)), ..settings() }, None);
    busy.tell(Event::QueueDown { heard: false });
    busy.now = Duration::from_secs(1);
    busy.tell(Event::Tick);
    assert_eq!(busy.core.next_deadline(), Some(Duration::from_mins(5)));
}

#[test]
fn after_an_outage_the_job_at_hand_is_asked_for_first() {
    let mut holder = Play::running(settings(), None);
    holder.tell(Event::QueueDown { heard: false });
    assert_eq!(holder.tell(Event::QueueUp)[0], Action::Ask(Ask::Regain(ID)));
}

#[test]
fn the_executor_is_renewed_between_jobs() {
    let recycle = Recycle { max_jobs: Some(1), ..Recycle::default() };
    let mut play = Play::running(Settings { recycle, ..settings() }, None);
    play.ran(Outcome::Returned);
    assert_eq!(play.verdict(), Some((&Verdict::Delete(Cause::Done), false)));
    assert!(play.answer(Answer::Found(true)).contains(&Action::StopExecutor));
    assert!(play.died().contains(&Action::StartExecutor));
    assert!(play.tell(Event::Booted).contains(&Action::Ask(Ask::Reserve)));
}

#[test]
fn memory_and_age_renew_it_too() {
    let recycle =
        Recycle { max_memory: Some(100), max_age: Some(Duration::from_mins(1)), ..Recycle::default() };
    let mut play = Play::running(Settings { recycle, ..settings() }, None);
    play.tell(Event::Ran { outcome: Outcome::Returned, failure: None, memory: Some(101) });
    assert!(play.answer(Answer::Found(true)).contains(&Action::StopExecutor));
    play.died();
    play.tell(Event::Booted);
    assert!(play.wait().contains(&Action::StopExecutor));
    assert_eq!(play.now, Duration::from_mins(1));
}

#[test]
fn no_job_is_waited_for_while_there_is_no_executor_to_run_it() {
    let recycle = Recycle { max_age: Some(Duration::from_mins(1)), ..Recycle::default() };
    let mut aged = Play::idle(Settings { recycle, ..settings() });
    assert_eq!(aged.wait(), [Action::StopExecutor, Action::Disconnect, Action::Show(Doing::Booting)]);
    let mut died = Play::idle(settings());
    assert_eq!(died.died(), [Action::StartExecutor, Action::Disconnect, Action::Show(Doing::Booting)]);
    assert_eq!(died.tell(Event::Booted), [Action::Ask(Ask::Reserve), Action::Show(Doing::Idle)]);
}

#[test]
fn a_job_under_which_whole_workers_died_is_buried_unrun() {
    let mut play = Play::idle(settings());
    play.reserved(message(None));
    play.answer(Answer::Facts(Some(Facts { worker_deaths: 10, ..facts() })));
    assert_eq!(play.verdict(), Some((&Verdict::Bury(Cause::WorkersDied(10)), false)));
}

#[test]
fn an_executor_that_dies_for_nothing_is_started_thrice() {
    let mut play = Play::idle(settings());
    for _ in 0..2 {
        assert!(play.died().contains(&Action::StartExecutor));
        play.tell(Event::Booted);
    }
    play.died();
    let reason = "the executor was killed by SIGSEGV 3 times without a job".to_owned();
    assert!(play.said.contains(&Action::Exit(1, Some(reason))), "{:?}", play.said);
}

#[test]
fn the_mailer_is_told_before_the_next_job() {
    let mut play = Play::running(settings(), None);
    play.ran(Outcome::Raised);
    let said = play.answer(Answer::Found(true)).to_vec();
    assert!(said.iter().any(|action| matches!(action, Action::Report(_))), "{said:?}");
    assert!(!play.asks(&Ask::Reserve));
    assert!(play.tell(Event::Reported).contains(&Action::Ask(Ask::Reserve)));
}
