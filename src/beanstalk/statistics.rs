//! The figures of a server, a tube, a job.
//!
//! The server writes them as a flat YAML dictionary without quoting anything, so a
//! YAML reader would make a number of the tube `1.10`, a boolean of `true`, and nothing
//! at all of an operating system that begins with `#`. The few forms that occur are
//! read here instead, and what is a name stays a text:
//!
//! ```text
//!     ---\nname: 1.10\ncurrent-jobs-ready: 3\n…          ---\n- default\n- 1.10\n
//! ```

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};
use thiserror::Error;

use super::error::shown;
use super::value::{Delay, JobId, Priority, Ttr};
use crate::names::Tube;

/// Why the bytes are not the statistics that were asked for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StatisticsError {
    /// A line that is neither `key: value` nor, in a list, `- value`.
    #[error("the statistics have a line of another form: {line}")]
    Line {
        /// The line, escaped.
        line: String,
    },
    /// A figure that every server sends is not there.
    #[error("the statistics lack {key:?}")]
    Missing {
        /// Its key.
        key: &'static str,
    },
    /// A figure that is there means nothing.
    #[error("the statistics have {value:?} for {key:?}")]
    Value {
        /// Its key.
        key: &'static str,
        /// What stands there.
        value: String,
    },
}

/// One value of the statistics.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Scalar {
    /// A count, or an age or time in seconds.
    Integer(i64),
    /// Seconds of processor time.
    Float(f64),
    /// Everything else, names above all.
    Text(String),
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(number) => number.fmt(f),
            Self::Float(number) => number.fmt(f),
            Self::Text(text) => f.pad(text),
        }
    }
}

/// Every figure a server sent, known here or not, in its order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Statistics {
    entries: Vec<(String, Scalar)>,
}

impl Statistics {
    /// Reads a dictionary. The values of the keys in `texts` are texts whatever they look like.
    pub fn parse(yaml: &[u8], texts: &[&str]) -> Result<Self, StatisticsError> {
        let entries = lines(yaml).map(|line| {
            let entry = std::str::from_utf8(line).ok().and_then(|line| line.split_once(':'));
            let Some((key, value)) = entry.filter(|(key, _)| !key.is_empty()) else {
                return Err(StatisticsError::Line { line: shown(line) });
            };
            let value = match value.trim() {
                value if texts.contains(&key) => Scalar::Text(unquoted(value).to_owned()),
                value => scalar(value),
            };
            Ok((key.to_owned(), value))
        });
        Ok(Self { entries: entries.collect::<Result<_, _>>()? })
    }

    /// The value of `key`, spelled as on the wire: `current-jobs-ready`.
    pub fn get(&self, key: &str) -> Option<&Scalar> {
        self.entries.iter().find_map(|(found, value)| (found == key).then_some(value))
    }

    /// Every key and value in the server's order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Scalar)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value))
    }

    fn need(&self, key: &'static str) -> Result<&Scalar, StatisticsError> {
        self.get(key).ok_or(StatisticsError::Missing { key })
    }

    fn number<T: TryFrom<i64>>(&self, key: &'static str) -> Result<T, StatisticsError> {
        let value = self.need(key)?;
        let number = match value {
            Scalar::Integer(number) => T::try_from(*number).ok(),
            Scalar::Float(_) | Scalar::Text(_) => None,
        };
        number.ok_or_else(|| StatisticsError::Value { key, value: value.to_string() })
    }

    fn parsed<T: FromStr>(&self, key: &'static str) -> Result<T, StatisticsError> {
        let value = self.need(key)?.to_string();
        value.parse().map_err(|_| StatisticsError::Value { key, value })
    }

    fn text(&self, key: &'static str) -> String {
        self.get(key).map(Scalar::to_string).unwrap_or_default()
    }
}

impl Serialize for Statistics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

/// The figures of the whole server. Counts are since it started.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServerStatistics {
    /// Ready jobs with a priority below 1024.
    pub urgent: u64,
    /// Jobs a worker may have now.
    pub ready: u64,
    /// Jobs that a worker has.
    pub reserved: u64,
    /// Jobs that wait for their time.
    pub delayed: u64,
    /// Jobs set aside.
    pub buried: u64,
    /// Jobs ever put.
    pub total: u64,
    /// Open connections.
    pub connections: u64,
    /// Those that put a job once.
    pub producers: u64,
    /// Those that reserved once.
    pub workers: u64,
    /// Those that wait for a job now.
    pub waiting: u64,
    /// Reservations that ran out.
    pub timeouts: u64,
    /// The largest body taken, in bytes.
    pub max_job_size: u64,
    /// Seconds since it started.
    pub uptime: u64,
    /// The server's process.
    pub pid: u64,
    /// The server's version, `1.12`.
    pub version: String,
    /// Whether it takes no new jobs.
    pub draining: bool,
    /// Names this run of the server: another after each start. Empty on old servers.
    pub id: String,
    /// The host's name. Empty on old servers.
    pub hostname: String,
    /// Everything that was sent.
    #[serde(skip)]
    pub all: Statistics,
}

impl ServerStatistics {
    /// Reads the data of the reply to `stats`.
    pub fn parse(yaml: &[u8]) -> Result<Self, StatisticsError> {
        let all = Statistics::parse(yaml, &["version", "id", "hostname", "os", "platform", "draining"])?;
        Ok(Self {
            urgent: all.number("current-jobs-urgent")?,
            ready: all.number("current-jobs-ready")?,
            reserved: all.number("current-jobs-reserved")?,
            delayed: all.number("current-jobs-delayed")?,
            buried: all.number("current-jobs-buried")?,
            total: all.number("total-jobs")?,
            connections: all.number("current-connections")?,
            producers: all.number("current-producers")?,
            workers: all.number("current-workers")?,
            waiting: all.number("current-waiting")?,
            timeouts: all.number("job-timeouts")?,
            max_job_size: all.number("max-job-size")?,
            uptime: all.number("uptime")?,
            pid: all.number("pid")?,
            version: all.text("version"),
            draining: all.text("draining") == "true",
            id: all.text("id"),
            hostname: all.text("hostname"),
            all,
        })
    }
}

/// The figures of one tube. Counts are since the server made the tube.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TubeStatistics {
    /// Whose figures these are.
    pub name: Tube,
    /// Ready jobs with a priority below 1024.
    pub urgent: u64,
    /// Jobs a worker may have now.
    pub ready: u64,
    /// Jobs that a worker has.
    pub reserved: u64,
    /// Jobs that wait for their time.
    pub delayed: u64,
    /// Jobs set aside.
    pub buried: u64,
    /// Jobs ever put.
    pub total: u64,
    /// Connections that would put here.
    pub using: u64,
    /// Connections that reserve from here, among others.
    pub watching: u64,
    /// Those of them that wait for a job now.
    pub waiting: u64,
    /// Jobs deleted.
    pub deleted: u64,
    /// How long the tube was last told to rest, in seconds.
    pub pause: u64,
    /// How much longer it rests, in seconds.
    pub pause_left: i64,
    /// Everything that was sent.
    #[serde(skip)]
    pub all: Statistics,
}

impl TubeStatistics {
    /// Reads the data of the reply to `stats-tube`.
    pub fn parse(yaml: &[u8]) -> Result<Self, StatisticsError> {
        let all = Statistics::parse(yaml, &["name"])?;
        Ok(Self {
            name: all.parsed("name")?,
            urgent: all.number("current-jobs-urgent")?,
            ready: all.number("current-jobs-ready")?,
            reserved: all.number("current-jobs-reserved")?,
            delayed: all.number("current-jobs-delayed")?,
            buried: all.number("current-jobs-buried")?,
            total: all.number("total-jobs")?,
            using: all.number("current-using")?,
            watching: all.number("current-watching")?,
            waiting: all.number("current-waiting")?,
            deleted: all.number("cmd-delete")?,
            pause: all.number("pause")?,
            pause_left: all.number("pause-time-left")?,
            all,
        })
    }
}

/// Where a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// A worker may have it now.
    Ready,
    /// A worker has it.
    Reserved,
    /// It waits for its time.
    Delayed,
    /// It was set aside until somebody kicks it.
    Buried,
}

impl FromStr for JobState {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "ready" => Ok(Self::Ready),
            "reserved" => Ok(Self::Reserved),
            "delayed" => Ok(Self::Delayed),
            "buried" => Ok(Self::Buried),
            _ => Err(()),
        }
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ready => "ready",
            Self::Reserved => "reserved",
            Self::Delayed => "delayed",
            Self::Buried => "buried",
        })
    }
}

/// The figures of one job.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobStatistics {
    /// Whose figures these are.
    pub id: JobId,
    /// The tube it lies on.
    pub tube: Tube,
    /// Where it is.
    pub state: JobState,
    /// Its urgency as last set.
    pub priority: Priority,
    /// Seconds since it was put.
    pub age: u64,
    /// The delay last asked for.
    pub delay: Delay,
    /// How long a reservation of it lasts.
    pub ttr: Ttr,
    /// Seconds until a reserved or delayed job is ready again; otherwise meaningless.
    pub time_left: i64,
    /// How often it was reserved.
    pub reserves: u64,
    /// How often a reservation of it ran out.
    pub timeouts: u64,
    /// How often it was given back.
    pub releases: u64,
    /// How often it was buried.
    pub buries: u64,
    /// How often it was kicked.
    pub kicks: u64,
    /// Everything that was sent.
    #[serde(skip)]
    pub all: Statistics,
}

impl JobStatistics {
    /// Reads the data of the reply to `stats-job`.
    pub fn parse(yaml: &[u8]) -> Result<Self, StatisticsError> {
        let all = Statistics::parse(yaml, &["tube", "state"])?;
        Ok(Self {
            id: JobId(all.number("id")?),
            tube: all.parsed("tube")?,
            state: all.parsed("state")?,
            priority: Priority(all.number("pri")?),
            age: all.number("age")?,
            delay: Delay(all.number("delay")?),
            ttr: Ttr(all.number("ttr")?),
            time_left: all.number("time-left")?,
            reserves: all.number("reserves")?,
            timeouts: all.number("timeouts")?,
            releases: all.number("releases")?,
            buries: all.number("buries")?,
            kicks: all.number("kicks")?,
            all,
        })
    }
}

/// Reads the data of the reply to `list-tubes` and `list-tubes-watched`.
pub fn tube_list(yaml: &[u8]) -> Result<Vec<Tube>, StatisticsError> {
    lines(yaml)
        .map(|line| {
            let name = std::str::from_utf8(line).ok().and_then(|line| line.strip_prefix("- "));
            name.and_then(|name| unquoted(name.trim()).parse().ok())
                .ok_or_else(|| StatisticsError::Line { line: shown(line) })
        })
        .collect()
}

/// The lines that say something: without the `---` at the head and the empty one at the end.
pub(super) fn lines(yaml: &[u8]) -> impl Iterator<Item = &[u8]> {
    yaml.split(|&byte| byte == b'\n')
        .map(<[u8]>::trim_ascii_end)
        .filter(|line| !line.is_empty() && *line != b"---")
}

/// A value without the quotes newer servers put around names; they escape nothing.
pub(super) fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value)
}

fn scalar(value: &str) -> Scalar {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = value.strip_prefix('-').unwrap_or(value);
    let number = match unsigned.split_once('.') {
        None if digits(unsigned) => value.parse().ok().map(Scalar::Integer),
        Some((whole, part)) if digits(whole) && digits(part) => value.parse().ok().map(Scalar::Float),
        _ => None,
    };
    number.unwrap_or_else(|| Scalar::Text(unquoted(value).to_owned()))
}
