//! Signals, by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A signal that can be sent to a daemon.
///
/// Written by name, with or without `SIG`; never by number, which differs between
/// machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Signal(i32);

/// A text that names no signal.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no signal is called {0:?}; there are {names}", names = names())]
pub struct SignalError(String);

const SIGNALS: [(&str, i32); 17] = [
    ("TERM", libc::SIGTERM),
    ("KILL", libc::SIGKILL),
    ("INT", libc::SIGINT),
    ("QUIT", libc::SIGQUIT),
    ("HUP", libc::SIGHUP),
    ("USR1", libc::SIGUSR1),
    ("USR2", libc::SIGUSR2),
    ("WINCH", libc::SIGWINCH),
    ("TTIN", libc::SIGTTIN),
    ("TTOU", libc::SIGTTOU),
    ("ABRT", libc::SIGABRT),
    ("ALRM", libc::SIGALRM),
    ("URG", libc::SIGURG),
    ("IO", libc::SIGIO),
    ("STOP", libc::SIGSTOP),
    ("TSTP", libc::SIGTSTP),
    ("CONT", libc::SIGCONT),
];

fn names() -> String {
    SIGNALS.map(|(name, _)| name).join(", ")
}

impl Signal {
    /// SIGTERM.
    pub const TERM: Self = Self(libc::SIGTERM);
    /// SIGKILL.
    pub const KILL: Self = Self(libc::SIGKILL);

    /// The number it has on this machine.
    pub fn number(self) -> i32 {
        self.0
    }

    /// Its name, without `SIG`.
    pub fn name(self) -> &'static str {
        SIGNALS.iter().find(|(_, number)| *number == self.0).map_or("TERM", |(name, _)| name)
    }

    /// Whether a process that gets it may be expected to end: not so for those that
    /// stop or continue it, or that it ignores unless it asked for them.
    pub fn can_end_a_process(self) -> bool {
        ![libc::SIGSTOP, libc::SIGTSTP, libc::SIGCONT, libc::SIGTTIN, libc::SIGTTOU, libc::SIGURG]
            .contains(&self.0)
    }
}

impl FromStr for Signal {
    type Err = SignalError;

    fn from_str(text: &str) -> Result<Self, SignalError> {
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        match SIGNALS.iter().find(|(known, _)| *known == name) {
            Some((_, number)) => Ok(Self(*number)),
            None => Err(SignalError(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Signal {
    type Error = SignalError;

    fn try_from(text: String) -> Result<Self, SignalError> {
        text.parse()
    }
}

impl From<Signal> for String {
    fn from(signal: Signal) -> String {
        signal.name().to_owned()
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_and_without_its_prefix_in_any_case() {
        for text in ["TERM", "SIGTERM", "term", "SigTerm"] {
            assert_eq!(text.parse(), Ok(Signal::TERM));
        }
        for (name, number) in SIGNALS {
            let signal: Signal = name.parse().unwrap();
            assert_eq!((signal.number(), signal.name()), (number, name));
        }
    }

    #[test]
    fn nothing_else_is_a_signal() {
        for text in ["", "SIG", "15", "SIGSIGTERM", "TERMINATE"] {
            assert!(text.parse::<Signal>().is_err(), "{text}");
        }
        assert!(
            "FOO"
                .parse::<Signal>()
                .unwrap_err()
                .to_string()
                .starts_with(r#"no signal is called "FOO"; there are TERM, KILL, INT"#)
        );
    }
}
