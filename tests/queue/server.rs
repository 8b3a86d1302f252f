//! What the real server does to a client.

use abaqis_daemons::beanstalk::{JobId, Refusal, Ttr, Verb};
use abaqis_daemons::queue::{Client, Error, NewJob, Reservation};

use crate::beanstalkd::Beanstalkd;
use crate::faults::quick;
use crate::run;
use crate::verbs::job;

#[test]
fn a_client_that_was_idle_while_the_server_restarted_does_not_notice() {
    let mut server = Beanstalkd::durable();
    run(async {
        let mut client = Client::connect(server.address(), quick()).await.unwrap();
        let first = client.put(&job("before")).await.unwrap();
        server.kill();
        server.restart();
        // Let the runtime hear that the connection has ended.
        tokio::task::yield_now().await;
        let second = client.put(&job("after")).await.unwrap();
        assert_eq!(client.session(), 2);
        assert_eq!(client.peek(first).await.unwrap().unwrap().body, "before");
        assert_eq!(client.peek(second).await.unwrap().unwrap().body, "after");
    });
}

#[test]
fn a_reserve_under_way_is_lost_with_the_server_and_the_next_goes_on() {
    let mut server = Beanstalkd::durable();
    run(async {
        let mut client = Client::connect(server.address(), quick()).await.unwrap();
        let killed = async {
            tokio::task::yield_now().await;
            server.kill();
        };
        let (outcome, ()) = tokio::join!(client.reserve(), killed);
        assert!(matches!(outcome, Err(Error::Lost { verb: Verb::Reserve, .. })), "{outcome:?}");
        assert!(matches!(client.reserve().await, Err(Error::Unreachable { .. })));
        server.restart();
        assert_eq!(client.reserve_with_timeout(0).await.unwrap(), Reservation::TimedOut);
    });
}

#[test]
fn a_draining_server_takes_no_job_and_gives_those_it_has() {
    let server = Beanstalkd::start();
    run(async {
        let mut client = Client::connect(server.address(), quick()).await.unwrap();
        client.put(&job("x")).await.unwrap();
        server.drain();
        let error = client.put(&job("y")).await.unwrap_err();
        assert!(matches!(error, Error::Refused { verb: Verb::Put, refusal: Refusal::Draining, .. }));
        assert_eq!(
            error.to_string(),
            format!(
                "beanstalkd at {} refused `put`: the server is draining and takes no new jobs (DRAINING)",
                server.address()
            )
        );
        assert!(matches!(client.reserve().await.unwrap(), Reservation::Job(_)));
        assert!(client.stats().await.unwrap().draining);
        assert_eq!(client.session(), 1);
    });
}

#[test]
fn a_job_that_is_too_big_is_refused_and_its_body_is_no_command() {
    let server = Beanstalkd::with(&["-z", "1000"]);
    run(async {
        let mut client = Client::connect(server.address(), quick()).await.unwrap();
        let id = client.put(&job("x")).await.unwrap();
        let body = format!("delete {id}\r\n").repeat(1000);
        let error = client.put(&job(&body)).await.unwrap_err();
        assert!(matches!(error, Error::Refused { refusal: Refusal::JobTooBig, .. }));
        assert!(client.peek(id).await.unwrap().is_some());
        assert_eq!(client.session(), 1);
    });
}

#[test]
fn who_holds_a_job_with_less_than_a_second_left_is_not_made_to_wait() {
    let server = Beanstalkd::start();
    run(async {
        let mut client = Client::connect(server.address(), quick()).await.unwrap();
        client.put(&NewJob { ttr: Ttr(1), ..job("x") }).await.unwrap();
        assert!(matches!(client.reserve().await.unwrap(), Reservation::Job(_)));
        assert_eq!(client.reserve().await.unwrap(), Reservation::DeadlineSoon);
    });
}

#[test]
fn a_body_of_many_megabytes_goes_there_and_back() {
    let server = Beanstalkd::with(&["-z", "200000000"]);
    run(async {
        let mut client = Client::connect(server.address(), quick()).await.unwrap();
        let body: String = "0123456789abcdef".repeat(2 << 20);
        let id = client.put(&job(&body)).await.unwrap();
        let found = client.peek(id).await.unwrap().unwrap();
        assert!(found.body == body.as_bytes());
        let body = "x".repeat((64 << 20) + 1);
        let id = client.put(&job(&body)).await.unwrap();
        let error = client.peek(id).await.unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
        assert_eq!(client.peek(JobId(u64::MAX)).await.unwrap(), None);
    });
}

#[test]
fn any_byte_may_be_in_a_body() {
    let server = Beanstalkd::start();
    run(async {
        let mut client = Client::connect(server.address(), quick()).await.unwrap();
        let body: Vec<u8> = (0..=255).chain(*b"\r\nquit\r\n").collect();
        let put = NewJob { body: &body, priority: job("").priority, delay: job("").delay, ttr: Ttr(1) };
        let id = client.put(&put).await.unwrap();
        assert_eq!(client.reserve_job(id).await.unwrap().body, body);
    });
}
