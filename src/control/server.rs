//! The supervisor's end of the control socket.
//!
//! ```text
//!     accept ─► one task a connection ─► Incoming ─► the supervisor's one task
//!                      ▲ bounded queue of replies ◄──────────┘ never waits
//! ```
//!
//! Nothing a client does reaches the supervisor but a whole, well-formed, permitted
//! request. A client that does not speak is let go after [`SILENCE`]; one that does not
//! read, once its queue is full or a write took [`SILENCE`].

mod connection;
mod socket;

use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::access::{Access, Peer};
use super::messages::{Hello, Request, Response};
pub use socket::{SocketError, listen};

/// How long a client may take to say what it wants, and to read what it asked for.
pub const SILENCE: Duration = Duration::from_secs(10);

/// Requests that wait for the supervisor, at most.
const INCOMING: usize = 16;

/// Sends of replies that wait for the client, at most.
const REPLIES: usize = 256;

/// Numbers a request; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub u64);

/// What the supervisor hears from its clients.
#[derive(Debug)]
pub enum Incoming {
    /// A request, checked and permitted.
    Call(Call),
    /// The client left before its answer was complete; nobody waits for it any more.
    Gone(CallId),
}

/// One request.
#[derive(Debug)]
pub struct Call {
    /// Its number.
    pub id: CallId,
    /// What is asked for.
    pub request: Request,
    /// By whom.
    pub peer: Peer,
    /// Where the answers go. Dropping it ends the connection; a final [`Response`] ought to come before.
    pub replies: Replies,
}

/// The way back to one client.
#[derive(Debug)]
pub struct Replies(mpsc::Sender<Vec<Response>>);

/// The client is gone, or reads too slowly and is let go: drop its [`Replies`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the client is gone or does not read")]
pub struct Lost;

impl Replies {
    /// Sends one reply. Never waits.
    pub fn send(&self, response: Response) -> Result<(), Lost> {
        self.send_all(vec![response])
    }

    /// Sends any number of replies in order. Never waits; counts as one in the queue.
    pub fn send_all(&self, responses: Vec<Response>) -> Result<(), Lost> {
        self.0.try_send(responses).map_err(|_| Lost)
    }
}

/// The running server. Dropping it closes every connection and removes the socket.
#[derive(Debug)]
pub struct Server {
    path: PathBuf,
    listener: UnixListener,
    task: JoinHandle<()>,
    incoming: mpsc::Receiver<Incoming>,
}

impl Server {
    /// Serves `listener`, bound at `path` (see [`listen`]), and greets clients with `hello`.
    /// Needs a tokio runtime.
    pub fn start(listener: UnixListener, path: &Path, access: Access, hello: Hello) -> std::io::Result<Self> {
        let (sender, incoming) = mpsc::channel(INCOMING);
        let accepting = tokio::net::UnixListener::from_std(listener.try_clone()?)?;
        let task = tokio::spawn(connection::accept(accepting, (access, hello.into()), sender));
        Ok(Self { path: path.to_owned(), listener, task, incoming })
    }

    /// The next thing a client wants. Cancel safe.
    pub async fn next(&mut self) -> Incoming {
        match self.incoming.recv().await {
            Some(incoming) => incoming,
            // The accepting task lives as long as this does.
            None => std::future::pending().await,
        }
    }
}

impl AsFd for Server {
    /// The listening socket, to be handed over to a new program in place.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
        // Whoever stands at the path now is another's only if the directory's lock was lost.
        let _ = std::fs::remove_file(&self.path);
    }
}
