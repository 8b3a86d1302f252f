//! Clients that are broken, slow or hostile are nobody else's trouble.

use abaqis_daemons::control::messages::{Hello, Response};
use abaqis_daemons::control::server::{Lost, SILENCE};
use abaqis_daemons::names::Selector;
use proptest::prelude::*;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::time::{Instant, timeout};

use crate::fake::{DEADLINE, Fake, ask, everything, status};

#[tokio::test]
async fn ten_that_say_nothing_do_not_matter_to_the_eleventh() {
    let fake = Fake::start();
    let mut silent = Vec::new();
    for _ in 0..10 {
        silent.push(fake.connect().await);
    }
    fake.serves().await;
}

#[tokio::test]
async fn ten_with_garbage_do_not_matter_to_the_eleventh() {
    let fake = Fake::start();
    let garbage: [&[u8]; 10] = [
        b"\n",
        b"\0\0\0\0\n",
        b"\xff\xfe\xfd\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"{\"request\":\"status\"\n",
        b"{\"request\":7}\n",
        b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n",
        b"{\"request\":\"status\",\"selector\":\"/\"}\n",
        b"{\"request\":\"operate\",\"verb\":\"fly\",\"selector\":\"all\",\"wait\":true,\"at_once\":false}\n",
        b"null\n",
    ];
    for bytes in garbage {
        let mut stream = fake.connect().await;
        stream.write_all(bytes).await.unwrap();
        let said = everything(&mut stream).await;
        let line = said.lines().nth(1).unwrap();
        assert!(line.starts_with("{\"reply\":\"refused\",\"refusal\":\"malformed\""), "{bytes:?}: {line}");
    }
    fake.serves().await;
}

/// Writes until it is all out or the server has had enough.
async fn flood(mut stream: UnixStream, bytes: &[u8], times: usize) -> usize {
    for done in 0..times {
        if stream.write_all(bytes).await.is_err() {
            return done;
        }
    }
    times
}

#[tokio::test]
async fn ten_with_a_hundred_megabytes_do_not_matter_to_the_eleventh() {
    let fake = Fake::start();
    for block in [&[b'x'; 10_000][..], &b"{\"request\":\"status\",\"selector\":\"all\"}\n".repeat(263)] {
        let mut floods = Vec::new();
        for _ in 0..5 {
            let (stream, block) = (fake.connect().await, block.to_vec());
            floods.push(tokio::spawn(async move { flood(stream, &block, 10_000).await }));
        }
        fake.serves().await;
        for flood in floods {
            let taken = timeout(DEADLINE, flood).await.expect("it is let go").unwrap();
            assert!(taken < 100, "{taken} blocks were taken");
        }
        fake.serves().await;
    }
}

#[tokio::test]
async fn one_that_does_not_read_is_let_go_and_delays_nobody() {
    let mut fake = Fake::start();
    let mut stream = fake.connect().await;
    let request =
        serde_json::json!({"request": "events", "selector": Selector::All, "recent": 0, "follow": true});
    stream.write_all(format!("{request}\n").as_bytes()).await.unwrap();
    let call = fake.calls.recv().await.unwrap();
    let line = || Response::Done { text: Some("x".repeat(10_000)) };
    let long = || Response::Progress { done: 0, total: 0, text: "x".repeat(10_000) };
    let begun = Instant::now();
    let mut sent = 0;
    while call.replies.send(long()).is_ok() {
        sent += 1;
        assert!(sent < 10_000, "the queue has an end");
        tokio::task::yield_now().await;
    }
    assert!(begun.elapsed() < SILENCE, "sending never waits");
    assert_eq!(call.replies.send(line()), Err(Lost));
    fake.serves().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_never_speaks_is_let_go_in_the_end() {
    let fake = Fake::start();
    let begun = Instant::now();
    let mut stream = fake.connect().await;
    let said = everything(&mut stream).await;
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(begun.elapsed() >= SILENCE);
}

#[tokio::test]
async fn there_is_an_end_to_connections_and_room_again_when_they_are_gone() {
    let fake = Fake::start();
    let mut open = Vec::new();
    for _ in 0..100 {
        open.push(fake.connect().await);
    }
    fake.serves().await;
    for _ in 0..28 {
        open.push(fake.connect().await);
    }
    let mut one_more = fake.connect().await;
    let said = everything(&mut one_more).await;
    assert_eq!(said, "{\"reply\":\"refused\",\"refusal\":\"busy\",\"connections\":128}\n");
    drop(open);
    let freed = timeout(DEADLINE, async {
        while ask(fake.path(), &status()).await.is_err() {
            tokio::task::yield_now().await;
        }
    });
    freed.await.expect("there is room again");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_end_the_server(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let fake = Fake::start();
            let mut stream = fake.connect().await;
            for chunk in &chunks {
                if stream.write_all(chunk).await.is_err() {
                    break;
                }
            }
            drop(stream);
            fake.serves().await;
        });
    }

    #[test]
    fn no_bytes_end_a_client_but_with_an_error(
        greets in any::<bool>(),
        bytes in prop::collection::vec(any::<u8>(), 0..2000),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let listener = tokio::net::UnixListener::bind(folder.path().join("control.sock")).unwrap();
            let serving = tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                if greets {
                    let hello = serde_json::to_string(&Hello::of_this_process()).unwrap();
                    stream.write_all(format!("{hello}\n").as_bytes()).await.unwrap();
                }
                let _ = stream.write_all(&bytes).await;
            });
            let answer = timeout(DEADLINE, ask(folder.path(), &status())).await.expect("it ends");
            assert!(answer.is_err());
            serving.await.unwrap();
        });
    }
}
