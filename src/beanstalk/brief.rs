//! The figures of a job, for whoever reads a million of them.
//!
//! [`JobStatistics`](super::JobStatistics) keeps all that was sent, which costs a string
//! for each line; here what is needed to list a job or to put it again is taken in one pass.

use super::statistics::{JobState, StatisticsError, lines, unquoted};
use super::value::{Delay, JobId, Priority, Ttr, digits};

/// The figures of one job that say where it is and how it was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobBrief<'a> {
    /// Whose figures these are.
    pub id: JobId,
    /// The name of the tube it lies on.
    pub tube: &'a str,
    /// Where it is.
    pub state: JobState,
    /// Its urgency as last set.
    pub priority: Priority,
    /// Seconds since it was put.
    pub age: u64,
    /// Seconds until a delayed job is ready; 0 for the others.
    pub due_in: Delay,
    /// How long a reservation of it lasts.
    pub ttr: Ttr,
}

impl<'a> JobBrief<'a> {
    /// Reads the data of the reply to `stats-job`.
    pub fn parse(yaml: &'a [u8]) -> Result<Self, StatisticsError> {
        let (mut id, mut tube, mut state, mut pri) = (None, None, None, None);
        let (mut age, mut left, mut ttr) = (None, None, None);
        for line in lines(yaml) {
            let Some(at) = line.iter().position(|&byte| byte == b':') else { continue };
            let (key, value) = (&line[..at], line[at + 1..].trim_ascii());
            let text = || std::str::from_utf8(value).ok().map(unquoted);
            let small = || digits(value).and_then(|number| u32::try_from(number).ok());
            match key {
                b"id" => id = digits(value).map(JobId),
                b"tube" => tube = text(),
                b"state" => state = text().and_then(|state| state.parse().ok()),
                b"pri" => pri = small().map(Priority),
                b"age" => age = digits(value),
                // Below 0 for a moment, when a job is due and not yet ready.
                b"time-left" => left = Some(small().unwrap_or(0)),
                b"ttr" => ttr = small().map(Ttr),
                _ => {}
            }
        }
        let missing = |key| StatisticsError::Missing { key };
        let state = state.ok_or(missing("state"))?;
        let left = left.ok_or(missing("time-left"))?;
        Ok(Self {
            id: id.ok_or(missing("id"))?,
            tube: tube.ok_or(missing("tube"))?,
            state,
            priority: pri.ok_or(missing("pri"))?,
            age: age.ok_or(missing("age"))?,
            due_in: Delay(if state == JobState::Delayed { left } else { 0 }),
            ttr: ttr.ok_or(missing("ttr"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YAML: &str = "---\nid: 7\ntube: \"1.10\"\nstate: delayed\npri: 512\nage: 3\ndelay: 60\n\
                        ttr: 120\ntime-left: 57\nfile: 0\nreserves: 0\n";

    #[test]
    fn what_a_list_needs_is_read() {
        let brief = JobBrief::parse(YAML.as_bytes()).unwrap();
        assert_eq!((brief.id, brief.tube, brief.state), (JobId(7), "1.10", JobState::Delayed));
        assert_eq!(
            (brief.priority, brief.age, brief.due_in, brief.ttr),
            (Priority(512), 3, Delay(57), Ttr(120))
        );
        let ready = YAML.replace("delayed", "ready").replace("57", "-1");
        assert_eq!(JobBrief::parse(ready.as_bytes()).unwrap().due_in, Delay(0));
    }

    #[test]
    fn what_is_missing_is_named() {
        for key in ["id", "tube", "state", "pri", "age", "ttr", "time-left"] {
            let yaml = YAML.replace(&format!("\n{key}: "), "\nx: ");
            assert_eq!(JobBrief::parse(yaml.as_bytes()), Err(StatisticsError::Missing { key }), "{key}");
        }
        assert!(JobBrief::parse(b"\xff: \xff\n:\n\n").is_err());
    }
}
