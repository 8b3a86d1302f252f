//! The executor protocol as bytes: docs/executor.md in types.
//!
//! ```text
//!     00 00 00 1b  {"type":"ok","id":17}      length, big-endian; then one JSON object
//! ```
//!
//! A length is checked before anything is allocated for it. An executor runs the
//! application's code, so what it says is as hostile as a job.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Failure;
use crate::ayl::Outcome;

/// The longest frame either side takes, in bytes.
pub const MAX_FRAME: usize = 16 * 1024 * 1024;

/// The version of the protocol.
pub const PROTOCOL: u32 = 1;

/// Why bytes are not a frame.
#[derive(Debug, Error)]
pub enum FrameError {
    /// A length that no frame has.
    #[error("a frame of {0} bytes, expected 2 to {MAX_FRAME}")]
    Length(u32),
    /// Not one of the objects of the protocol.
    #[error("a frame that is none: {0}")]
    Json(#[from] serde_json::Error),
    /// Too much to say.
    #[error("{0} bytes are too many for a frame, at most {MAX_FRAME}")]
    TooLong(usize),
}

/// What a worker says to an executor.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToExecutor<'a> {
    /// Load the application.
    Boot {
        /// [`PROTOCOL`].
        protocol: u32,
        /// The application's name, if it is known.
        application: Option<&'a str>,
        /// Its version, if it is known.
        version: Option<&'a str>,
        /// The tube its jobs come from.
        tube: &'a str,
        /// The worker's name, if it has one.
        instance: Option<&'a str>,
        /// The application's folder.
        path: &'a str,
        /// What to load, relative to it.
        require: &'a str,
        /// Whether it is a Rails application.
        rails: bool,
        /// `production`, …
        environment: Option<&'a str>,
        /// Whether answers are to carry `rss`.
        memory: bool,
    },
    /// Run a job.
    Run {
        /// Its number.
        id: u64,
        /// Its tube.
        tube: &'a str,
        /// The code.
        code: &'a str,
        /// Instead of the code: the JSON of a serialized `ActiveJob`.
        #[serde(skip_serializing_if = "Option::is_none")]
        active_job: Option<String>,
        /// The number its signature gave it.
        #[serde(skip_serializing_if = "Option::is_none")]
        jti: Option<&'a str>,
        /// Its whole body, for an executor that does not evaluate code.
        #[serde(skip_serializing_if = "Option::is_none")]
        body: Option<&'a str>,
    },
    /// Tell the application's mailer.
    Report {
        /// The job.
        id: u64,
        /// Which of the mailer's methods.
        hook: &'a str,
        /// For `ayl_message`.
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<&'a str>,
        /// For `burying_job`.
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<&'a str>,
        /// The error.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<&'a Failure>,
    },
    /// Leave.
    Stop,
}

/// What an executor says to its worker.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromExecutor {
    /// The application has booted.
    Ready {
        /// The version of the protocol it speaks.
        protocol: u32,
        /// `ruby 3.1.2`
        #[serde(default)]
        runtime: String,
        /// The tube the application has chosen itself.
        #[serde(default)]
        tube: Option<String>,
        /// Whether it understands `report`.
        #[serde(default)]
        reports: bool,
    },
    /// It has not.
    BootFailed(Failure),
    /// The code returned.
    Ok {
        /// The job.
        id: u64,
        /// Resident memory, in bytes.
        #[serde(default)]
        rss: Option<u64>,
    },
    /// It raised.
    Error {
        /// The job.
        id: u64,
        /// What.
        #[serde(flatten)]
        failure: Failure,
        /// Resident memory, in bytes.
        #[serde(default)]
        rss: Option<u64>,
    },
    /// It wants to be tried later.
    Decay {
        /// The job.
        id: u64,
        /// In how many seconds.
        #[serde(default)]
        delay: Option<f64>,
        /// Resident memory, in bytes.
        #[serde(default)]
        rss: Option<u64>,
    },
    /// It wants to be buried.
    Bury {
        /// The job.
        id: u64,
        /// Why.
        #[serde(default)]
        message: Option<String>,
        /// Resident memory, in bytes.
        #[serde(default)]
        rss: Option<u64>,
    },
    /// It called `exit`.
    Exit {
        /// The job.
        id: u64,
        /// With that status.
        status: i32,
    },
    /// The mailer has been told.
    Reported,
}

/// How a job ended, from an executor's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Ran {
    /// The job.
    pub id: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// What the executor says of an error.
    pub failure: Option<Failure>,
    /// Its resident memory, in bytes.
    pub memory: Option<u64>,
}

impl FromExecutor {
    /// The answer to `run`, if it is one.
    pub fn ran(self) -> Option<Ran> {
        let (id, outcome, failure, memory) = match self {
            Self::Ok { id, rss } => (id, Outcome::Returned, None, rss),
            Self::Error { id, failure, rss } => (id, Outcome::Raised, Some(failure), rss),
            Self::Decay { id, delay, rss } => (id, Outcome::Decay(delay.map(seconds)), None, rss),
            Self::Bury { id, message, rss } => {
                let failure = message.map(|message| Failure { message, ..Failure::default() });
                (id, Outcome::Bury, failure, rss)
            }
            Self::Exit { id, status } => (id, Outcome::Exited(status), None, None),
            Self::Ready { .. } | Self::BootFailed(_) | Self::Reported => return None,
        };
        Some(Ran { id, outcome, failure, memory })
    }
}

/// Whole seconds, rounded up; what is no span of time is none.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // as saturates, NaN is 0
fn seconds(delay: f64) -> u32 {
    delay.ceil() as u32
}

/// A frame's bytes.
pub fn encode(frame: &impl Serialize) -> Result<Vec<u8>, FrameError> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, frame)?;
    let length = bytes.len() - 4;
    let number = u32::try_from(length).ok().filter(|_| length <= MAX_FRAME);
    let number = number.ok_or(FrameError::TooLong(length))?;
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    Ok(bytes)
}

/// Takes the first whole frame off `bytes`; `None` when there is none yet.
pub fn decode<T: for<'de> Deserialize<'de>>(bytes: &mut Vec<u8>) -> Result<Option<T>, FrameError> {
    let Some(head) = bytes.first_chunk::<4>() else { return Ok(None) };
    let number = u32::from_be_bytes(*head);
    let length = number as usize;
    if !(2..=MAX_FRAME).contains(&length) {
        return Err(FrameError::Length(number));
    }
    let Some(body) = bytes.get(4..4 + length) else { return Ok(None) };
    let frame = serde_json::from_slice(body)?;
    bytes.drain(..4 + length);
    Ok(Some(frame))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(json: &str) -> Vec<u8> {
        let mut bytes = u32::try_from(json.len()).unwrap().to_be_bytes().to_vec();
        bytes.extend(json.as_bytes());
        bytes
    }

    fn outcome(json: &str) -> Outcome {
        decode::<FromExecutor>(&mut frame(json)).unwrap().unwrap().ran().unwrap().outcome
    }

    #[test]
    fn the_answers_of_the_documentation() {
        assert_eq!(outcome(r#"{"type":"ok","id":17,"rss":81788928}"#), Outcome::Returned);
        let error = r#"{"type":"error","id":17,"class":"A","message":"b","backtrace":["c"]}"#;
        assert_eq!(outcome(error), Outcome::Raised);
        assert_eq!(outcome(r#"{"type":"decay","id":17,"delay":30}"#), Outcome::Decay(Some(30)));
        assert_eq!(outcome(r#"{"type":"decay","id":17,"delay":0.5}"#), Outcome::Decay(Some(1)));
        assert_eq!(outcome(r#"{"type":"decay","id":17,"delay":-5}"#), Outcome::Decay(Some(0)));
        assert_eq!(outcome(r#"{"type":"decay","id":17,"delay":null}"#), Outcome::Decay(None));
        assert_eq!(outcome(r#"{"type":"bury","id":17,"message":"no such resident"}"#), Outcome::Bury);
        assert_eq!(outcome(r#"{"type":"exit","id":17,"status":3}"#), Outcome::Exited(3));
        let failed = r#"{"type":"boot_failed","class":"LoadError","message":"pg","backtrace":[]}"#;
        let failed = decode::<FromExecutor>(&mut frame(failed)).unwrap();
        let failure = Failure { class: "LoadError".into(), message: "pg".into(), backtrace: vec![] };
        assert_eq!(failed, Some(FromExecutor::BootFailed(failure)));
    }

    #[test]
    fn a_job_is_written_as_documented() {
        let run = ToExecutor::Run { id: 17, tube: "t", code: "x", active_job: None, jti: None, body: None };
        assert_eq!(encode(&run).unwrap(), frame(r#"{"type":"run","id":17,"tube":"t","code":"x"}"#));
        assert_eq!(encode(&ToExecutor::Stop).unwrap(), frame(r#"{"type":"stop"}"#));
    }

    #[test]
    fn a_length_that_cannot_be_is_refused_before_it_is_waited_for() {
        for number in [0, 1, 16 * 1024 * 1024 + 1, u32::MAX] {
            let error = decode::<FromExecutor>(&mut number.to_be_bytes().to_vec()).unwrap_err();
            assert_eq!(error.to_string(), format!("a frame of {number} bytes, expected 2 to 16777216"));
        }
        let long = ToExecutor::Run {
            id: 1,
            tube: "t",
            code: &"x".repeat(MAX_FRAME),
            active_job: None,
            jti: None,
            body: None,
        };
        assert!(matches!(encode(&long), Err(FrameError::TooLong(_))));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode::<FromExecutor>(&mut bytes);
        }

        #[test]
        fn frames_come_whole_however_they_are_cut(cut in 0_usize..60) {
            let mut all = frame(r#"{"type":"ok","id":1}"#);
            all.extend(frame(r#"{"type":"reported"}"#));
            let cut = cut.min(all.len());
            let mut bytes = all[..cut].to_vec();
            let mut found = Vec::new();
            while let Some(one) = decode::<FromExecutor>(&mut bytes).unwrap() {
                found.push(one);
            }
            bytes.extend(&all[cut..]);
            while let Some(one) = decode::<FromExecutor>(&mut bytes).unwrap() {
                found.push(one);
            }
            prop_assert_eq!(found, vec![FromExecutor::Ok { id: 1, rss: None }, FromExecutor::Reported]);
            prop_assert!(bytes.is_empty());
        }
    }
}
