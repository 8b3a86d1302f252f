//! Names of one word: applications, daemons, versions.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest name, in bytes. Tubes are made of an application and a version and may have 200.
const MAX_LEN: usize = 64;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NameError {
    /// Nothing at all.
    #[error("a name may not be empty")]
    Empty,
    /// More than 64 bytes.
    #[error("{0:?} is too long: {len} bytes, at most {MAX_LEN}", len = .0.len())]
    TooLong(String),
    /// A character that would be ambiguous in an instance id, a tube or a path.
    #[error(
        "{name:?} has {found:?} in it; allowed are letters, digits and {allowed}, first a letter or digit"
    )]
    Character {
        /// The text.
        name: String,
        /// The first character that may not be there.
        found: char,
        /// The punctuation that may.
        allowed: &'static str,
    },
}

fn check(text: &str, punctuation: &'static str) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > MAX_LEN {
        return Err(NameError::TooLong(text.to_owned()));
    }
    let bad =
        text.char_indices().find(|&(i, c)| !(c.is_ascii_alphanumeric() || i > 0 && punctuation.contains(c)));
    match bad {
        None => Ok(()),
        Some((_, found)) => Err(NameError::Character { name: text.to_owned(), found, allowed: punctuation }),
    }
}

macro_rules! word {
    ($(#[$doc:meta])* $name:ident, $punctuation:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                check(text, $punctuation)?;
                Ok(Self(text.into()))
            }
        }

        written_as_text!($name, NameError);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

word! {
    /// The key of an entry under `applications:`.
    ApplicationName, "-_."
}
word! {
    /// The key of an entry under `daemons:`, or `worker`, `scheduler`, `preloader`.
    DaemonName, "-_."
}
word! {
    /// What names the deployed code: `4.2.0`, a commit, a date.
    Version, "-_.+"
}

word! {
    /// The key of an entry of a timetable.
    EntryName, "-_."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_letters_digits_and_some_punctuation() {
        for good in ["a", "abaqis", "web-2", "9lives", "a.b_c"] {
            assert_eq!(good.parse::<ApplicationName>().unwrap().as_str(), good);
        }
        assert_eq!("1.0+abc".parse::<Version>().unwrap().as_str(), "1.0+abc");
    }

    #[test]
    fn what_is_no_name_says_why() {
        let error = |text: &str| text.parse::<DaemonName>().unwrap_err().to_string();
        assert_eq!(error(""), "a name may not be empty");
        assert_eq!(
            error("a/b"),
            r#""a/b" has '/' in it; allowed are letters, digits and -_., first a letter or digit"#
        );
        assert!(error("-a").starts_with(r#""-a" has '-' in it"#));
        assert!(error(&"x".repeat(65)).ends_with("is too long: 65 bytes, at most 64"));
    }
}
