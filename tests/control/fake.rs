//! A supervisor that only answers.

use std::path::Path;
use std::time::Duration;

use abaqis_daemons::control::access::Access;
use abaqis_daemons::control::client::{Client, ClientError};
use abaqis_daemons::control::messages::{Hello, Request, Response};
use abaqis_daemons::control::server::{Call, CallId, Incoming, Server, listen};
use abaqis_daemons::control::status::{InstanceStatus, State};
use abaqis_daemons::names::Selector;
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Longer than anything here takes on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

/// Answers `status` with one instance, keeps the other calls, and tells of those who left.
pub(crate) struct Fake {
    pub(crate) runtime: TempDir,
    pub(crate) calls: mpsc::UnboundedReceiver<Call>,
    pub(crate) gone: mpsc::UnboundedReceiver<CallId>,
    task: JoinHandle<()>,
}

impl Fake {
    pub(crate) fn start() -> Self {
        Self::with(Access::of_this_process())
    }

    pub(crate) fn with(access: Access) -> Self {
        let runtime = tempfile::tempdir().unwrap();
        let (listener, path) = listen(runtime.path(), access).unwrap();
        let mut server = Server::start(listener, &path, access, Hello::of_this_process()).unwrap();
        let (call, calls) = mpsc::unbounded_channel();
        let (left, gone) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            loop {
                match server.next().await {
                    Incoming::Gone(id) => drop(left.send(id)),
                    Incoming::Call(Call { request: Request::Status { .. }, replies, .. }) => {
                        let instance = Response::Instance(Box::new(instance()));
                        let _ = replies.send_all(vec![instance, Response::Done { text: None }]);
                    }
                    Incoming::Call(other) => drop(call.send(other)),
                }
            }
        });
        Self { runtime, calls, gone, task }
    }

    pub(crate) fn path(&self) -> &Path {
        self.runtime.path()
    }

    /// Connects without saying anything.
    pub(crate) async fn connect(&self) -> UnixStream {
        UnixStream::connect(self.path().join("control.sock")).await.unwrap()
    }

    /// An ordinary client is served at once.
    pub(crate) async fn serves(&self) {
        let answer = tokio::time::timeout(DEADLINE, ask(self.path(), &status())).await.expect("an answer");
        assert_eq!(
            answer.unwrap(),
            [Response::Instance(Box::new(instance())), Response::Done { text: None }]
        );
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) fn status() -> Request {
    Request::Status { selector: Selector::All }
}

pub(crate) async fn ask(runtime: &Path, request: &Request) -> Result<Vec<Response>, ClientError> {
    let mut answer = Client::connect(runtime).await?.ask(request).await?;
    let mut all = Vec::new();
    while let Some(response) = answer.next().await? {
        all.push(response);
    }
    Ok(all)
}

/// Everything the server says until it closes.
pub(crate) async fn everything(stream: &mut UnixStream) -> String {
    let mut said = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match tokio::time::timeout(DEADLINE, stream.read(&mut buffer)).await.expect("it closes") {
            // A reset: it closed with something of ours unread.
            Ok(0) | Err(_) => return String::from_utf8(said).unwrap(),
            Ok(n) => said.extend_from_slice(&buffer[..n]),
        }
    }
}

pub(crate) fn instance() -> InstanceStatus {
    InstanceStatus {
        instance: "abaqis/worker/1".parse().unwrap(),
        application: "abaqis".parse().unwrap(),
        daemon: "worker".parse().unwrap(),
        version: Some("4.2.0".parse().unwrap()),
        tube: Some("abaqis-4.2.0".parse().unwrap()),
        state: State::Ready,
        pid: Some(4711),
        since: "2026-11-24T06:24:31.125Z".parse().unwrap(),
        restarts: 0,
        memory: Some(74_448_896),
        command: "bin/worker --tube 'a b'".into(),
        last_exit: None,
        reason: None,
        status: None,
        job: None,
        job_since: None,
    }
}
