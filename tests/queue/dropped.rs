//! Futures that are dropped half-way lose no job and shift no reply.

use std::future::Future;

use abaqis_daemons::beanstalk::{Command, JobId, Reply};
use abaqis_daemons::queue::{Client, Error, Reservation};
use futures_util::FutureExt;

use crate::beanstalkd::Beanstalkd;
use crate::fake::Fake;
use crate::faults::quick;
use crate::verbs::job;
use crate::{run, until};

/// Polls a call once and drops it.
fn dropped<T>(call: impl Future<Output = T>) {
    let _ = call.now_or_never();
}

fn body(reservation: &Reservation) -> &[u8] {
    match reservation {
        Reservation::Job(job) => &job.body,
        other => panic!("no job: {other:?}"),
    }
}

#[test]
fn the_job_of_a_dropped_reserve_comes_with_the_next() {
    let server = Beanstalkd::start();
    run(async {
        let mut worker = Client::connect(server.address(), quick()).await.unwrap();
        let mut producer = Client::connect(server.address(), quick()).await.unwrap();
        dropped(worker.reserve());
        assert!(worker.is_reserving());
        producer.put(&job("first")).await.unwrap();
        assert_eq!(body(&worker.reserve().await.unwrap()), b"first");
        producer.put(&job("second")).await.unwrap();
        assert_eq!(body(&worker.reserve().await.unwrap()), b"second");
        let stats = producer.stats().await.unwrap();
        assert_eq!((stats.reserved, stats.ready), (2, 0));
    });
}

#[test]
fn while_a_dropped_reserve_waits_other_calls_say_so() {
    let server = Beanstalkd::start();
    run(async {
        let mut worker = Client::connect(server.address(), quick()).await.unwrap();
        dropped(worker.reserve());
        let error = worker.stats().await.unwrap_err();
        assert!(matches!(error, Error::Reserving(_)) && !error.is_disconnected());
        assert_eq!(
            error.to_string(),
            format!("a reserve is still under way on the connection to beanstalkd at {}", server.address())
        );
        worker.disconnect();
        until(async || worker.stats().await.unwrap().waiting == 0).await;
    });
}

#[test]
fn a_dropped_reserve_that_is_given_up_leaves_the_job_ready() {
    let server = Beanstalkd::start();
    run(async {
        let mut worker = Client::connect(server.address(), quick()).await.unwrap();
        let mut producer = Client::connect(server.address(), quick()).await.unwrap();
        dropped(worker.reserve());
        let id = producer.put(&job("x")).await.unwrap();
        worker.disconnect();
        until(async || worker.reserve_job(id).await.is_ok()).await;
    });
}

#[test]
fn a_job_that_came_for_a_dropped_reserve_does_not_hold_other_calls_up() {
    run(async {
        let server = Fake::scripted(&[
            ("reserve", "RESERVED 1 1\r\na\r\n"),
            ("touch 1", "TOUCHED\r\n"),
            ("reserve-with-timeout 0", "TIMED_OUT\r\n"),
        ]);
        let mut worker = Client::connect(server.address(), quick()).await.unwrap();
        dropped(worker.reserve());
        while matches!(worker.touch(JobId(1)).await, Err(Error::Reserving(_))) {
            tokio::task::yield_now().await;
        }
        assert_eq!(body(&worker.reserve().await.unwrap()), b"a");
        assert_eq!(worker.reserve_with_timeout(0).await.unwrap(), Reservation::TimedOut);
    });
}

#[test]
fn the_reply_to_a_dropped_call_goes_to_nobody_else() {
    let server = Beanstalkd::start();
    run(async {
        let mut client = Client::connect(server.address(), quick()).await.unwrap();
        for round in 0..50 {
            dropped(client.put(&job("x")));
            dropped(client.stats());
            dropped(client.delete(JobId(u64::MAX)));
            let id = client.put(&job(&format!("round {round}"))).await.unwrap();
            assert_eq!(client.peek(id).await.unwrap().unwrap().body, format!("round {round}"));
        }
        assert_eq!(client.session(), 1);
    });
}

#[test]
fn a_dropped_pipeline_keeps_the_jobs_it_reserved() {
    let server = Beanstalkd::start();
    run(async {
        let mut client = Client::connect(server.address(), quick()).await.unwrap();
        client.put_many((0..3).map(|_| job("x")), |_, outcome| assert!(outcome.is_ok())).await.unwrap();
        let reserves = [Command::ReserveWithTimeout(0); 3];
        dropped(client.pipeline(reserves, |_, reply| assert!(matches!(reply, Reply::Reserved(_)))));
        let mut found = 0;
        while let Reservation::Job(job) = client.reserve_with_timeout(0).await.unwrap() {
            client.delete(job.id).await.unwrap_or_else(|error| assert!(matches!(error, Error::Reserving(_))));
            found += 1;
        }
        assert_eq!(found, 3);
    });
}
