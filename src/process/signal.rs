//! Signals by name and number.

use std::fmt;
use std::str::FromStr;

use nix::sys::signal::Signal as Known;
use thiserror::Error;

/// A signal that can be sent: `TERM`, `SIGTERM` and `15` are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signal(i32);

impl Signal {
    /// Reload.
    pub const HUP: Self = Self(libc::SIGHUP);
    /// As Ctrl-C.
    pub const INT: Self = Self(libc::SIGINT);
    /// End, with no way to say no.
    pub const KILL: Self = Self(libc::SIGKILL);
    /// End.
    pub const TERM: Self = Self(libc::SIGTERM);
    /// Go on.
    pub const CONT: Self = Self(libc::SIGCONT);

    /// By its number, 1 to 64.
    pub fn from_raw(number: i32) -> Option<Self> {
        (1..=64).contains(&number).then_some(Self(number))
    }

    /// Its number.
    pub fn raw(self) -> i32 {
        self.0
    }
}

/// `SIGTERM`; for one without a name, `signal 42`.
impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Known::try_from(self.0) {
            Ok(known) => f.write_str(known.as_str()),
            Err(_) => write!(f, "signal {}", self.0),
        }
    }
}

/// A text that names no signal.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is no signal, expected one such as TERM, HUP or USR1")]
pub struct UnknownSignal(String);

impl FromStr for Signal {
    type Err = UnknownSignal;

    fn from_str(text: &str) -> Result<Self, UnknownSignal> {
        let unknown = || UnknownSignal(text.to_owned());
        if let Ok(number) = text.parse() {
            return Self::from_raw(number).ok_or_else(unknown);
        }
        let upper = text.to_ascii_uppercase();
        let name = if upper.starts_with("SIG") { upper } else { format!("SIG{upper}") };
        name.parse::<Known>().map(|known| Self(known as i32)).map_err(|_| unknown())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_has_several_spellings() {
        for text in ["TERM", "SIGTERM", "sigterm", "15"] {
            assert_eq!(text.parse(), Ok(Signal::TERM), "{text}");
        }
        assert_eq!(Signal::TERM.to_string(), "SIGTERM");
        assert_eq!("42".parse::<Signal>().unwrap().to_string(), "signal 42");
    }

    #[test]
    fn what_is_no_signal_says_what_would_be() {
        for text in ["", "0", "65", "-1", "SIGNAL", "TERMINATE"] {
            assert_eq!(
                text.parse::<Signal>().unwrap_err().to_string(),
                format!("{text:?} is no signal, expected one such as TERM, HUP or USR1")
            );
        }
    }
}
