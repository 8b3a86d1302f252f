//! Tells systemd how the supervisor is: the `sd_notify` protocol, sender's side.
//!
//! ```text
//!     start ──► READY ──► RELOADING ──► READY ──► … ──► STOPPING ──► exit
//!                │  STATUS when it has changed, WATCHDOG at half its interval  │
//!                └──────────────────────────── EXTEND_TIMEOUT_USEC ────────────┘
//! ```
//!
//! Nothing here waits: a datagram that does not fit is left out and said again with
//! the next one.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// How far ahead of systemd's patience a long stop is announced.
const EXTENSION: Duration = Duration::from_secs(30);

/// The variables with which systemd speaks to the supervisor alone.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Environment {
    /// `NOTIFY_SOCKET`
    pub(crate) socket: Option<String>,
    /// `WATCHDOG_USEC`
    pub(crate) watchdog_usec: Option<String>,
    /// `WATCHDOG_PID`
    pub(crate) watchdog_pid: Option<String>,
}

impl Environment {
    /// What this process was started with.
    pub(crate) fn from_process() -> Self {
        let var = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            socket: var("NOTIFY_SOCKET"),
            watchdog_usec: var("WATCHDOG_USEC"),
            watchdog_pid: var("WATCHDOG_PID"),
        }
    }
}

/// The connection to systemd, or to nobody.
#[derive(Debug)]
pub(super) struct Systemd {
    socket: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
    status: String,
    /// The status that was said last.
    said: String,
}

impl Systemd {
    /// Fails when `NOTIFY_SOCKET` is no address.
    pub(super) fn new(environment: &Environment, pid: u32) -> io::Result<Self> {
        let socket = match &environment.socket {
            None => None,
            Some(name) => {
                let address = match name.strip_prefix('@') {
                    Some(name) => SocketAddr::from_abstract_name(name)?,
                    None => SocketAddr::from_pathname(name)?,
                };
                let socket = UnixDatagram::unbound()?;
                socket.set_nonblocking(true)?;
                Some((socket, address))
            }
        };
        let ours = environment.watchdog_pid.as_ref().is_none_or(|text| text.parse() == Ok(pid));
        let interval = environment.watchdog_usec.as_ref().and_then(|text| text.parse().ok());
        let watchdog = interval
            .filter(|&usec: &u64| ours && usec > 0 && socket.is_some())
            .map(|usec| Duration::from_micros(usec) / 2);
        Ok(Self { socket, watchdog, status: String::new(), said: String::new() })
    }

    /// How often to call [`ping`](Self::ping); `None`: never.
    pub(super) fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// The first plan is applied, or a reload is over.
    pub(super) fn ready(&mut self) {
        self.say("READY=1");
    }

    /// A reload begins; `now` is `CLOCK_MONOTONIC`, which systemd compares.
    pub(super) fn reloading(&mut self, now: Duration) {
        self.say(&format!("RELOADING=1\nMONOTONIC_USEC={}", now.as_micros()));
    }

    /// The end begins.
    pub(super) fn stopping(&mut self) {
        self.say("STOPPING=1");
    }

    /// The supervisor lives.
    pub(super) fn ping(&mut self) {
        self.say("WATCHDOG=1");
    }

    /// A stop takes longer. Call it again within [`Self::EXTEND_EVERY`].
    pub(super) fn extend(&mut self) {
        self.say(&format!("EXTEND_TIMEOUT_USEC={}", EXTENSION.as_micros()));
    }

    /// How often to call [`extend`](Self::extend) while a stop goes on.
    pub(super) const EXTEND_EVERY: Duration = Duration::from_secs(10);

    /// Sets the line that `systemctl status` shows; said with [`flush`](Self::flush).
    pub(super) fn set_status(&mut self, status: String) {
        self.status = status;
    }

    /// Says the status if it is another than the one said last.
    pub(super) fn flush(&mut self) {
        if self.status != self.said {
            self.say("");
        }
    }

    fn say(&mut self, what: &str) {
        let Some((socket, address)) = &self.socket else { return };
        let message = format!("{what}\nSTATUS={}\n", self.status);
        match socket.send_to_addr(message.trim_start().as_bytes(), address) {
            Ok(_) => self.said.clone_from(&self.status),
            Err(error) => tracing::debug!(%error, "systemd does not hear"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    struct Manager {
        socket: UnixDatagram,
        environment: Environment,
        _dir: TempDir,
    }

    fn manager() -> Manager {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_nonblocking(true).unwrap();
        let environment =
            Environment { socket: Some(path.to_str().unwrap().into()), ..Environment::default() };
        Manager { socket, environment, _dir: dir }
    }

    impl Manager {
        fn heard(&self) -> Option<String> {
            let mut buffer = [0; 512];
            let n = self.socket.recv(&mut buffer).ok()?;
            Some(String::from_utf8_lossy(&buffer[..n]).into_owned())
        }
    }

    #[test]
    fn the_status_is_said_when_it_has_changed() {
        let manager = manager();
        let mut systemd = Systemd::new(&manager.environment, 1).unwrap();
        systemd.set_status("1 starting".into());
        systemd.set_status("1 ready".into());
        systemd.ready();
        assert_eq!(manager.heard().unwrap(), "READY=1\nSTATUS=1 ready\n");
        systemd.flush();
        assert_eq!(manager.heard(), None);
        systemd.set_status("1 failed".into());
        systemd.flush();
        systemd.flush();
        assert_eq!(manager.heard().unwrap(), "STATUS=1 failed\n");
        assert_eq!(manager.heard(), None);
    }

    #[test]
    fn a_reload_carries_the_time() {
        let manager = manager();
        let mut systemd = Systemd::new(&manager.environment, 1).unwrap();
        systemd.reloading(Duration::from_micros(77));
        assert_eq!(manager.heard().unwrap(), "RELOADING=1\nMONOTONIC_USEC=77\nSTATUS=\n");
    }

    #[test]
    fn the_watchdog_is_ours_only_with_our_pid() {
        let mut manager = manager();
        let half = |environment: &Environment| Systemd::new(environment, 7).unwrap().watchdog();
        assert_eq!(half(&manager.environment), None);
        manager.environment.watchdog_usec = Some("30000000".into());
        assert_eq!(half(&manager.environment), Some(Duration::from_secs(15)));
        manager.environment.watchdog_pid = Some("7".into());
        assert_eq!(half(&manager.environment), Some(Duration::from_secs(15)));
        manager.environment.watchdog_pid = Some("8".into());
        assert_eq!(half(&manager.environment), None);
        assert_eq!(half(&Environment { watchdog_usec: Some("1".into()), ..Environment::default() }), None);
    }

    #[test]
    fn a_manager_that_does_not_listen_stops_nothing() {
        let manager = manager();
        let mut systemd = Systemd::new(&manager.environment, 1).unwrap();
        for _ in 0..10_000 {
            systemd.ping();
        }
        drop(manager.socket);
        systemd.ping();
        Systemd::new(&Environment::default(), 1).unwrap().ready();
    }
}
