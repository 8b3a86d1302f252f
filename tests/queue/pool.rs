//! Several servers: producers spread and fail over, a consumer reserves from all.

use std::collections::BTreeSet;

use abaqis_daemons::beanstalk::{Delay, Priority};
use abaqis_daemons::names::{ServerAddress, Tube};
use abaqis_daemons::queue::{Client, Consumer, Error, Producer};
use futures_util::FutureExt;

use crate::beanstalkd::Beanstalkd;
use crate::fake::Fake;
use crate::faults::quick;
use crate::verbs::job;
use crate::{run, until};

fn addresses(servers: &[&Beanstalkd]) -> Vec<ServerAddress> {
    servers.iter().map(|server| server.address()).collect()
}

async fn direct(server: &Beanstalkd) -> Client {
    Client::connect(server.address(), quick()).await.unwrap()
}

#[test]
fn a_producer_spreads_its_jobs() {
    let (one, two) = (Beanstalkd::start(), Beanstalkd::start());
    run(async {
        let mut producer = Producer::new(&addresses(&[&one, &two]), &quick());
        for _ in 0..10 {
            producer.put(&Tube::default(), &job("x")).await.unwrap();
        }
        assert_eq!(direct(&one).await.stats().await.unwrap().ready, 5);
        assert_eq!(direct(&two).await.stats().await.unwrap().ready, 5);
    });
}

#[test]
fn a_producer_goes_on_to_the_server_that_takes_the_job() {
    let (mut one, two, three) = (Beanstalkd::start(), Beanstalkd::start(), Beanstalkd::start());
    run(async {
        let mut producer = Producer::new(&addresses(&[&one, &two, &three]), &quick());
        two.drain();
        one.kill();
        for _ in 0..10 {
            let (server, _) = producer.put(&Tube::default(), &job("x")).await.unwrap();
            assert_eq!(server, three.address());
        }
        three.drain();
        let error = producer.put(&Tube::default(), &job("x")).await.unwrap_err();
        assert!(error.is_certain(), "{error}");
        one.restart();
        until(async || producer.put(&Tube::default(), &job("x")).await.is_ok()).await;
    });
}

#[test]
fn a_producer_does_not_put_an_uncertain_job_elsewhere() {
    let real = Beanstalkd::start();
    run(async {
        let fake = Fake::start(|mut peer, _| async move {
            peer.line().await;
        });
        let mut producer = Producer::new(&[real.address(), fake.address()], &quick());
        let mut outcomes = Vec::new();
        for _ in 0..2 {
            outcomes.push(producer.put(&Tube::default(), &job("x")).await);
        }
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        assert!(outcomes.iter().any(|outcome| matches!(outcome, Err(Error::Uncertain { .. }))));
        assert_eq!(direct(&real).await.stats().await.unwrap().total, 1);
    });
}

#[test]
fn without_a_server_nothing_is_put_or_reserved() {
    run(async {
        let error = Producer::new(&[], &quick()).put(&Tube::default(), &job("x")).await.unwrap_err();
        assert_eq!(error.to_string(), "no beanstalkd is configured");
        assert!(matches!(Consumer::new(&[], &quick()).reserve().await.err(), Some(Error::NoServer)));
        assert!(matches!(Consumer::new(&[], &quick()).connect().await, Err(Error::NoServer)));
    });
}

#[test]
fn a_consumer_takes_jobs_of_all_servers_and_finishes_them_where_they_are() {
    let (one, two) = (Beanstalkd::start(), Beanstalkd::start());
    run(async {
        let (mut first, mut second) = (direct(&one).await, direct(&two).await);
        for number in 0..3 {
            first.put(&job(&format!("one {number}"))).await.unwrap();
            second.put(&job(&format!("two {number}"))).await.unwrap();
        }
        let mut consumer = Consumer::new(&addresses(&[&one, &two]), &quick());
        let mut found = BTreeSet::new();
        for _ in 0..6 {
            let mut held = consumer.reserve().await.unwrap();
            held.touch().await.unwrap();
            assert_eq!(held.statistics().await.unwrap().reserves, 1);
            found.insert(String::from_utf8(held.body().to_vec()).unwrap());
            held.delete().await.unwrap();
        }
        assert_eq!(found.len(), 6);
        assert_eq!(first.stats().await.unwrap().all.get("cmd-delete").unwrap().to_string(), "3");
        assert_eq!(second.stats().await.unwrap().all.get("cmd-delete").unwrap().to_string(), "3");
    });
}

#[test]
fn a_waiting_consumer_takes_one_job_though_two_servers_get_one() {
    let (one, two) = (Beanstalkd::start(), Beanstalkd::start());
    run(async {
        let (mut first, mut second) = (direct(&one).await, direct(&two).await);
        let mut consumer = Consumer::new(&addresses(&[&one, &two]), &quick());
        tokio::select! {
            _ = consumer.reserve() => panic!("there was no job"),
            () = until(async || both_wait(&mut first, &mut second).await) => {}
        }
        first.put(&job("one")).await.unwrap();
        second.put(&job("two")).await.unwrap();
        let mut held = consumer.reserve().await.unwrap();
        until(async || {
            let (one, two) = (first.stats().await.unwrap(), second.stats().await.unwrap());
            (one.reserved + two.reserved, one.ready + two.ready) == (1, 1)
        })
        .await;
        held.delete().await.unwrap();
        drop(held);
        let mut held = consumer.reserve().await.unwrap();
        held.delete().await.unwrap();
    });
}

async fn both_wait(first: &mut Client, second: &mut Client) -> bool {
    first.stats().await.unwrap().waiting == 1 && second.stats().await.unwrap().waiting == 1
}

#[test]
fn a_consumer_lives_with_a_server_that_is_away() {
    let (mut one, two) = (Beanstalkd::start(), Beanstalkd::start());
    run(async {
        let mut consumer = Consumer::new(&addresses(&[&one, &two]), &quick());
        consumer.connect().await.unwrap();
        one.kill();
        let mut second = direct(&two).await;
        second.put(&job("two")).await.unwrap();
        consumer.reserve().await.unwrap().delete().await.unwrap();
        // With nothing to do it finds out who is away, and takes the job of one that is back.
        until(async || consumer.reserve().now_or_never().is_none() && consumer.troubles().count() == 1).await;
        one.restart();
        direct(&one).await.put(&job("one")).await.unwrap();
        assert_eq!(consumer.reserve().await.unwrap().body(), "one");
        assert_eq!(consumer.troubles().count(), 0);
    });
}

#[test]
fn a_consumer_says_so_when_all_servers_are_away() {
    let (mut one, mut two) = (Beanstalkd::start(), Beanstalkd::start());
    let servers = addresses(&[&one, &two]);
    one.kill();
    two.kill();
    run(async {
        let mut consumer = Consumer::new(&servers, &quick());
        assert!(matches!(consumer.connect().await, Err(Error::Unreachable { .. })));
        assert!(matches!(consumer.reserve().await.err(), Some(Error::Unreachable { .. })));
        two.restart();
        until(async || consumer.connect().await.is_ok()).await;
        direct(&two).await.put(&job("two")).await.unwrap();
        assert_eq!(consumer.reserve().await.unwrap().server(), &two.address());
    });
}

#[test]
fn a_held_job_that_is_dropped_is_ready_again_at_once() {
    let server = Beanstalkd::start();
    run(async {
        let mut client = direct(&server).await;
        let id = client.put(&job("x")).await.unwrap();
        let mut consumer = Consumer::new(&addresses(&[&server]), &quick());
        drop(consumer.reserve().await.unwrap());
        until(async || client.stats().await.unwrap().ready == 1).await;
        let mut held = consumer.reserve().await.unwrap();
        assert_eq!(held.id(), id);
        held.release(Priority(3), Delay(0)).await.unwrap();
        drop(held);
        let mut held = consumer.reserve().await.unwrap();
        held.bury(Priority(4)).await.unwrap();
        assert_eq!(client.stats_job(id).await.unwrap().unwrap().priority, Priority(4));
    });
}

#[test]
fn a_job_whose_server_restarted_is_had_back_and_finished() {
    let mut server = Beanstalkd::durable();
    run(async {
        direct(&server).await.put(&job("x")).await.unwrap();
        let mut consumer = Consumer::new(&addresses(&[&server]), &quick());
        let mut held = consumer.reserve().await.unwrap();
        server.kill();
        assert!(matches!(held.touch().await, Err(Error::Lost { .. } | Error::Unreachable { .. })));
        server.restart();
        until(async || held.touch().await.is_ok()).await;
        assert_eq!(direct(&server).await.stats().await.unwrap().reserved, 1);
        held.delete().await.unwrap();
        let stats = direct(&server).await.stats().await.unwrap();
        assert_eq!((stats.ready, stats.reserved), (0, 0));
    });
}

#[test]
fn a_job_that_another_worker_took_meanwhile_is_not_ours() {
    let mut server = Beanstalkd::durable();
    run(async {
        direct(&server).await.put(&job("x")).await.unwrap();
        let mut consumer = Consumer::new(&addresses(&[&server]), &quick());
        let mut held = consumer.reserve().await.unwrap();
        server.kill();
        server.restart();
        let mut other = direct(&server).await;
        let taken = other.reserve_job(held.id()).await.unwrap();
        until(async || matches!(held.delete().await, Err(Error::NotFound { .. }))).await;
        other.delete(taken.id).await.unwrap();
    });
}

#[test]
fn another_job_with_the_same_number_is_left_alone() {
    let mut server = Beanstalkd::start();
    run(async {
        direct(&server).await.put(&job("ours")).await.unwrap();
        let mut consumer = Consumer::new(&addresses(&[&server]), &quick());
        let mut held = consumer.reserve().await.unwrap();
        server.kill();
        server.restart();
        let mut client = direct(&server).await;
        assert_eq!(client.put(&job("theirs")).await.unwrap(), held.id());
        until(async || matches!(held.delete().await, Err(Error::NotFound { .. }))).await;
        assert_eq!(client.peek_ready().await.unwrap().unwrap().body, "theirs");
    });
}
