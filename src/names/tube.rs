//! The name of a tube, by beanstalkd's rules.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest tube name beanstalkd takes, in bytes (`MAX_TUBE_NAME_LEN - 1`).
const MAX_LEN: usize = 200;

/// A queue of beanstalkd.
///
/// What this type holds can be written into a command line of the protocol: it has
/// no space and no line end. The rule is protocol.txt's: letters, digits and
/// `- + / ; . $ _ ( )`, not beginning with a hyphen, 1 to 200 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tube(Arc<str>);

/// Why a text is not a tube.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TubeError {
    /// Nothing at all.
    #[error("a tube's name may not be empty")]
    Empty,
    /// More than 200 bytes.
    #[error("the tube's name is {0} bytes long, at most {MAX_LEN}")]
    TooLong(usize),
    /// It begins with a hyphen.
    #[error("the tube's name {0:?} may not begin with '-'")]
    Hyphen(String),
    /// A character beanstalkd refuses.
    #[error("the tube's name {name:?} has {found:?} in it; allowed are letters, digits and -+/;.$_()")]
    Character {
        /// The text.
        name: String,
        /// The first character that may not be there.
        found: char,
    },
}

impl Tube {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Tube {
    /// The tube every connection begins with.
    fn default() -> Self {
        Self("default".into())
    }
}

impl FromStr for Tube {
    type Err = TubeError;

    fn from_str(text: &str) -> Result<Self, TubeError> {
        if text.is_empty() {
            return Err(TubeError::Empty);
        }
        if text.len() > MAX_LEN {
            return Err(TubeError::TooLong(text.len()));
        }
        if text.starts_with('-') {
            return Err(TubeError::Hyphen(text.to_owned()));
        }
        match text.chars().find(|c| !c.is_ascii_alphanumeric() && !"-+/;.$_()".contains(*c)) {
            Some(found) => Err(TubeError::Character { name: text.to_owned(), found }),
            None => Ok(Self(text.into())),
        }
    }
}

written_as_text!(Tube, TubeError);

impl fmt::Display for Tube {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protocol_s_characters_are_taken() {
        for good in ["default", "1.10", "2026-11-24", "a+b/c;d.e$f_g(h)", &"x".repeat(200)] {
            assert_eq!(good.parse::<Tube>().unwrap().as_str(), good);
        }
    }

    #[test]
    fn nothing_else_is() {
        assert_eq!("".parse::<Tube>(), Err(TubeError::Empty));
        assert_eq!("x".repeat(201).parse::<Tube>(), Err(TubeError::TooLong(201)));
        assert_eq!("-a".parse::<Tube>(), Err(TubeError::Hyphen("-a".into())));
        for (text, found) in [("a b", ' '), ("a\r\nput", '\r'), ("tübe", 'ü'), ("a*", '*')] {
            assert_eq!(text.parse::<Tube>(), Err(TubeError::Character { name: text.into(), found }));
        }
    }
}
