//! The operator's end of the control socket.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};

use super::messages::{Hello, PROTOCOL, Refusal, Request, Response};
use super::{MAX_REPLY, RUNTIME_DIR, SOCKET};

/// How long the supervisor may take to greet. It greets at once, however busy its daemons are.
const GREETING: Duration = Duration::from_secs(5);

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum ClientError {
    /// Nobody listens.
    #[error("the supervisor is not running ({} {path}): {}", if *.left { "nobody listens at" } else { "no" }, hint(path), path = path.display())]
    NotRunning {
        /// The socket.
        path: PathBuf,
        /// It is there: a killed supervisor left it.
        left: bool,
    },
    /// The system does not let this user near the socket.
    #[error("{path}: not permitted: be root, the supervisor's user, or a member of the group abaqis", path = .0.display())]
    NotPermitted(PathBuf),
    /// The supervisor said no before it tried anything.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It does not answer.
    #[error("{path}: the supervisor did not answer within {seconds} s", path = path.display(), seconds = GREETING.as_secs())]
    Silent {
        /// The socket.
        path: PathBuf,
    },
    /// It closed the connection in the middle.
    #[error("the supervisor ended the connection before its answer was complete")]
    Ended,
    /// It speaks another protocol.
    #[error("the running supervisor is version {version} (protocol {protocol}), this program {own} (protocol {PROTOCOL}): restart the service to have the installed version running", own = env!("CARGO_PKG_VERSION"))]
    Protocol {
        /// The supervisor's version.
        version: String,
        /// The supervisor's protocol.
        protocol: u32,
    },
    /// It says what this program does not understand.
    #[error("{path}: not understood: {reason}", path = path.display())]
    Foreign {
        /// The socket.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The system failed.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// How.
        source: io::Error,
    },
}

/// A connection the supervisor has taken.
#[derive(Debug)]
pub struct Client {
    path: PathBuf,
    hello: Hello,
    lines: FramedRead<OwnedReadHalf, LinesCodec>,
    write: OwnedWriteHalf,
}

/// The replies to one request, as they come.
#[derive(Debug)]
pub struct Answer {
    path: PathBuf,
    lines: FramedRead<OwnedReadHalf, LinesCodec>,
    finished: bool,
    // Closing the writing half would tell the supervisor that nobody waits.
    _write: OwnedWriteHalf,
}

/// What may come first.
#[derive(Deserialize)]
#[serde(untagged)]
enum First {
    Hello(Hello),
    Reply(Response),
}

impl Client {
    /// Connects to the supervisor whose runtime directory is `runtime`.
    pub async fn connect(runtime: &Path) -> Result<Self, ClientError> {
        let path = runtime.join(SOCKET);
        let stream = match UnixStream::connect(&path).await {
            Ok(stream) => stream,
            Err(source) => return Err(not_connected(path, source)),
        };
        let (read, write) = stream.into_split();
        let mut lines = FramedRead::new(read, LinesCodec::new_with_max_length(MAX_REPLY));
        let first = match timeout(GREETING, line(&mut lines, &path)).await {
            Ok(first) => first?,
            Err(_) => return Err(ClientError::Silent { path }),
        };
        match first {
            First::Hello(hello) if hello.protocol == PROTOCOL => Ok(Self { path, hello, lines, write }),
            First::Hello(Hello { version, protocol, .. }) => Err(ClientError::Protocol { version, protocol }),
            First::Reply(Response::Refused(refusal)) => Err(refusal.into()),
            First::Reply(_) => {
                Err(ClientError::Foreign { path, reason: "it answers before it was asked".to_owned() })
            }
        }
    }

    /// What the supervisor said of itself.
    pub fn hello(&self) -> &Hello {
        &self.hello
    }

    /// Asks.
    pub async fn ask(self, request: &Request) -> Result<Answer, ClientError> {
        let Self { path, lines, mut write, .. } = self;
        let sent = match encode(request) {
            Ok(line) => write.write_all(&line).await,
            Err(error) => Err(error),
        };
        match sent {
            // It may have hung up with a refusal, which is better read than the broken pipe.
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            Err(source) => return Err(ClientError::Io { path, source }),
        }
        Ok(Answer { path, lines, finished: false, _write: write })
    }
}

impl Answer {
    /// The next reply; `None` after the final one. A refusal is an error. Cancel safe.
    pub async fn next(&mut self) -> Result<Option<Response>, ClientError> {
        if self.finished {
            return Ok(None);
        }
        let response: Response = line(&mut self.lines, &self.path).await?;
        self.finished = response.is_final();
        match response {
            Response::Refused(refusal) => Err(refusal.into()),
            response => Ok(Some(response)),
        }
    }
}

fn encode(request: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    Ok(line)
}

async fn line<T: DeserializeOwned>(
    lines: &mut FramedRead<OwnedReadHalf, LinesCodec>,
    path: &Path,
) -> Result<T, ClientError> {
    let foreign = |reason| ClientError::Foreign { path: path.to_owned(), reason };
    match lines.next().await {
        None => Err(ClientError::Ended),
        Some(Ok(text)) => serde_json::from_str(&text).map_err(|error| foreign(error.to_string())),
        Some(Err(LinesCodecError::MaxLineLengthExceeded)) => {
            Err(foreign(format!("a line of more than {MAX_REPLY} bytes")))
        }
        Some(Err(LinesCodecError::Io(error))) if error.kind() == io::ErrorKind::ConnectionReset => {
            Err(ClientError::Ended)
        }
        Some(Err(LinesCodecError::Io(source))) => Err(ClientError::Io { path: path.to_owned(), source }),
    }
}

/// What to do about a supervisor that is not running and whose socket this is.
pub fn hint(socket: &Path) -> &'static str {
    if socket.parent() == Some(Path::new(RUNTIME_DIR)) {
        "systemctl start abaqis-daemons"
    } else {
        "start it with `abaqis-daemons run`, or set ABAQIS_RUNTIME_DIR to where it runs"
    }
}

fn not_connected(path: PathBuf, source: io::Error) -> ClientError {
    match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            ClientError::NotRunning { path, left: false }
        }
        io::ErrorKind::ConnectionRefused => ClientError::NotRunning { path, left: true },
        io::ErrorKind::PermissionDenied => ClientError::NotPermitted(path),
        // Its queue of connections is full: it hangs.
        io::ErrorKind::WouldBlock => ClientError::Silent { path },
        _ => ClientError::Io { path, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_supervisor_that_does_not_run_is_started_where_it_belongs() {
        let text = |path: &str, left| ClientError::NotRunning { path: path.into(), left }.to_string();
        assert_eq!(
            text("/run/abaqis-daemons/control.sock", false),
            "the supervisor is not running (no /run/abaqis-daemons/control.sock): systemctl start abaqis-daemons"
        );
        assert_eq!(
            text("/tmp/x/control.sock", true),
            "the supervisor is not running (nobody listens at /tmp/x/control.sock): \
             start it with `abaqis-daemons run`, or set ABAQIS_RUNTIME_DIR to where it runs"
        );
    }
}
