//! What an ordinary client sees.

use std::os::unix::fs::{FileTypeExt, PermissionsExt};

use abaqis_daemons::control::access::Access;
use abaqis_daemons::control::client::{Client, ClientError};
use abaqis_daemons::control::messages::{
    FailureKind, Hello, Operation, PROTOCOL, Refusal, Request, Response, Verb,
};
use abaqis_daemons::control::server::{Server, SocketError, listen};
use abaqis_daemons::names::Selector;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use crate::fake::{DEADLINE, Fake, ask, everything, instance, status};

fn restart() -> Request {
    Request::Operate(Operation { verb: Verb::Restart, selector: Selector::All, wait: true, at_once: false })
}

#[tokio::test]
async fn the_supervisor_says_who_it_is_first() {
    let fake = Fake::start();
    let client = Client::connect(fake.path()).await.unwrap();
    assert_eq!(client.hello().protocol, PROTOCOL);
    assert_eq!(client.hello().pid, std::process::id());
}

#[tokio::test]
async fn a_request_is_answered_line_by_line() {
    let fake = Fake::start();
    let stream = fake.connect().await;
    let mut lines = BufReader::new(stream);
    let mut line = String::new();
    lines.read_line(&mut line).await.unwrap();
    assert!(line.starts_with(r#"{"hello":"abaqis-daemons","protocol":1,"version":"#), "{line}");
    lines.write_all(b"{\"request\":\"status\",\"selector\":\"all\"}\n").await.unwrap();
    let mut rest = String::new();
    lines.read_to_string(&mut rest).await.unwrap();
    assert_eq!(
        rest,
        concat!(
            r#"{"reply":"instance","instance":"abaqis/worker/1","application":"abaqis","daemon":"worker","#,
            r#""version":"4.2.0","tube":"abaqis-4.2.0","state":"ready","pid":4711,"#,
            r#""since":"2026-11-24T06:24:31.125Z","restarts":0,"memory":74448896,"#,
            r#""command":"bin/worker --tube 'a b'","last_exit":null,"reason":null,"status":null,"#,
            r#""job":null,"job_since":null}"#,
            "\n",
            r#"{"reply":"done","text":null}"#,
            "\n",
        )
    );
}

#[tokio::test]
async fn a_request_may_come_in_any_pieces() {
    let fake = Fake::start();
    let request = b"{\"request\":\"status\",\"selector\":\"all\"}\n";
    for at in 0..request.len() {
        let mut stream = fake.connect().await;
        stream.write_all(&request[..at]).await.unwrap();
        tokio::task::yield_now().await;
        stream.write_all(&request[at..]).await.unwrap();
        assert!(
            everything(&mut stream).await.ends_with("{\"reply\":\"done\",\"text\":null}\n"),
            "cut at {at}"
        );
    }
}

#[tokio::test]
async fn what_takes_time_tells_how_far_it_is() {
    let mut fake = Fake::start();
    let mut answer = Client::connect(fake.path()).await.unwrap().ask(&restart()).await.unwrap();
    let call = fake.calls.recv().await.unwrap();
    assert_eq!(call.request, restart());
    let progress = Response::Progress { done: 1, total: 2, text: "ready".into() };
    call.replies.send(progress.clone()).unwrap();
    assert_eq!(answer.next().await.unwrap(), Some(progress));
    let failed = Response::Failed { kind: FailureKind::Instances, text: "abaqis/worker/2: exit 1".into() };
    call.replies.send(failed.clone()).unwrap();
    assert_eq!(answer.next().await.unwrap(), Some(failed));
    assert_eq!(answer.next().await.unwrap(), None);
}

#[tokio::test]
async fn a_client_that_leaves_is_reported() {
    let mut fake = Fake::start();
    let answer = Client::connect(fake.path()).await.unwrap().ask(&restart()).await.unwrap();
    let call = fake.calls.recv().await.unwrap();
    drop(answer);
    assert_eq!(fake.gone.recv().await, Some(call.id));
    assert!(call.replies.send(Response::Done { text: None }).is_err());
}

#[tokio::test]
async fn an_answer_that_is_cut_short_is_an_error() {
    let mut fake = Fake::start();
    let mut answer = Client::connect(fake.path()).await.unwrap().ask(&restart()).await.unwrap();
    drop(fake.calls.recv().await.unwrap());
    let error = answer.next().await.unwrap_err();
    assert_eq!(error.to_string(), "the supervisor ended the connection before its answer was complete");
}

#[tokio::test]
async fn a_request_of_a_newer_program_is_refused_with_the_version() {
    let fake = Fake::start();
    let mut stream = fake.connect().await;
    stream.write_all(b"{\"request\":\"levitate\",\"metres\":3}\n").await.unwrap();
    let said = everything(&mut stream).await;
    let refusal: Response = serde_json::from_str(said.lines().nth(1).unwrap()).unwrap();
    let version = env!("CARGO_PKG_VERSION").to_owned();
    assert_eq!(refusal, Response::Refused(Refusal::Unknown { request: "levitate".into(), version }));
}

#[tokio::test]
async fn keys_of_a_newer_program_are_skipped() {
    let fake = Fake::start();
    let mut stream = fake.connect().await;
    stream.write_all(b"{\"request\":\"status\",\"selector\":\"all\",\"since\":\"new\"}\n").await.unwrap();
    assert!(everything(&mut stream).await.contains("abaqis/worker/1"));
}

#[tokio::test]
async fn another_protocol_is_named_on_both_sides() {
    let runtime = tempfile::tempdir().unwrap();
    let listener = tokio::net::UnixListener::bind(runtime.path().join("control.sock")).unwrap();
    let newer = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let hello = "{\"hello\":\"abaqis-daemons\",\"protocol\":2,\"version\":\"9.0.0\",\"pid\":1}\n";
        stream.write_all(hello.as_bytes()).await.unwrap();
    });
    let error = ask(runtime.path(), &status()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the running supervisor is version 9.0.0 (protocol 2), this program {} (protocol 1): \
             restart the service to have the installed version running",
            env!("CARGO_PKG_VERSION")
        )
    );
    newer.await.unwrap();
}

#[tokio::test]
async fn ten_thousand_instances_are_one_answer() {
    let mut fake = Fake::start();
    let client = Client::connect(fake.path()).await.unwrap();
    let mut answer = client.ask(&Request::Plan).await.unwrap();
    let call = fake.calls.recv().await.unwrap();
    let mut all = vec![Response::Instance(Box::new(instance())); 10_000];
    all.push(Response::Done { text: None });
    call.replies.send_all(all).unwrap();
    let mut count = 0;
    while answer.next().await.unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count, 10_001);
}

#[tokio::test]
async fn nobody_listening_says_what_to_do() {
    let runtime = tempfile::tempdir().unwrap();
    let error = ask(runtime.path(), &status()).await.unwrap_err();
    assert!(matches!(error, ClientError::NotRunning { .. }));
    // What a killed supervisor leaves behind.
    drop(std::os::unix::net::UnixListener::bind(runtime.path().join("control.sock")).unwrap());
    let error = ask(runtime.path(), &status()).await.unwrap_err();
    assert!(matches!(error, ClientError::NotRunning { .. }));
}

#[tokio::test]
async fn the_socket_of_a_killed_supervisor_is_replaced() {
    let runtime = tempfile::tempdir().unwrap();
    drop(std::os::unix::net::UnixListener::bind(runtime.path().join("control.sock")).unwrap());
    let access = Access::of_this_process();
    let (listener, path) = listen(runtime.path(), access).unwrap();
    let mode = std::fs::metadata(&path).unwrap();
    assert!(mode.file_type().is_socket());
    assert_eq!(mode.permissions().mode() & 0o777, 0o660);
    drop(Server::start(listener, &path, access, Hello::of_this_process()).unwrap());
    assert!(!path.exists(), "a supervisor that ends takes its socket with it");
}

#[test]
fn what_is_no_socket_is_left_alone() {
    let runtime = tempfile::tempdir().unwrap();
    let path = runtime.path().join("control.sock");
    std::fs::write(&path, "precious").unwrap();
    let error = listen(runtime.path(), Access::of_this_process()).unwrap_err();
    assert_eq!(error.to_string(), format!("{}: not a socket; remove it", path.display()));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn a_path_too_long_for_a_socket_says_so() {
    let runtime = std::path::PathBuf::from(format!("/tmp/{}", "x".repeat(100)));
    let error = listen(&runtime, Access::of_this_process()).unwrap_err();
    assert!(matches!(error, SocketError::TooLong { .. }));
    assert!(error.to_string().ends_with(
        "/control.sock: 118 bytes are too many for a socket's path, at most 107; use a shorter runtime directory"
    ));
}

#[tokio::test]
async fn one_that_says_more_than_one_thing_is_let_go() {
    let mut fake = Fake::start();
    let mut stream = fake.connect().await;
    stream.write_all(b"{\"request\":\"plan\"}\n").await.unwrap();
    let call = fake.calls.recv().await.unwrap();
    stream.write_all(b"{\"request\":\"plan\"}\n").await.unwrap();
    let gone = tokio::time::timeout(DEADLINE, fake.gone.recv()).await.unwrap();
    assert_eq!(gone, Some(call.id));
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_that_does_not_answer_is_not_waited_for_for_ever() {
    let runtime = tempfile::tempdir().unwrap();
    let path = runtime.path().join("control.sock");
    let _hangs = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let error = ask(runtime.path(), &status()).await.unwrap_err();
    assert_eq!(error.to_string(), format!("{}: the supervisor did not answer within 5 s", path.display()));
}
