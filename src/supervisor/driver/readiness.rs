//! Asks from outside whether a process is ready, until it is.
//!
//! A check lives as long as its process is starting and no longer; how long that may
//! take at most is the core's to say (`ready_timeout`).

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// The first pause between two tries, which grows by half each time
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// up to this.
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// A connection that is not made within this time is tried anew.
const CONNECT: Duration = Duration::from_secs(1);

/// Returns once `check` says yes.
pub(super) async fn until<F: Future<Output = bool>>(mut check: impl FnMut() -> F) {
    let mut pause = FIRST_PAUSE;
    while !check().await {
        sleep(pause).await;
        pause = (pause * 3 / 2).min(LAST_PAUSE);
    }
}

/// Whether something on this host takes connections at `port`.
pub(super) async fn tcp(port: u16) -> bool {
    for address in [SocketAddr::from((Ipv4Addr::LOCALHOST, port)), (Ipv6Addr::LOCALHOST, port).into()] {
        if let Ok(Ok(stream)) = timeout(CONNECT, TcpStream::connect(address)).await {
            // Connecting to a free port in the ephemeral range can meet oneself.
            if stream.local_addr().ok() != stream.peer_addr().ok() {
                return true;
            }
        }
    }
    false
}

/// Whether there is a file, or anything else, at `path`.
pub(super) fn file(path: &Path) -> bool {
    path.try_exists().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::net::TcpListener;

    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    #[test]
    fn a_port_is_ready_while_somebody_listens() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(block_on(tcp(port)));
        drop(listener);
        assert!(!block_on(tcp(port)));
    }

    #[test]
    fn it_is_asked_until_it_says_yes() {
        let asked = Cell::new(0);
        block_on(until(|| {
            asked.set(asked.get() + 1);
            std::future::ready(asked.get() == 4)
        }));
        assert_eq!(asked.get(), 4);
    }
}
