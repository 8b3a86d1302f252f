//! Servers that misbehave on purpose.

use std::future::Future;
use std::path::Path;

use abaqis_daemons::names::ServerAddress;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

/// A server whose every connection is played by a test's own function, which gets its
/// number from 1.
pub(crate) struct Fake {
    folder: TempDir,
}

impl Fake {
    pub(crate) fn start<F, P>(mut play: P) -> Self
    where
        P: FnMut(Peer, u32) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(socket(folder.path())).unwrap();
        tokio::spawn(async move {
            for number in 1.. {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(play(Peer { stream: BufReader::new(stream) }, number));
            }
        });
        Self { folder }
    }

    /// A server that answers each line of `script` and closes the connection after the
    /// last; a line is compared with what comes, the body of a put not counted.
    pub(crate) fn scripted(script: &'static [(&'static str, &'static str)]) -> Self {
        Self::start(move |mut peer, _| async move {
            for (line, answer) in script {
                let got = peer.line().await;
                if got.starts_with("put ") {
                    peer.line().await;
                }
                assert!(got.starts_with(line), "{got:?} came instead of {line:?}");
                peer.say(answer).await;
            }
        })
    }

    pub(crate) fn address(&self) -> ServerAddress {
        ServerAddress::Unix(socket(self.folder.path()))
    }
}

pub(crate) fn socket(folder: &Path) -> std::path::PathBuf {
    folder.join("socket")
}

/// One connection, seen from the server.
pub(crate) struct Peer {
    stream: BufReader<UnixStream>,
}

impl Peer {
    /// The next line, without its end; empty at the end of the connection.
    pub(crate) async fn line(&mut self) -> String {
        let mut line = String::new();
        let _ = self.stream.read_line(&mut line).await;
        line.trim_end().to_owned()
    }

    pub(crate) async fn say(&mut self, text: &str) {
        let _ = self.stream.write_all(text.as_bytes()).await;
    }

    /// Takes what comes and answers nothing until the client closes.
    pub(crate) async fn stall(&mut self) {
        let mut nothing = Vec::new();
        let _ = self.stream.read_to_end(&mut nothing).await;
    }
}
