//! The numbers of the protocol, each with its own type so that none stands in for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a text is not one of the protocol's numbers.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text:?} is not a {what}: digits only, from 0 to {max}")]
pub struct NumberError {
    /// The text.
    pub text: String,
    /// What was wanted.
    pub what: &'static str,
    /// The largest that is taken.
    pub max: u64,
}

/// Digits alone: no sign, no space, nothing after them.
pub(super) fn digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $inner:ty, $what:literal) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
        )]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl FromStr for $name {
            type Err = NumberError;

            fn from_str(text: &str) -> Result<Self, NumberError> {
                digits(text.as_bytes()).and_then(|number| number.try_into().ok()).map(Self).ok_or_else(|| {
                    let max = u64::try_from(<$inner>::MAX).unwrap_or(u64::MAX);
                    NumberError { text: text.to_owned(), what: $what, max }
                })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number! {
    /// Names one job of one server. Another server, or the same one restarted without a
    /// binlog, gives the same number to another job.
    JobId, u64, "job id"
}
number! {
    /// How urgent a job is: 0 goes before everything, 4,294,967,295 behind everything.
    Priority, u32, "priority"
}
number! {
    /// How long a job stays out of the ready queue, in whole seconds.
    Delay, u32, "delay in seconds"
}
number! {
    /// Time to run: how long a reservation lasts without a `touch`, in whole seconds.
    /// The server makes a 1 of 0, so [`Ttr::seconds`] does too.
    Ttr, u32, "time to run in seconds"
}

impl Ttr {
    /// The seconds that the server will count.
    pub fn seconds(self) -> u32 {
        self.0.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_digits_in_range() {
        assert_eq!("0".parse(), Ok(Priority(0)));
        assert_eq!("4294967295".parse(), Ok(Delay(u32::MAX)));
        assert_eq!("18446744073709551615".parse(), Ok(JobId(u64::MAX)));
        for bad in ["", "-1", "+1", " 1", "1 ", "0x1", "4294967296", "99999999999999999999"] {
            assert!(bad.parse::<Priority>().is_err(), "{bad:?}");
        }
        assert_eq!(
            "-1".parse::<Ttr>().unwrap_err().to_string(),
            r#""-1" is not a time to run in seconds: digits only, from 0 to 4294967295"#
        );
    }

    #[test]
    fn a_time_to_run_is_at_least_a_second() {
        assert_eq!((Ttr(0).seconds(), Ttr(7).seconds()), (1, 7));
    }
}
