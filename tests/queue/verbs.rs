//! Every command, answered by the real server.

use abaqis_daemons::beanstalk::{Delay, JobId, JobState, Priority, Ttr, Verb};
use abaqis_daemons::names::Tube;
use abaqis_daemons::queue::{Client, Error, NewJob, Options, Reservation};

use crate::beanstalkd::Beanstalkd;
use crate::run;

pub(crate) fn job(body: &str) -> NewJob<&str> {
    NewJob { priority: Priority(512), delay: Delay(0), ttr: Ttr(120), body }
}

pub(crate) fn tube(name: &str) -> Tube {
    name.parse().unwrap()
}

async fn connect(server: &Beanstalkd) -> Client {
    Client::connect(server.address(), Options::default()).await.unwrap()
}

#[test]
fn a_job_is_put_reserved_and_deleted() {
    let server = Beanstalkd::start();
    run(async {
        let mut client = connect(&server).await;
        let id = client.put(&job("hello")).await.unwrap();
        let Reservation::Job(found) = client.reserve().await.unwrap() else { panic!("no job") };
        assert_eq!((found.id, &found.body[..]), (id, &b"hello"[..]));
        let stats = client.stats_job(id).await.unwrap().unwrap();
        assert_eq!((stats.state, stats.priority, stats.ttr), (JobState::Reserved, Priority(512), Ttr(120)));
        client.touch(id).await.unwrap();
        client.delete(id).await.unwrap();
        assert!(client.stats_job(id).await.unwrap().is_none());
        assert!(matches!(client.delete(id).await, Err(Error::NotFound { verb: Verb::Delete, .. })));
        client.quit().await;
    });
}

#[test]
fn a_job_is_released_buried_and_kicked() {
    let server = Beanstalkd::start();
    run(async {
        let mut client = connect(&server).await;
        let id = client.put(&job("x")).await.unwrap();
        assert_eq!(client.reserve_job(id).await.unwrap().id, id);
        client.release(id, Priority(7), Delay(100)).await.unwrap();
        assert_eq!(client.peek_delayed().await.unwrap().unwrap().id, id);
        client.kick_job(id).await.unwrap();
        assert_eq!(client.peek_ready().await.unwrap().unwrap().id, id);
        assert_eq!(client.reserve_with_timeout(0).await.unwrap(), Reservation::Job(client_job(id, "x")));
        client.bury(id, Priority(8)).await.unwrap();
        assert_eq!(client.peek_buried().await.unwrap().unwrap().id, id);
        assert_eq!(client.kick(10).await.unwrap(), 1);
        assert_eq!(client.peek(id).await.unwrap().unwrap().body, "x");
        assert_eq!(client.stats_job(id).await.unwrap().unwrap().priority, Priority(8));
        assert_eq!(client.peek(JobId(u64::MAX)).await.unwrap(), None);
    });
}

fn client_job(id: JobId, body: &'static str) -> abaqis_daemons::beanstalk::Job {
    abaqis_daemons::beanstalk::Job { id, body: body.into() }
}

#[test]
fn tubes_are_used_watched_listed_and_paused() {
    let server = Beanstalkd::start();
    run(async {
        let mut client = connect(&server).await;
        let names = ["1.10", "2026-11-24", "007", "true", "~", "null"];
        let good: Vec<Tube> = names.iter().filter_map(|name| name.parse().ok()).collect();
        for tube in &good {
            client.use_tube(tube).await.unwrap();
            client.put(&job("x")).await.unwrap();
            assert_eq!(client.list_tube_used().await.unwrap(), *tube);
            assert_eq!(client.stats_tube(tube).await.unwrap().unwrap().name, *tube);
        }
        let listed = client.list_tubes().await.unwrap();
        assert!(good.iter().all(|tube| listed.contains(tube)), "{listed:?}");
        assert_eq!(client.watch(&tube("007")).await.unwrap(), 2);
        assert_eq!(client.ignore(&Tube::default()).await.unwrap(), 1);
        assert_eq!(client.list_tubes_watched().await.unwrap(), [tube("007")]);
        assert!(matches!(client.ignore(&tube("007")).await, Err(Error::NotIgnored)));
        client.pause_tube(&tube("007"), Delay(100)).await.unwrap();
        assert_eq!(client.reserve_with_timeout(0).await.unwrap(), Reservation::TimedOut);
        assert_eq!(client.stats_tube(&tube("007")).await.unwrap().unwrap().pause, 100);
        assert!(matches!(
            client.pause_tube(&tube("none"), Delay(1)).await,
            Err(Error::NotFound { verb: Verb::PauseTube, .. })
        ));
        assert_eq!(client.stats_tube(&tube("none")).await.unwrap(), None);
    });
}

#[test]
fn the_server_s_figures_are_read() {
    let server = Beanstalkd::start();
    run(async {
        let mut client = connect(&server).await;
        client.put(&job("x")).await.unwrap();
        let stats = client.stats().await.unwrap();
        assert_eq!((stats.ready, stats.total, stats.producers, stats.connections), (1, 1, 1, 1));
        assert_eq!(stats.pid, u64::from(server.pid()));
        assert_eq!(stats.version, "1.12");
        assert!(!stats.draining);
        assert!(stats.all.get("cmd-pause-tube").is_some());
        assert!(stats.all.get("os").is_some_and(|os| !os.to_string().is_empty()));
    });
}

#[test]
fn many_jobs_are_put_in_one_go_and_numbered_in_order() {
    let server = Beanstalkd::start();
    run(async {
        let mut client = connect(&server).await;
        let mut ids = Vec::new();
        let bodies: Vec<String> = (0..20_000).map(|number| format!("job {number}")).collect();
        let jobs = bodies.iter().map(|body| job(body));
        client.put_many(jobs, |number, outcome| ids.push((number, outcome.unwrap()))).await.unwrap();
        assert_eq!(ids.len(), bodies.len());
        for (number, id) in ids.into_iter().step_by(1999) {
            let found = client.peek(id).await.unwrap().unwrap();
            assert_eq!(found.body, format!("job {number}"));
        }
    });
}
