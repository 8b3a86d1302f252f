//! Several servers: producers spread and fail over, a consumer reserves from all. And jobs that are had
//! back after the connection to their server broke.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use abaqis_daemons::beanstalk::{Delay, Job, JobState};
use abaqis_daemons::names::{ServerAddress, Tube};
use abaqis_daemons::queue::{Arrival, Client, Consumer, Error, NewJob, Options, Producer, Reservation};

use crate::beanstalkd::Beanstalkd;
use crate::fake::Fake;
use crate::faults::quick;
use crate::verbs::job;
use crate::{run, until};

fn addresses(servers: &[&Beanstalkd]) -> Vec<ServerAddress> {
    servers.iter().map(|server| server.address()).collect()
}

/// The next job, and the number of its server.
async fn next(consumer: &mut Consumer) -> (usize, Job) {
    loop {
        if let Arrival::Job { server, job } = consumer.next().await.unwrap() {
            return (server, job);
        }
    }
}

async fn delete(consumer: &mut Consumer, (server, job): (usize, Job)) {
    consumer.client(server).unwrap().delete(job.id).await.unwrap();
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
        assert!(matches!(Consumer::new(&[], &quick()).next().await, Err(Error::NoServer)));
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
            let (server, job) = next(&mut consumer).await;
            let client = consumer.client(server).unwrap();
            client.touch(job.id).await.unwrap();
            assert_eq!(client.stats_job(job.id).await.unwrap().unwrap().reserves, 1);
            found.insert(String::from_utf8(job.body.to_vec()).unwrap());
            delete(&mut consumer, (server, job)).await;
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
            _ = consumer.next() => panic!("there was no job"),
            () = until(async || both_wait(&mut first, &mut second).await) => {}
        }
        first.put(&job("one")).await.unwrap();
        second.put(&job("two")).await.unwrap();
        let found = next(&mut consumer).await;
        until(async || {
            let (one, two) = (first.stats().await.unwrap(), second.stats().await.unwrap());
            (one.reserved + two.reserved, one.ready + two.ready) == (1, 1)
        })
        .await;
        delete(&mut consumer, found).await;
        let found = next(&mut consumer).await;
        delete(&mut consumer, found).await;
    });
}

async fn both_wait(first: &mut Client, second: &mut Client) -> bool {
    first.stats().await.unwrap().waiting == 1 && second.stats().await.unwrap().waiting == 1
}

#[test]
fn a_consumer_lives_with_a_server_that_is_away_and_says_so_once() {
    let (mut one, two) = (Beanstalkd::start(), Beanstalkd::start());
    run(async {
        let mut consumer = Consumer::new(&addresses(&[&one, &two]), &quick());
        consumer.connect().await.unwrap();
        one.kill();
        let mut second = direct(&two).await;
        second.put(&job("two")).await.unwrap();
        let found = next(&mut consumer).await;
        delete(&mut consumer, found).await;
        let Ok(Arrival::Away { server: 0, error }) = consumer.next().await else { panic!("not said") };
        assert!(error.is_disconnected(), "{error}");
        // It is tried again and again, and not told of again.
        let again = tokio::time::timeout(Duration::from_millis(50), consumer.next()).await;
        assert!(again.is_err(), "{again:?}");
        one.restart();
        direct(&one).await.put(&job("one")).await.unwrap();
        assert!(matches!(consumer.next().await, Ok(Arrival::Back { server: 0 })));
        assert_eq!(next(&mut consumer).await.1.body, "one");
    });
}

#[test]
fn that_all_servers_are_away_is_an_error_and_not_told_of_each() {
    let (mut one, mut two) = (Beanstalkd::start(), Beanstalkd::start());
    let servers = addresses(&[&one, &two]);
    one.kill();
    two.kill();
    run(async {
        let mut consumer = Consumer::new(&servers, &quick());
        assert!(matches!(consumer.connect().await, Err(Error::Unreachable { .. })));
        assert!(matches!(consumer.next().await, Err(Error::Unreachable { .. })));
        two.restart();
        until(async || consumer.connect().await.is_ok()).await;
        direct(&two).await.put(&job("two")).await.unwrap();
        assert_eq!(next(&mut consumer).await.0, 1);
    });
}

/// A server that says at once, however often it is asked, that there is no job.
fn hasty(answer: &'static str) -> Fake {
    Fake::start(move |mut peer, _| async move {
        loop {
            match peer.line().await.as_str() {
                "" => return,
                "reserve-with-timeout 0" => peer.say("TIMED_OUT\r\n").await,
                _ => peer.say(answer).await,
            }
        }
    })
}

#[test]
fn a_server_that_ends_a_wait_at_once_is_taken_for_none_and_asked_ever_more_rarely() {
    for (answer, line) in [("TIMED_OUT", "TIMED_OUT\r\n"), ("DEADLINE_SOON", "DEADLINE_SOON\r\n")] {
        run(async {
            let server = hasty(line);
            let options = Options { backoff_max: Duration::from_mins(10), ..quick() };
            let mut consumer = Consumer::new(&[server.address()], &options);
            let began = Instant::now();
            for _ in 0..8 {
                let error = consumer.next().await.unwrap_err();
                let expected = format!(
                    "{} does not speak beanstalkd's protocol, the connection was closed: \
                     {answer} ended a `reserve` before its time",
                    server.address()
                );
                assert_eq!(error.to_string(), expected);
            }
            // 1 + 2 + 4 + … 64 ms, each shortened by its half at most.
            assert!(began.elapsed() >= Duration::from_millis(63), "{:?}", began.elapsed());
        });
    }
}

#[test]
fn a_wait_with_an_end_of_its_own_that_is_ended_at_once_is_no_wait() {
    run(async {
        let server = hasty("TIMED_OUT\r\n");
        let mut client = Client::new(server.address(), quick());
        assert_eq!(client.next_job(Some(0)).await.unwrap(), None);
        let error = client.next_job(Some(60)).await.unwrap_err().to_string();
        assert!(error.ends_with("TIMED_OUT ended a `reserve-with-timeout` before its time"), "{error}");
        let real = Beanstalkd::start();
        let mut client = direct(&real).await;
        assert_eq!(client.next_job(Some(1)).await.unwrap(), None);
    });
}

#[test]
fn a_server_that_ends_each_wait_at_once_does_not_keep_the_jobs_of_another_back() {
    let real = Beanstalkd::start();
    run(async {
        let hasty = hasty("TIMED_OUT\r\n");
        let mut consumer = Consumer::new(&[hasty.address(), real.address()], &quick());
        let Ok(Arrival::Away { server: 0, .. }) = consumer.next().await else { panic!("not said") };
        direct(&real).await.put(&job("x")).await.unwrap();
        assert_eq!(next(&mut consumer).await.0, 1);
    });
}

/// A client with a job that it has reserved.
async fn held_over_a_restart(server: &mut Beanstalkd) -> (Client, Job, Instant) {
    let mut client = direct(server).await;
    client.put(&job("ours")).await.unwrap();
    let Ok(Reservation::Job(job)) = client.reserve().await else { panic!("no job") };
    let since = Instant::now();
    server.kill();
    server.restart();
    (client, job, since)
}

/// Tries until the server is back.
async fn regained(client: &mut Client, job: &Job, since: Instant) -> bool {
    let mut found = None;
    until(async || {
        found = client.regain(job, since.elapsed()).await.ok();
        found.is_some()
    })
    .await;
    found.unwrap()
}

#[test]
fn a_job_whose_server_restarted_is_had_back_and_finished() {
    let mut server = Beanstalkd::durable();
    run(async {
        let (mut client, job, since) = held_over_a_restart(&mut server).await;
        assert!(regained(&mut client, &job, since).await);
        assert_eq!(direct(&server).await.stats().await.unwrap().reserved, 1);
        client.delete(job.id).await.unwrap();
        let stats = direct(&server).await.stats().await.unwrap();
        assert_eq!((stats.ready, stats.reserved), (0, 0));
    });
}

#[test]
fn a_job_that_another_worker_took_meanwhile_is_not_ours() {
    let mut server = Beanstalkd::durable();
    run(async {
        let (mut client, job, since) = held_over_a_restart(&mut server).await;
        let mut other = direct(&server).await;
        other.reserve_job(job.id).await.unwrap();
        assert!(!regained(&mut client, &job, since).await);
        other.delete(job.id).await.unwrap();
        assert!(!regained(&mut client, &job, since).await);
    });
}

#[test]
fn another_job_with_the_same_number_is_left_as_it_is() {
    let mut server = Beanstalkd::start();
    run(async {
        let (mut client, held, since) = held_over_a_restart(&mut server).await;
        let mut other = direct(&server).await;
        let theirs = NewJob { delay: Delay(1000), ..job("theirs") };
        assert_eq!(other.put(&theirs).await.unwrap(), held.id);
        assert!(!regained(&mut client, &held, since).await);
        let found = other.stats_job(held.id).await.unwrap().unwrap();
        assert_eq!((found.state, found.reserves), (JobState::Delayed, 0));
    });
}

#[test]
fn a_younger_job_with_the_same_number_and_the_same_body_is_not_taken_for_ours() {
    let mut server = Beanstalkd::start();
    run(async {
        let (mut client, held, since) = held_over_a_restart(&mut server).await;
        let mut other = direct(&server).await;
        assert_eq!(other.put(&job("ours")).await.unwrap(), held.id);
        // As if ours had been reserved a while before that.
        let since = since.checked_sub(Duration::from_mins(1)).unwrap();
        assert!(!regained(&mut client, &held, since).await);
        assert_eq!(other.stats().await.unwrap().ready, 1);
    });
}
