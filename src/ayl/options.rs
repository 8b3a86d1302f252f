//! How a job is put, with the defaults of the old gem.

use thiserror::Error;

use crate::names::{Tube, TubeError};

/// What happens to a job that raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Handler {
    /// It is deleted.
    #[default]
    Delete,
    /// It is buried, for somebody to look at.
    Bury,
    /// It is tried again, and buried once it was reserved often enough.
    Decay {
        /// Reserved this often, it is buried.
        count: u32,
        /// Seconds until it is tried again.
        delay: u32,
    },
}

impl Handler {
    /// `failed_job_count` where nothing else is said.
    pub const DEFAULT_COUNT: u32 = 3;
    /// `failed_job_delay` where nothing else is said, in seconds.
    pub const DEFAULT_DELAY: u32 = 60;

    /// Its word in a message.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::Bury => "bury",
            Self::Decay { .. } => "decay",
        }
    }

    /// The handler of that word; what `decay` leaves out is at its default.
    pub fn from_word(word: &str, count: Option<u32>, delay: Option<u32>) -> Option<Self> {
        match word {
            "delete" => Some(Self::Delete),
            "bury" => Some(Self::Bury),
            "decay" => Some(Self::Decay {
                count: count.unwrap_or(Self::DEFAULT_COUNT),
                delay: delay.unwrap_or(Self::DEFAULT_DELAY),
            }),
            _ => None,
        }
    }
}

/// How a job is put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// 0 is first, 4294967295 last.
    pub priority: u32,
    /// Accepted and unused, as ever.
    pub fuzz: u32,
    /// Seconds before it may be reserved.
    pub delay: u32,
    /// Seconds a worker may hold it without a sign of life; at least 1.
    pub time_to_run: u32,
    /// The tube.
    pub queue_name: Tube,
    /// What happens when it raises.
    pub failed_job_handler: Handler,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            priority: 512,
            fuzz: 0,
            delay: 0,
            time_to_run: 120,
            queue_name: Tube::default(),
            failed_job_handler: Handler::Delete,
        }
    }
}

/// Why options are refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OptionsError {
    /// Names no option has.
    #[error("unknown options specified: {}; known are {KNOWN}", .0.join(", "))]
    Unknown(Vec<String>),
    /// The same option twice.
    #[error("the option {0} is given twice")]
    Twice(String),
    /// No such handler.
    #[error("value for failed_job_handler must be one of: bury, decay, delete; it is {0:?}")]
    Handler(String),
    /// Not a number, or one that beanstalkd does not take.
    #[error("value for {option} must be an integer from {least} to {}; it is {value:?}", u32::MAX)]
    Number {
        /// The option.
        option: &'static str,
        /// The smallest value it takes.
        least: u32,
        /// What was given.
        value: String,
    },
    /// Not the name of a tube.
    #[error("value for queue_name is not a tube: {0}")]
    Tube(#[from] TubeError),
}

const KNOWN: &str = "priority, fuzz, delay, time_to_run, queue_name, failed_job_handler, failed_job_delay, \
                     failed_job_count";

impl Options {
    /// The options of `pairs`, the others at their defaults.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, OptionsError> {
        let mut options = Self::default();
        let (mut handler, mut count, mut rest) = ("delete", None, None);
        let mut seen: Vec<&str> = Vec::new();
        let mut unknown = Vec::new();
        for (option, value) in pairs {
            if seen.contains(&option) {
                return Err(OptionsError::Twice(option.to_owned()));
            }
            seen.push(option);
            match option {
                "priority" => options.priority = number("priority", 0, value)?,
                "fuzz" => options.fuzz = number("fuzz", 0, value)?,
                "delay" => options.delay = number("delay", 0, value)?,
                "time_to_run" => options.time_to_run = number("time_to_run", 1, value)?,
                "queue_name" => options.queue_name = value.parse()?,
                "failed_job_handler" => handler = value,
                "failed_job_count" => count = Some(number("failed_job_count", 0, value)?),
                "failed_job_delay" => rest = Some(number("failed_job_delay", 0, value)?),
                _ => unknown.push(option.to_owned()),
            }
        }
        if !unknown.is_empty() {
            return Err(OptionsError::Unknown(unknown));
        }
        options.failed_job_handler = Handler::from_word(handler, count, rest)
            .ok_or_else(|| OptionsError::Handler(handler.to_owned()))?;
        Ok(options)
    }
}

fn number(option: &'static str, least: u32, value: &str) -> Result<u32, OptionsError> {
    value.parse().ok().filter(|number| *number >= least).ok_or_else(|| OptionsError::Number {
        option,
        least,
        value: value.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_old_gem() {
        let options = Options::from_pairs([]).unwrap();
        assert_eq!(options, Options::default());
        let Options { priority, fuzz, delay, time_to_run, queue_name, failed_job_handler } = options;
        assert_eq!((priority, fuzz, delay, time_to_run), (512, 0, 0, 120));
        assert_eq!((queue_name.as_str(), failed_job_handler), ("default", Handler::Delete));
        assert_eq!(Handler::from_word("decay", None, None), Some(Handler::Decay { count: 3, delay: 60 }));
    }

    #[test]
    fn every_option_is_taken_in_any_order() {
        let options = Options::from_pairs([
            ("failed_job_delay", "7"),
            ("queue_name", "1.10"),
            ("priority", "0"),
            ("fuzz", "9"),
            ("delay", "5"),
            ("time_to_run", "1"),
            ("failed_job_handler", "decay"),
            ("failed_job_count", "0"),
        ])
        .unwrap();
        assert_eq!(options.failed_job_handler, Handler::Decay { count: 0, delay: 7 });
        assert_eq!((options.priority, options.fuzz, options.delay, options.time_to_run), (0, 9, 5, 1));
        assert_eq!(options.queue_name.as_str(), "1.10");
    }

    #[test]
    fn what_is_no_option_says_why() {
        for (pairs, text) in [
            (
                vec![("prio", "1"), ("x", "2")],
                format!("unknown options specified: prio, x; known are {KNOWN}"),
            ),
            (vec![("fuzz", "1"), ("fuzz", "1")], "the option fuzz is given twice".to_owned()),
            (
                vec![("failed_job_handler", "explode")],
                "value for failed_job_handler must be one of: bury, decay, delete; it is \"explode\""
                    .to_owned(),
            ),
            (
                vec![("priority", "-1")],
                "value for priority must be an integer from 0 to 4294967295; it is \"-1\"".to_owned(),
            ),
            (
                vec![("time_to_run", "0")],
                "value for time_to_run must be an integer from 1 to 4294967295; it is \"0\"".to_owned(),
            ),
            (
                vec![("queue_name", "")],
                "value for queue_name is not a tube: a tube's name may not be empty".to_owned(),
            ),
        ] {
            assert_eq!(Options::from_pairs(pairs).unwrap_err().to_string(), text);
        }
    }
}
