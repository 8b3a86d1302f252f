//! A proxy that splits, delays and cuts what goes between the client and the real server.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use abaqis_daemons::names::ServerAddress;
use abaqis_daemons::queue::{Client, Error, Reservation};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use crate::beanstalkd::Beanstalkd;
use crate::faults::quick;
use crate::run;
use crate::verbs::job;

/// Stands before a server.
struct Proxy {
    folder: TempDir,
    /// How many bytes may still pass before the connection is cut.
    left: Arc<AtomicU64>,
}

impl Proxy {
    fn before(server: &Beanstalkd) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("socket")).unwrap();
        let left = Arc::new(AtomicU64::new(u64::MAX));
        let (budget, target) = (Arc::clone(&left), server.socket());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = UnixStream::connect(&target).await else { continue };
                let budget = Arc::clone(&budget);
                tokio::spawn(async move {
                    let (from_client, to_client) = client.into_split();
                    let (from_server, to_server) = server.into_split();
                    tokio::select! {
                        () = pass(from_client, to_server, &budget) => {}
                        () = pass(from_server, to_client, &budget) => {}
                    }
                });
            }
        });
        Self { folder, left }
    }

    fn address(&self) -> ServerAddress {
        ServerAddress::Unix(self.folder.path().join("socket"))
    }

    /// Cuts the connection after so many bytes more, in both directions together.
    fn cut_after(&self, bytes: u64) {
        self.left.store(bytes, Ordering::Relaxed);
    }
}

/// Passes bytes on in pieces of 1 to 7, with others getting their turn in between.
async fn pass(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, left: &AtomicU64) {
    let mut piece = [0; 7];
    for size in (1..=7).cycle() {
        let Ok(count @ 1..) = from.read(&mut piece[..size]).await else { return };
        for byte in &piece[..count] {
            if left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err() {
                return;
            }
            if to.write_all(&[*byte]).await.is_err() {
                return;
            }
        }
        tokio::task::yield_now().await;
    }
}

#[test]
fn splits_and_delays_change_nothing() {
    let server = Beanstalkd::start();
    run(async {
        let proxy = Proxy::before(&server);
        let mut client = Client::connect(proxy.address(), quick()).await.unwrap();
        let bodies: Vec<String> = (0..300).map(|number| format!("RESERVED {number} 5\r\n")).collect();
        let jobs = bodies.iter().map(|body| job(body));
        client.put_many(jobs, |_, outcome| assert!(outcome.is_ok())).await.unwrap();
        assert_eq!(client.stats().await.unwrap().ready, 300);
        for body in &bodies {
            let Reservation::Job(found) = client.reserve().await.unwrap() else { panic!("no job") };
            assert_eq!(found.body, body);
            client.delete(found.id).await.unwrap();
        }
        assert_eq!(client.session(), 1);
    });
}

#[test]
fn wherever_it_is_cut_a_certain_put_is_there_once_and_a_failed_one_not_at_all() {
    let server = Beanstalkd::start();
    run(async {
        let proxy = Proxy::before(&server);
        let mut direct = Client::connect(server.address(), quick()).await.unwrap();
        let mut client = Client::new(proxy.address(), quick());
        let mut said: BTreeMap<String, Result<(), bool>> = BTreeMap::new();
        // A put and its reply are some 45 bytes: every one of them is the last once.
        for cut in 0..120 {
            client.disconnect();
            proxy.cut_after(cut);
            for number in 0..2 {
                let body = format!("job {cut} {number}");
                let outcome = client.put(&job(&body)).await;
                said.insert(body, outcome.map(|_| ()).map_err(|error| error.is_certain()));
            }
        }
        let mut found: BTreeMap<String, u32> = BTreeMap::new();
        while let Reservation::Job(job) = direct.reserve_with_timeout(0).await.unwrap() {
            *found.entry(String::from_utf8(job.body.to_vec()).unwrap()).or_default() += 1;
        }
        for (body, outcome) in &said {
            let times = found.get(body).copied().unwrap_or_default();
            let fits = match outcome {
                Ok(()) => times == 1,
                Err(true) => times == 0,
                Err(false) => times <= 1,
            };
            assert!(fits, "{body} is there {times} times, {outcome:?} was said");
        }
        let uncertain = said.values().filter(|outcome| **outcome == Err(false)).count();
        assert!(uncertain > 0 && said.values().any(Result::is_ok));
    });
}

#[test]
fn wherever_a_worker_s_connection_is_cut_no_job_is_lost() {
    let server = Beanstalkd::start();
    run(async {
        let proxy = Proxy::before(&server);
        let mut direct = Client::connect(server.address(), quick()).await.unwrap();
        direct.put_many((0..60).map(|_| job("work")), |_, outcome| assert!(outcome.is_ok())).await.unwrap();
        let mut client = Client::new(proxy.address(), quick());
        let (mut done, mut doubtful) = (0, 0);
        for cut in 0.. {
            client.disconnect();
            proxy.cut_after(cut % 90);
            let Ok(Reservation::Job(job)) = client.reserve_with_timeout(1).await else { continue };
            match client.delete(job.id).await {
                Ok(()) => done += 1,
                Err(Error::Lost { .. }) => doubtful += 1,
                Err(error) => {
                    assert!(matches!(error, Error::Unreachable { .. } | Error::NotFound { .. }), "{error}");
                }
            }
            let left = direct.stats().await.unwrap();
            if left.ready + left.reserved == 0 {
                break;
            }
            let gone = 60 - left.ready - left.reserved;
            assert!(done <= gone && gone <= done + doubtful, "{done} done, {doubtful} doubtful, {gone} gone");
        }
    });
}
