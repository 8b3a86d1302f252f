//! One connection: greet, read a request, pass it on, write what comes back.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{ReadHalf, WriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};

use super::{Call, CallId, Incoming, REPLIES, Replies, SILENCE};
use crate::control::MAX_REQUEST;
use crate::control::access::{Access, Level, Peer};
use crate::control::messages::{Hello, Refusal, Request, Response};

/// How many connections may be open before those who may only look are turned away.
const MAX_LOOKING: usize = 64;

/// How many may be open before everybody is turned away.
const MAX_OPEN: usize = 128;

/// How long to leave the listener alone when it cannot accept (no descriptor is left).
const PAUSE: Duration = Duration::from_secs(1);

/// About how many bytes of replies are written at a time.
const PIECE: usize = 32 * 1024;

/// Takes connections, for ever.
pub(super) async fn accept(
    listener: UnixListener,
    (access, hello): (Access, Arc<Hello>),
    incoming: mpsc::Sender<Incoming>,
) {
    let mut open = JoinSet::new();
    let mut id = 0;
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    id += 1;
                    let manner = (access, hello.clone());
                    open.spawn(serve(stream, open.len(), manner, CallId(id), incoming.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "the control socket cannot accept a connection");
                    sleep(PAUSE).await;
                }
            },
            Some(_) = open.join_next() => {}
        }
    }
}

async fn serve(
    mut stream: UnixStream,
    open: usize,
    (access, hello): (Access, Arc<Hello>),
    id: CallId,
    incoming: mpsc::Sender<Incoming>,
) {
    // Every way this ends is the client's loss alone.
    let Ok(peer) = Peer::of(&stream) else { return };
    let (read, mut write) = stream.split();
    let level = match admit(&peer, access, open) {
        Ok(level) => level,
        Err(refusal) => return refuse(&mut write, refusal).await,
    };
    if write_lines(&mut write, &[&*hello]).await.is_err() {
        return;
    }
    let mut lines = FramedRead::new(read, LinesCodec::new_with_max_length(MAX_REQUEST));
    let request = match timeout(SILENCE, lines.next()).await {
        Ok(Some(line)) => request(line).and_then(|request| {
            access.check(&peer, level, &request)?;
            Ok(request)
        }),
        // It left, or had nothing to say.
        Ok(None) | Err(_) => return,
    };
    match request {
        Ok(request) => {
            let (sender, replies) = mpsc::channel(REPLIES);
            let call = Call { id, request, peer, replies: Replies(sender) };
            if incoming.send(Incoming::Call(call)).await.is_err() {
                return refuse(&mut write, Refusal::Leaving).await;
            }
            if !answer(lines.get_mut(), &mut write, replies).await {
                let _ = incoming.send(Incoming::Gone(id)).await;
            }
        }
        Err(refusal) => refuse(&mut write, refusal).await,
    }
}

/// Whether one more connection, of `peer`, is taken while `open` others are there.
fn admit(peer: &Peer, access: Access, open: usize) -> Result<Level, Refusal> {
    let level = access.level(peer)?;
    let most = if level == Level::Everything { MAX_OPEN } else { MAX_LOOKING };
    if open < most { Ok(level) } else { Err(Refusal::Busy { connections: open }) }
}

/// The requests this version knows.
const WORDS: [&str; 12] = [
    "status", "plan", "reload", "upgrade", "operate", "signal", "events", "releases", "deploy", "rollback",
    "logs", "output",
];

fn request(line: Result<String, LinesCodecError>) -> Result<Request, Refusal> {
    #[derive(Deserialize)]
    struct Word {
        request: String,
    }
    let malformed = |reason| Refusal::Malformed { reason };
    let line = match line {
        Ok(line) => line,
        Err(LinesCodecError::MaxLineLengthExceeded) => {
            return Err(malformed(format!("longer than {MAX_REQUEST} bytes")));
        }
        Err(LinesCodecError::Io(error)) => return Err(malformed(error.to_string())),
    };
    serde_json::from_str(&line).map_err(|error| match serde_json::from_str(&line) {
        Ok(Word { request }) if !WORDS.contains(&request.as_str()) => {
            Refusal::Unknown { request, version: env!("CARGO_PKG_VERSION").to_owned() }
        }
        _ => malformed(error.to_string()),
    })
}

/// Writes replies as they come. Returns false when the client left before the last one.
async fn answer(
    read: &mut ReadHalf<'_>,
    write: &mut WriteHalf<'_>,
    mut replies: mpsc::Receiver<Vec<Response>>,
) -> bool {
    let mut left = pin!(closed(read));
    loop {
        tokio::select! {
            batch = replies.recv() => {
                let Some(batch) = batch else { return true };
                let last = batch.last().is_some_and(Response::is_final);
                if write_lines(write, &batch).await.is_err() {
                    return last;
                }
                if last {
                    return true;
                }
            }
            () = &mut left => return false,
        }
    }
}

/// Returns once the client has closed its end, or said more than the one thing it may.
async fn closed(read: &mut ReadHalf<'_>) {
    let _ = read.read(&mut [0]).await;
}

async fn refuse(write: &mut WriteHalf<'_>, refusal: Refusal) {
    let _ = write_lines(write, &[Response::Refused(refusal)]).await;
}

/// Writes each as a line; an error when the client is gone or does not read.
async fn write_lines<T: Serialize>(write: &mut WriteHalf<'_>, values: &[T]) -> io::Result<()> {
    let mut piece = Vec::new();
    let mut values = values.iter().peekable();
    while let Some(value) = values.next() {
        serde_json::to_writer(&mut piece, value)?;
        piece.push(b'\n');
        if piece.len() >= PIECE || values.peek().is_none() {
            timeout(SILENCE, write.write_all(&piece)).await??;
            piece.clear();
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::messages::{Operation, Verb};
    use crate::names::Selector;

    #[test]
    fn every_request_has_its_word() {
        let selector = || Selector::All;
        let operation = Operation { verb: Verb::Stop, selector: selector(), wait: true, at_once: false };
        let all = [
            Request::Status { selector: selector() },
            Request::Plan,
            Request::Reload,
            Request::Upgrade,
            Request::Operate(operation),
            Request::Signal { selector: selector(), signal: crate::config::Signal::TERM },
            Request::Events { selector: selector(), recent: 1, follow: true },
            Request::Releases { application: None },
            Request::Deploy { application: "a".parse().unwrap(), wait: true },
            Request::Rollback { application: "a".parse().unwrap(), wait: true },
            Request::Logs { selector: selector() },
            Request::Output { selector: selector() },
        ];
        assert_eq!(all.len(), WORDS.len());
        for (asked, word) in all.into_iter().zip(WORDS) {
            // A request that is new belongs in both lists.
            match asked {
                Request::Status { .. }
                | Request::Plan
                | Request::Reload
                | Request::Upgrade
                | Request::Operate(_)
                | Request::Signal { .. }
                | Request::Events { .. }
                | Request::Releases { .. }
                | Request::Deploy { .. }
                | Request::Rollback { .. }
                | Request::Logs { .. }
                | Request::Output { .. } => {}
            }
            let line = serde_json::to_string(&asked).unwrap();
            assert!(line.starts_with(&format!("{{\"request\":\"{word}\"")), "{line}");
            assert_eq!(request(Ok(line)), Ok(asked));
        }
    }

    #[test]
    fn what_is_wrong_with_a_known_request_is_said() {
        assert_eq!(
            request(Ok(r#"{"request":"signal","selector":"all"}"#.into())),
            Err(Refusal::Malformed { reason: "missing field `signal`".into() })
        );
        assert_eq!(
            request(Ok(r#"{"request":"deploy"}"#.into())),
            Err(Refusal::Malformed { reason: "missing field `application`".into() })
        );
    }

    #[test]
    fn those_who_may_only_look_leave_room_for_the_owner() {
        let access = Access { owner: 7, group: Some(9) };
        let peer = |uid| Peer { uid, gid: 9, groups: Vec::new(), pid: None };
        assert_eq!(admit(&peer(8), access, 63), Ok(Level::Look));
        assert_eq!(admit(&peer(8), access, 64), Err(Refusal::Busy { connections: 64 }));
        assert_eq!(admit(&peer(7), access, 127), Ok(Level::Everything));
        assert_eq!(admit(&peer(0), access, 128), Err(Refusal::Busy { connections: 128 }));
    }
}
