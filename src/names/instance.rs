//! The name of one process.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{ApplicationName, DaemonName, NameError, Version};

/// One process of a daemon: `abaqis/worker/2`; of an older release, while it
/// drains beside the current one: `abaqis@4.1.0/worker/2`.
///
/// Ordered by application, release (current first), daemon and number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InstanceId {
    /// The application it belongs to.
    pub application: ApplicationName,
    /// The version of an older release; `None` for the current one.
    pub release: Option<Version>,
    /// Which of the application's daemons.
    pub daemon: DaemonName,
    /// Which of the daemon's processes, from 1.
    pub number: u32,
}

/// Why a text does not name an instance.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InstanceIdError {
    /// Not of the form `APPLICATION/DAEMON/NUMBER`.
    #[error("{0:?} does not name an instance, expected APPLICATION/DAEMON/NUMBER")]
    Form(String),
    /// One of its names is not a name.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl FromStr for InstanceId {
    type Err = InstanceIdError;

    fn from_str(text: &str) -> Result<Self, InstanceIdError> {
        let form = || InstanceIdError::Form(text.to_owned());
        let mut parts = text.split('/');
        let (Some(head), Some(daemon), Some(number), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(form());
        };
        let (application, release) = match head.split_once('@') {
            Some((application, version)) => (application, Some(version.parse()?)),
            None => (head, None),
        };
        let number = number.parse().ok().filter(|&n| n > 0).ok_or_else(form)?;
        Ok(Self { application: application.parse()?, release, daemon: daemon.parse()?, number })
    }
}

written_as_text!(InstanceId, InstanceIdError);

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.application)?;
        if let Some(version) = &self.release {
            write!(f, "@{version}")?;
        }
        write!(f, "/{}/{}", self.daemon, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        for text in ["abaqis/worker/1", "abaqis@4.1.0/worker/2", "a.b/c-d/4294967295"] {
            assert_eq!(text.parse::<InstanceId>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn the_current_release_comes_before_older_ones() {
        let mut ids: Vec<InstanceId> =
            ["b/x/1", "a@1/x/1", "a/y/10", "a/y/9"].map(|t| t.parse().unwrap()).into();
        ids.sort();
        let order: Vec<String> = ids.iter().map(ToString::to_string).collect();
        assert_eq!(order, ["a/y/9", "a/y/10", "a@1/x/1", "b/x/1"]);
    }

    #[test]
    fn what_is_no_instance_says_why() {
        for text in ["", "a", "a/b", "a/b/0", "a/b/x", "a/b/1/2", "a/b/-1"] {
            assert_eq!(text.parse::<InstanceId>(), Err(InstanceIdError::Form(text.into())), "{text}");
        }
        assert!(matches!("a@/b/1".parse::<InstanceId>(), Err(InstanceIdError::Name(NameError::Empty))));
    }
}
