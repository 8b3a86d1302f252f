//! A connection in bytes, by TCP or by a socket in the file system.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use crate::names::ServerAddress;

/// How often the kernel asks again before it gives the other end up.
const PROBES: u32 = 3;

/// What a connection is made of.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + Sync {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + Sync> Stream for S {}

/// Connects to `server`. A connection whose other end vanishes, be it idle or not, fails
/// within about twice `keep_alive`.
pub(super) async fn connect(server: &ServerAddress, keep_alive: Duration) -> io::Result<Box<dyn Stream>> {
    match server {
        ServerAddress::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
        ServerAddress::Tcp { host, port } => {
            let stream = TcpStream::connect((host.as_str(), *port)).await?;
            // A command is small and waited for: it may not lie until a full packet has come together.
            stream.set_nodelay(true)?;
            let socket = SockRef::from(&stream);
            let keep = TcpKeepalive::new()
                .with_time(keep_alive)
                .with_interval((keep_alive / PROBES).max(Duration::from_secs(1)))
                .with_retries(PROBES);
            socket.set_tcp_keepalive(&keep)?;
            socket.set_tcp_user_timeout(Some(keep_alive))?;
            Ok(Box::new(stream))
        }
    }
}
