//! What the queue holds of an entry that nobody works on: its jobs say for which slot they are.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;

/// The tube that the jobs of the entry `slots` stay on.
pub(crate) const TUBE: &str = "slots";

/// What is not as it has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Offence {
    /// Between the first slot and the last, and nobody put it.
    Missing(Timestamp),
    /// Slots were put again more often than anything happened that could say why.
    Again { slots: Vec<Timestamp>, faults: usize },
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(slot) => write!(f, "nothing was put for the slot {slot}"),
            Self::Again { slots, faults } => {
                write!(f, "{slots:?} were put again, and {faults} faults could say why")
            }
        }
    }
}

/// The slot in a job's body.
pub(crate) fn slot_of(body: &[u8]) -> Option<Timestamp> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    body["slot"].as_str()?.split_once('@')?.1.parse().ok()
}

/// What is wrong with these slots of an entry of every second that catches up on all of them;
/// `faults`: how many there were between putting a job and remembering that.
pub(crate) fn judge(slots: &[Timestamp], faults: usize) -> Vec<Offence> {
    let mut times: BTreeMap<i64, usize> = BTreeMap::new();
    for slot in slots {
        *times.entry(slot.as_second()).or_default() += 1;
    }
    let at = |second: i64| Timestamp::from_second(second).unwrap_or_default();
    let (Some((&first, _)), Some((&last, _))) = (times.first_key_value(), times.last_key_value()) else {
        return vec![Offence::Missing(at(0))];
    };
    let missing = (first..=last).filter(|second| !times.contains_key(second));
    let mut offences: Vec<Offence> = missing.map(|second| Offence::Missing(at(second))).collect();
    let again = times.iter().flat_map(|(&second, &times)| std::iter::repeat_n(at(second), times - 1));
    let again: Vec<Timestamp> = again.collect();
    if again.len() > faults {
        offences.push(Offence::Again { slots: again, faults });
    }
    offences
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(seconds: &[i64], faults: usize) -> Vec<String> {
        let slots: Vec<Timestamp> =
            seconds.iter().map(|&second| Timestamp::from_second(second).unwrap()).collect();
        judge(&slots, faults).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_slot_once_in_any_order_is_as_it_has_to_be() {
        assert_eq!(said(&[3, 1, 2], 0), [""; 0]);
    }

    #[test]
    fn a_slot_that_nobody_put_is_told() {
        assert_eq!(said(&[1, 2, 4], 9), ["nothing was put for the slot 1970-01-01T00:00:03Z"]);
        assert_eq!(said(&[], 9).len(), 1);
    }

    #[test]
    fn a_slot_that_was_put_again_needs_a_fault() {
        let why = "[1970-01-01T00:00:02Z] were put again, and 0 faults could say why";
        assert_eq!(said(&[1, 2, 2, 3], 0), [why]);
        assert_eq!(said(&[1, 2, 2, 3], 1), [""; 0]);
    }

    #[test]
    fn the_slot_is_read_from_the_body() {
        let body = br#"{"type":"ayl","code":"1","slot":"slots@2026-11-24T03:00:00Z"}"#;
        assert_eq!(slot_of(body), Some("2026-11-24T03:00:00Z".parse().unwrap()));
        assert_eq!(slot_of(b"{}"), None);
    }
}
