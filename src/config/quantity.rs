//! Durations and sizes: text -> value and back.
//!
//! Both need a unit. `30` could be seconds to one reader and milliseconds to the
//! next, and `512M` is two sizes; what is refused here is not found out at 3 a.m.

use std::fmt::Write as _;
use std::time::Duration;

use thiserror::Error;

/// The longest duration: a leap year.
const MAX_DURATION: Duration = Duration::from_hours(366 * 24);

/// Milliseconds of each unit, from the longest.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// Bytes of each unit.
const SIZES: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1000),
    ("B", 1),
];

/// Why a text is no duration or size.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum QuantityError {
    /// A number alone, where a duration is wanted.
    #[error("{0} has no unit; write {0}s for seconds, or ms, m, h, d")]
    BareDuration(String),
    /// A number alone, where a size is wanted.
    #[error("{0} has no unit; write {0}MiB, or B, kB, MB, GB, KiB, GiB")]
    BareSize(String),
    /// Something else.
    #[error("{0:?} is no duration; write it as 200ms, 30s, 5m or 1h30m")]
    NoDuration(String),
    /// Something else.
    #[error("{0:?} is no size; write it as 512MiB or 2GB")]
    NoSize(String),
    /// `512M`, which is 512000000 to one and 536870912 to the other.
    #[error(
        "{text:?} may mean two sizes; write {number}{prefix}iB (powers of 1024) or {number}{decimal}B (powers of 1000)"
    )]
    Ambiguous {
        /// The text.
        text: String,
        /// Its number.
        number: String,
        /// Its letter, as in `MiB`.
        prefix: char,
        /// Its letter, as in `MB`.
        decimal: char,
    },
    /// Too much.
    #[error("{0} is too long, at most 366d")]
    TooLong(String),
    /// Too much.
    #[error("{0} is too large")]
    TooLarge(String),
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Reads `200ms`, `30s`, `1h30m`; also a bare `0`, which needs no unit.
pub fn parse_duration(text: &str) -> Result<Duration, QuantityError> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if is_number(text) {
        return Err(QuantityError::BareDuration(text.to_owned()));
    }
    let form = || QuantityError::NoDuration(text.to_owned());
    let too_long = || QuantityError::TooLong(text.to_owned());
    let mut rest = text;
    let mut total = 0_u64;
    let mut below = u64::MAX;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).filter(|&at| at > 0).ok_or_else(form)?;
        let (number, behind) = rest.split_at(digits);
        let end = behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(end);
        let (_, factor) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or_else(form)?;
        if factor >= below {
            return Err(form());
        }
        below = factor;
        let part = number.parse::<u64>().ok().and_then(|n| n.checked_mul(factor)).ok_or_else(too_long)?;
        total = total.checked_add(part).ok_or_else(too_long)?;
        rest = behind;
    }
    let duration = Duration::from_millis(total);
    match (below, duration > MAX_DURATION) {
        (u64::MAX, _) => Err(form()),
        (_, true) => Err(too_long()),
        _ => Ok(duration),
    }
}

/// Writes what [`parse_duration`] reads; less than a millisecond is dropped.
pub fn write_duration(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut out = String::new();
    for (unit, factor) in UNITS {
        if rest >= factor {
            let _ = write!(out, "{}{unit}", rest / factor);
            rest %= factor;
        }
    }
    if out.is_empty() { "0s".to_owned() } else { out }
}

/// Reads `512MiB`, `2GB`, `100B`.
pub fn parse_size(text: &str) -> Result<u64, QuantityError> {
    if is_number(text) {
        return Err(QuantityError::BareSize(text.to_owned()));
    }
    let form = || QuantityError::NoSize(text.to_owned());
    let digits = text.find(|c: char| !c.is_ascii_digit()).filter(|&at| at > 0).ok_or_else(form)?;
    let (number, unit) = text.split_at(digits);
    if let [letter @ (b'K' | b'k' | b'M' | b'G' | b'T')] = unit.as_bytes() {
        let prefix = char::from(letter.to_ascii_uppercase());
        let decimal = if prefix == 'K' { 'k' } else { prefix };
        return Err(QuantityError::Ambiguous {
            text: text.to_owned(),
            number: number.to_owned(),
            prefix,
            decimal,
        });
    }
    let (_, factor) = SIZES.into_iter().find(|(name, _)| *name == unit).ok_or_else(form)?;
    let size = number.parse::<u64>().ok().and_then(|n| n.checked_mul(factor));
    // What the kernel takes is signed.
    size.filter(|&n| i64::try_from(n).is_ok()).ok_or_else(|| QuantityError::TooLarge(text.to_owned()))
}

/// Writes what [`parse_size`] reads, exactly.
pub fn write_size(bytes: u64) -> String {
    let exact = SIZES.into_iter().filter(|(_, factor)| bytes > 0 && bytes.is_multiple_of(*factor));
    let (unit, factor) = exact.max_by_key(|(_, factor)| *factor).unwrap_or(("B", 1));
    format!("{}{unit}", bytes / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_numbers_with_units_from_the_longest() {
        for (text, millis) in [
            ("200ms", 200),
            ("30s", 30_000),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("1d1h1m1s1ms", 90_061_001),
            ("0s", 0),
            ("0", 0),
            ("90m", 5_400_000),
            ("366d", 31_622_400_000),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_says_why() {
        let error = |text: &str| parse_duration(text).unwrap_err().to_string();
        for text in
            ["", "s", "ms", "-5s", "1.5", "1.5h", "5 m", "30S", "1m1h", "1m1m", "5sec", "5m ", "é", "1h30"]
        {
            assert_eq!(error(text), format!("{text:?} is no duration; write it as 200ms, 30s, 5m or 1h30m"));
        }
        assert_eq!(error("30"), "30 has no unit; write 30s for seconds, or ms, m, h, d");
        for text in ["367d", "99999999999999999999s", "18446744073709551615d"] {
            assert_eq!(error(text), format!("{text} is too long, at most 366d"));
        }
    }

    #[test]
    fn a_size_is_a_number_with_a_unit() {
        for (text, bytes) in
            [("512MiB", 512 << 20), ("2GB", 2_000_000_000), ("1kB", 1000), ("7B", 7), ("0B", 0)]
        {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
            assert_eq!(write_size(bytes), text);
        }
    }

    #[test]
    fn what_is_no_size_says_why() {
        let error = |text: &str| parse_size(text).unwrap_err().to_string();
        for text in ["", "MiB", "-1MiB", "1.5GiB", "1 GB", "1mib", "1GiBs", "é"] {
            assert_eq!(error(text), format!("{text:?} is no size; write it as 512MiB or 2GB"));
        }
        assert_eq!(error("512"), "512 has no unit; write 512MiB, or B, kB, MB, GB, KiB, GiB");
        assert_eq!(
            error("512k"),
            r#""512k" may mean two sizes; write 512KiB (powers of 1024) or 512kB (powers of 1000)"#
        );
        assert_eq!(error("99999999TiB"), "99999999TiB is too large");
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read_again(millis in 0..31_622_400_000_u64, bytes in 0..i64::MAX.cast_unsigned()) {
            let duration = Duration::from_millis(millis);
            proptest::prop_assert_eq!(parse_duration(&write_duration(duration)), Ok(duration));
            proptest::prop_assert_eq!(parse_size(&write_size(bytes)), Ok(bytes));
        }

        #[test]
        fn any_text_is_an_answer(text in "\\PC{0,12}|[0-9]{1,20}[a-zA-Z]{0,3}([0-9][a-z]{0,2})?") {
            let _ = (parse_duration(&text), parse_size(&text));
        }
    }
}
