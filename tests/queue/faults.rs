//! What is known after something went wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use abaqis_daemons::beanstalk::{Delay, JobId, Priority, Refusal, Verb};
use abaqis_daemons::queue::{Client, Error, Options};

use crate::fake::Fake;
use crate::run;
use crate::verbs::{job, tube};

/// Options with which a test waits for nothing it does not want to see.
pub(crate) fn quick() -> Options {
    let short = Duration::from_millis(1);
    Options { backoff_initial: short, backoff_max: short, ..Options::default() }
}

fn client(server: &Fake) -> Client {
    Client::new(server.address(), quick())
}

#[test]
fn a_put_whose_reply_was_lost_is_uncertain_and_sent_once() {
    run(async {
        let puts = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&puts);
        let server = Fake::start(move |mut peer, number| {
            let count = Arc::clone(&count);
            async move {
                while peer.line().await.starts_with("put ") {
                    count.fetch_add(1, Ordering::Relaxed);
                    peer.line().await;
                    if number == 1 {
                        return;
                    }
                    peer.say("INSERTED 5\r\n").await;
                }
            }
        });
        let mut client = client(&server);
        let error = client.put(&job("x")).await.unwrap_err();
        assert!(matches!(error, Error::Uncertain { .. }) && !error.is_certain() && error.is_disconnected());
        assert_eq!(
            error.to_string(),
            format!(
                "lost the connection to beanstalkd at {} during a put, the job may be there or not: \
                 the server closed the connection",
                server.address()
            )
        );
        assert_eq!(puts.load(Ordering::Relaxed), 1);
        assert_eq!(client.put(&job("x")).await.unwrap(), JobId(5));
        assert_eq!((puts.load(Ordering::Relaxed), client.session()), (2, 2));
    });
}

#[test]
fn a_put_that_did_not_go_out_whole_is_known_not_to_be_there() {
    run(async {
        let server = Fake::start(|mut peer, _| async move {
            peer.line().await;
        });
        let body = "x".repeat(16 << 20);
        let error = client(&server).put(&job(&body)).await.unwrap_err();
        assert!(matches!(error, Error::Unreachable { .. }) && error.is_certain(), "{error:?}");
    });
}

#[test]
fn a_new_connection_uses_and_watches_what_the_old_one_did() {
    run(async {
        let hello = ["use put-here", "watch this-one", "ignore default"];
        let server = Fake::start(move |mut peer, number| async move {
            for line in hello {
                assert_eq!(peer.line().await, line);
            }
            peer.say("USING put-here\r\nWATCHING 2\r\nWATCHING 1\r\n").await;
            assert_eq!(peer.line().await, "delete 1");
            if number > 1 {
                peer.say("DELETED\r\n").await;
                peer.stall().await;
            }
        });
        let options = Options { used: tube("put-here"), watched: [tube("this-one")].into(), ..quick() };
        let mut client = Client::connect(server.address(), options).await.unwrap();
        let error = client.delete(JobId(1)).await.unwrap_err();
        assert!(matches!(error, Error::Lost { verb: Verb::Delete, .. }), "{error:?}");
        client.delete(JobId(1)).await.unwrap();
    });
}

#[test]
fn what_is_no_reply_closes_the_connection() {
    for garbage in ["HTTP/1.1 200 OK\r\n", "INSERTED 1\r\n", "RESERVED 1 99999999999\r\n", "DELETED\n"] {
        run(async {
            let server = Fake::start(move |mut peer, _| async move {
                peer.line().await;
                peer.say(garbage).await;
                peer.stall().await;
            });
            let mut client = client(&server);
            let error = client.delete(JobId(1)).await.unwrap_err();
            assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
            assert!(!client.is_connected());
        });
    }
}

#[test]
fn a_reply_nobody_asked_for_closes_the_connection_before_it_can_shift_the_others() {
    run(async {
        let server = Fake::start(|mut peer, number| async move {
            peer.line().await;
            peer.say(if number == 1 { "NOT_FOUND\r\nDELETED\r\n" } else { "NOT_FOUND\r\n" }).await;
            peer.stall().await;
        });
        let mut client = client(&server);
        for session in 1..=2 {
            let error = client.delete(JobId(1)).await.unwrap_err();
            assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
            assert_eq!(client.session(), session);
        }
    });
}

#[test]
fn a_server_out_of_memory_says_no_and_stays_connected() {
    run(async {
        let server = Fake::scripted(&[
            ("put", "OUT_OF_MEMORY\r\n"),
            ("put", "BURIED 7\r\n"),
            ("release", "BURIED\r\n"),
            ("delete", "INTERNAL_ERROR\r\n"),
            ("put", "INSERTED 8\r\n"),
        ]);
        let mut client = client(&server);
        let error = client.put(&job("x")).await.unwrap_err();
        assert!(matches!(error, Error::Refused { refusal: Refusal::OutOfMemory, .. }) && error.is_certain());
        let error = client.put(&job("x")).await.unwrap_err();
        assert!(matches!(error, Error::Buried { job: Some(JobId(7)), .. }) && !error.is_certain());
        let error = client.release(JobId(1), Priority(0), Delay(0)).await.unwrap_err();
        assert!(matches!(error, Error::Buried { job: None, .. }));
        let error = client.delete(JobId(1)).await.unwrap_err();
        assert!(matches!(error, Error::Refused { verb: Verb::Delete, refusal: Refusal::InternalError, .. }));
        assert_eq!(client.put(&job("x")).await.unwrap(), JobId(8));
        assert_eq!(client.session(), 1);
    });
}

#[test]
fn a_put_the_server_did_not_understand_closes_the_connection() {
    for refusal in ["BAD_FORMAT\r\n", "UNKNOWN_COMMAND\r\n", "EXPECTED_CRLF\r\n"] {
        run(async {
            let server = Fake::start(move |mut peer, _| async move {
                peer.line().await;
                peer.say(refusal).await;
                peer.stall().await;
            });
            let mut client = client(&server);
            let error = client.put(&job("delete 1\r\n")).await.unwrap_err();
            assert!(matches!(error, Error::Refused { .. }) && error.is_disconnected(), "{error:?}");
            assert!(!client.is_connected());
        });
    }
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    run(async {
        let server = Fake::start(|mut peer, _| async move { peer.stall().await });
        let options = Options { reply_timeout: Duration::from_millis(20), ..quick() };
        let mut client = Client::new(server.address(), options);
        let error = client.stats().await.unwrap_err().to_string();
        assert!(error.ends_with("during `stats`: no reply within 0.02 s"), "{error}");
        let error = client.put(&job("x")).await.unwrap_err();
        assert!(matches!(error, Error::Uncertain { .. }));
        let error = client.reserve_with_timeout(0).await.unwrap_err();
        assert!(matches!(error, Error::Lost { verb: Verb::ReserveWithTimeout, .. }));
    });
}

#[test]
fn connecting_has_a_limit_that_includes_choosing_the_tubes() {
    run(async {
        let server = Fake::start(|mut peer, _| async move { peer.stall().await });
        let options = Options { connect_timeout: Duration::from_millis(20), used: tube("a"), ..quick() };
        let error = Client::connect(server.address(), options).await.err().unwrap().to_string();
        let expected =
            format!("cannot reach beanstalkd at {}: no connection within 0.02 s", server.address());
        assert_eq!(error, expected);
    });
}

#[test]
fn nobody_listening_is_said_at_each_call_after_a_growing_wait() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("unix:{}", folder.path().join("none").display());
        let mut client = Client::new(address.parse().unwrap(), quick());
        for _ in 0..3 {
            let error = client.stats().await.unwrap_err();
            assert!(matches!(error, Error::Unreachable { .. }) && error.is_certain());
            let expected =
                format!("cannot reach beanstalkd at {address}: No such file or directory (os error 2)");
            assert_eq!(error.to_string(), expected);
            assert!(client.not_before().is_some());
        }
    });
}

#[test]
fn a_connection_that_is_closed_for_its_answers_is_not_made_again_at_once() {
    run(async {
        let server = Fake::start(|mut peer, _| async move { peer.stall().await });
        let long = Duration::from_mins(10);
        let options = Options { backoff_initial: long, backoff_max: long, ..quick() };
        let mut client = Client::connect(server.address(), options).await.unwrap();
        client.fail();
        assert!(!client.is_connected() && client.not_before().is_some());
        client.disconnect();
        assert!(client.not_before().is_none());
    });
}

#[test]
fn a_pipeline_that_breaks_knows_what_was_answered_and_what_was_not() {
    run(async {
        let server = Fake::start(|mut peer, _| async move {
            for _ in 0..20 {
                peer.line().await;
            }
            peer.say("INSERTED 1\r\nINSERTED 2\r\nDRAINING\r\n").await;
        });
        let mut client = client(&server);
        let mut outcomes = Vec::new();
        let jobs = (0..10).map(|_| job("x"));
        let broken = client.put_many(jobs, |number, outcome| outcomes.push((number, outcome.ok()))).await;
        assert_eq!(outcomes, [(0, Some(JobId(1))), (1, Some(JobId(2))), (2, None)]);
        let broken = broken.unwrap_err();
        assert_eq!((broken.answered, broken.uncertain), (3, 7));
        assert!(matches!(broken.error, Error::Uncertain { .. }));
    });
}

#[test]
fn a_pipeline_stops_where_the_server_lost_the_thread() {
    run(async {
        let server = Fake::start(|mut peer, _| async move {
            peer.line().await;
            peer.say("DELETED\r\nBAD_FORMAT\r\nDELETED\r\n").await;
            peer.stall().await;
        });
        let mut client = client(&server);
        let commands = (0..3).map(|id| abaqis_daemons::beanstalk::Command::Delete(JobId(id)));
        let broken = client.pipeline(commands, |_, _| {}).await.unwrap_err();
        assert_eq!((broken.answered, broken.uncertain), (1, 1));
        assert!(matches!(broken.error, Error::Refused { refusal: Refusal::BadFormat, .. }));
        assert!(!client.is_connected());
    });
}

#[test]
fn a_refusal_may_come_before_the_job_is_out_whole() {
    run(async {
        let server = Fake::start(|mut peer, _| async move {
            peer.line().await;
            peer.say("BAD_FORMAT\r\n").await;
            std::future::pending::<()>().await;
        });
        let body = "x".repeat(16 << 20);
        let broken = client(&server).put_many([job(&body), job("y")], |_, _| {}).await.unwrap_err();
        assert_eq!((broken.answered, broken.uncertain), (0, 0));
        assert!(broken.error.is_disconnected());
    });
}

#[test]
fn a_wait_that_no_server_takes_is_not_sent() {
    run(async {
        let server = Fake::scripted(&[("delete", "DELETED\r\n")]);
        let mut client = client(&server);
        assert!(matches!(client.reserve_with_timeout(u32::MAX).await, Err(Error::Invalid(_))));
        client.delete(JobId(1)).await.unwrap();
    });
}
