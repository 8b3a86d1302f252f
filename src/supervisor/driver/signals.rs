//! The signals the supervisor gets, and who sent them.

use std::fs;
use std::io;

use futures_util::StreamExt;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::low_level::siginfo::Origin;
use signal_hook_tokio::SignalsInfo;

/// What SIGHUP means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hangup {
    /// Read the configuration again: there is no terminal.
    Reload,
    /// The terminal is closed: stop everything.
    Stop,
}

/// What a signal asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wish {
    /// Stop everything and end; asked for again: kill everything. By whom, in words.
    Stop(String),
    /// Read the configuration again.
    Reload(String),
    /// Open the log files anew: somebody has renamed them.
    Reopen,
    /// A child has ended, perhaps one nobody knows.
    Child,
}

/// The signals that are waited for.
pub(super) struct Signals {
    signals: SignalsInfo<WithOrigin>,
    hangup: Hangup,
}

impl Signals {
    /// Takes the signals over from the system's defaults. Needs a tokio runtime.
    pub(super) fn new(hangup: Hangup) -> io::Result<Self> {
        Ok(Self { signals: SignalsInfo::new([SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD])?, hangup })
    }

    /// The next one. Cancel safe.
    pub(super) async fn next(&mut self) -> Wish {
        match self.signals.next().await {
            Some(origin) => self.wish(&origin),
            // It ends only with this.
            None => std::future::pending().await,
        }
    }

    fn wish(&self, origin: &Origin) -> Wish {
        match (origin.signal, self.hangup) {
            (SIGCHLD, _) => Wish::Child,
            (SIGUSR1, _) => Wish::Reopen,
            (SIGHUP, Hangup::Reload) => Wish::Reload(told(origin)),
            _ => Wish::Stop(told(origin)),
        }
    }
}

/// `SIGTERM from process 1 (systemd)`.
fn told(origin: &Origin) -> String {
    let name = signal_hook::low_level::signal_name(origin.signal).unwrap_or("a signal");
    match &origin.process {
        Some(process) if process.pid > 0 => {
            let who = fs::read_to_string(format!("/proc/{}/comm", process.pid)).unwrap_or_default();
            let who = who.trim();
            let who = if who.is_empty() { String::new() } else { format!(" ({who})") };
            format!("{name} from process {}{who}", process.pid)
        }
        _ => name.to_owned(),
    }
}
