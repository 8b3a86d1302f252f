//! Numbers as an operator reads them: `3m12s`, `71M`.

use jiff::Timestamp;

/// How long it is from `since` to `now`, in its two largest units.
pub(crate) fn age(since: Timestamp, now: Timestamp) -> String {
    span(u64::try_from(now.as_second().saturating_sub(since.as_second())).unwrap_or(0))
}

/// So many seconds in their two largest units.
pub(crate) fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let seconds = seconds % 60;
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m{seconds:02}s"),
        (0, _, _) => format!("{hours}h{minutes:02}m"),
        (_, _, _) => format!("{days}d{hours:02}h"),
    }
}

/// Bytes in the largest binary unit that leaves a whole part.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["K", "M", "G", "T", "P"];
    if bytes < 1024 {
        return format!("{bytes}B");
    }
    let mut tenths = u128::from(bytes) * 10 / 1024;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    if tenths < 100 && unit > 1 {
        format!("{}.{}{}", tenths / 10, tenths % 10, UNITS[unit])
    } else {
        format!("{}{}", tenths / 10, UNITS[unit])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_its_two_largest_units() {
        let at = |seconds: i64| Timestamp::from_second(1_700_000_000 + seconds).unwrap();
        for (seconds, text) in [
            (-5, "0s"),
            (0, "0s"),
            (59, "59s"),
            (60, "1m00s"),
            (192, "3m12s"),
            (3600, "1h00m"),
            (86_399, "23h59m"),
            (86_400 * 400 + 3600, "400d01h"),
        ] {
            assert_eq!(age(at(0), at(seconds)), text);
        }
    }

    #[test]
    fn bytes_have_a_unit() {
        for (number, text) in [
            (0, "0B"),
            (1023, "1023B"),
            (1024, "1K"),
            (71 * 1024 * 1024, "71M"),
            (1_500 * 1024 * 1024, "1.4G"),
            (20 * 1024 * 1024 * 1024, "20G"),
            (u64::MAX, "16383P"),
        ] {
            assert_eq!(bytes(number), text);
        }
    }
}
