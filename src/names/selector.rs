//! How an operator names instances.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{ApplicationName, DaemonName, InstanceId, NameError, Version};

/// Names instances from the command line:
///
/// | text | means |
/// |---|---|
/// | `all` | every instance |
/// | `abaqis` | every instance of the application, of all its releases |
/// | `abaqis@4.1.0` | those of that older release |
/// | `abaqis/worker` | every instance of that daemon |
/// | `abaqis/worker/2` | that one |
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Selector {
    /// Every instance.
    All,
    /// Those that agree in every part that is given.
    Only {
        /// The application.
        application: ApplicationName,
        /// An older release of it; `None`: whichever.
        release: Option<Version>,
        /// One of its daemons, and one of that daemon's processes.
        daemon: Option<(DaemonName, Option<u32>)>,
    },
}

/// Why a text is not a selector.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SelectorError {
    /// Not of one of the forms.
    #[error(
        "{0:?} names no instance; write all, APPLICATION, APPLICATION/DAEMON or APPLICATION/DAEMON/NUMBER"
    )]
    Form(String),
    /// One of its names is not a name.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl Selector {
    /// Whether `id` is one of those named.
    ///
    /// A selector without a release takes the current one and the older ones; with
    /// a number it means one process, so there the release has to agree.
    pub fn matches(&self, id: &InstanceId) -> bool {
        match self {
            Self::All => true,
            Self::Only { application, release, daemon } => {
                let one = matches!(daemon, Some((_, Some(_))));
                *application == id.application
                    && (release.is_none() && !one || *release == id.release)
                    && daemon.as_ref().is_none_or(|(name, number)| {
                        *name == id.daemon && number.is_none_or(|number| number == id.number)
                    })
            }
        }
    }
}

/// Every instance of it, of all its releases.
impl From<ApplicationName> for Selector {
    fn from(application: ApplicationName) -> Self {
        Self::Only { application, release: None, daemon: None }
    }
}

impl From<&InstanceId> for Selector {
    fn from(id: &InstanceId) -> Self {
        Self::Only {
            application: id.application.clone(),
            release: id.release.clone(),
            daemon: Some((id.daemon.clone(), Some(id.number))),
        }
    }
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        let form = || SelectorError::Form(text.to_owned());
        if text == "all" {
            return Ok(Self::All);
        }
        let mut parts = text.splitn(3, '/');
        let head = parts.next().filter(|head| !head.is_empty()).ok_or_else(form)?;
        let (application, release) = match head.split_once('@') {
            Some((application, version)) => (application, Some(version.parse()?)),
            None => (head, None),
        };
        let daemon = match (parts.next(), parts.next()) {
            (None, _) => None,
            (Some(name), None) => Some((name.parse()?, None)),
            (Some(name), Some(number)) => {
                let number = number.parse().ok().filter(|&n| n > 0).ok_or_else(form)?;
                Some((name.parse()?, Some(number)))
            }
        };
        Ok(Self::Only { application: application.parse()?, release, daemon })
    }
}

written_as_text!(Selector, SelectorError);

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Only { application, release, daemon } = self else {
            return f.write_str("all");
        };
        write!(f, "{application}")?;
        if let Some(version) = release {
            write!(f, "@{version}")?;
        }
        match daemon {
            None => Ok(()),
            Some((name, None)) => write!(f, "/{name}"),
            Some((name, Some(number))) => write!(f, "/{name}/{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(selector: &str, id: &str) -> bool {
        selector.parse::<Selector>().unwrap().matches(&id.parse().unwrap())
    }

    #[test]
    fn text_and_back() {
        for text in
            ["all", "abaqis", "abaqis/worker", "abaqis/worker/2", "abaqis@4.1.0", "abaqis@4.1.0/worker/2"]
        {
            assert_eq!(text.parse::<Selector>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn each_part_that_is_given_has_to_agree() {
        assert!(matches("all", "abaqis/worker/1"));
        assert!(matches("abaqis", "abaqis/worker/1"));
        assert!(matches("abaqis", "abaqis@4.1.0/worker/1"));
        assert!(!matches("abaqis", "rqi/worker/1"));
        assert!(matches("abaqis/worker", "abaqis/worker/7"));
        assert!(!matches("abaqis/solr", "abaqis/worker/7"));
        assert!(!matches("abaqis@4.1.0", "abaqis/worker/1"));
    }

    #[test]
    fn a_number_means_one_process() {
        assert!(matches("abaqis/worker/2", "abaqis/worker/2"));
        assert!(!matches("abaqis/worker/2", "abaqis/worker/1"));
        assert!(!matches("abaqis/worker/2", "abaqis@4.1.0/worker/2"));
        assert!(matches("abaqis@4.1.0/worker/2", "abaqis@4.1.0/worker/2"));
    }

    #[test]
    fn what_is_no_selector_says_why() {
        for text in ["", "/", "a/b/c", "a/b/0", "a/b/1/2"] {
            assert_eq!(text.parse::<Selector>(), Err(SelectorError::Form(text.into())), "{text}");
        }
    }
}
