//! The keys that sign and verify messages; `docs/signing.md` describes the file.

use std::collections::BTreeMap;
use std::fmt;

use hmac::{Hmac, KeyInit};
use sha2::Sha256;
use thiserror::Error;

/// The fewest bytes a key may have: as many as the hash.
const LEAST: usize = 32;

/// One key, taken into the hash already. It never reaches a log: `Debug` hides it.
#[derive(Clone)]
pub struct Key(Hmac<Sha256>);

impl Key {
    /// The key of those hexadecimal digits.
    pub fn from_hex(digits: &str) -> Result<Self, KeyFault> {
        let bytes = hex(digits).ok_or(KeyFault::Hex)?;
        if bytes.len() < LEAST {
            return Err(KeyFault::Short(bytes.len()));
        }
        Hmac::new_from_slice(&bytes).map(Self).map_err(|_| KeyFault::Hex)
    }

    /// A MAC under this key, of nothing so far.
    pub(super) fn mac(&self) -> Hmac<Sha256> {
        self.0.clone()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// An application's keys: all of them verify, at most one signs.
#[derive(Debug, Clone, Default)]
pub struct KeySet {
    keys: BTreeMap<String, Key>,
    signs: Option<String>,
}

/// Why a key file is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {fault}")]
pub struct KeyError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub fault: KeyFault,
}

/// What is wrong with a line of a key file. The key itself is never shown.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyFault {
    /// Not three words.
    #[error("expected KID, `sign` or `verify`, and a key in hexadecimal")]
    Form,
    /// Not a name a signature can carry.
    #[error("the key's name {0:?} is not 1 to 64 of A-Z a-z 0-9 . _ -")]
    Name(String),
    /// Neither `sign` nor `verify`.
    #[error("the use {0:?} is neither `sign` nor `verify`")]
    Use(String),
    /// Not hexadecimal.
    #[error("the key is not a whole number of bytes in hexadecimal")]
    Hex,
    /// Too few bytes to be safe.
    #[error("the key is {0} bytes long, at least {LEAST}")]
    Short(usize),
    /// Two keys of one name.
    #[error("the key {0:?} is there twice")]
    Twice(String),
    /// Two keys that sign.
    #[error("two keys are to sign, {0:?} and {1:?}; one may")]
    TwoSign(String, String),
}

impl KeySet {
    /// The keys of a key file's text.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let mut set = Self::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                set.add(line).map_err(|fault| KeyError { line: index + 1, fault })?;
            }
        }
        Ok(set)
    }

    fn add(&mut self, line: &str) -> Result<(), KeyFault> {
        let mut words = line.split_whitespace();
        let (Some(kid), Some(role), Some(digits), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(KeyFault::Form);
        };
        if !is_id(kid) {
            return Err(KeyFault::Name(kid.to_owned()));
        }
        match (role, &self.signs) {
            ("sign", None) => self.signs = Some(kid.to_owned()),
            ("sign", Some(other)) => return Err(KeyFault::TwoSign(other.clone(), kid.to_owned())),
            ("verify", _) => {}
            _ => return Err(KeyFault::Use(role.to_owned())),
        }
        if self.keys.insert(kid.to_owned(), Key::from_hex(digits)?).is_some() {
            return Err(KeyFault::Twice(kid.to_owned()));
        }
        Ok(())
    }

    /// The key of that name.
    pub fn get(&self, kid: &str) -> Option<&Key> {
        self.keys.get(kid)
    }

    /// The key that signs, with its name.
    pub fn signing(&self) -> Option<(&str, &Key)> {
        let kid = self.signs.as_deref()?;
        Some((kid, self.keys.get(kid)?))
    }
}

/// Why a key file may not be used, whatever stands in it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AccessError {
    /// It belongs to somebody else, who could change it.
    #[error("it belongs to user {owner}, expected root or user {reader}")]
    Owner {
        /// Whose it is.
        owner: u32,
        /// Who reads it.
        reader: u32,
    },
    /// Others may read or write it.
    #[error("its mode is {0:04o}, expected 0600 or 0400: others could use the keys")]
    Mode(u32),
}

/// Whether a key file of that owner and mode may be used by `reader`.
pub fn check_access(owner: u32, mode: u32, reader: u32) -> Result<(), AccessError> {
    if owner != 0 && owner != reader {
        return Err(AccessError::Owner { owner, reader });
    }
    let others = mode & 0o077;
    if others == 0 { Ok(()) } else { Err(AccessError::Mode(mode & 0o7777)) }
}

/// Whether `text` may be a `kid` or a `jti`.
pub(super) fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

/// The bytes of hexadecimal digits, upper or lower case.
pub(super) fn hex(digits: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, []) = digits.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    fn refusal(text: &str) -> String {
        KeySet::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn a_file_has_keys_comments_and_empty_lines() {
        let text = format!("# keys of abaqis\n\n 2026-11\tsign  {HEX}\n2026-10 verify {HEX}00\r\n");
        let keys = KeySet::parse(&text).unwrap();
        assert_eq!(keys.signing().unwrap().0, "2026-11");
        assert!(keys.get("2026-10").is_some() && keys.get("2026-09").is_none());
        assert!(KeySet::parse("").unwrap().signing().is_none());
    }

    #[test]
    fn a_file_that_is_none_says_where_and_why_but_never_shows_a_key() {
        for (text, reason) in [
            ("a sign".to_owned(), "line 1: expected KID, `sign` or `verify`, and a key in hexadecimal"),
            (
                format!("\na sign {HEX} x"),
                "line 2: expected KID, `sign` or `verify`, and a key in hexadecimal",
            ),
            (format!("a/b sign {HEX}"), "line 1: the key's name \"a/b\" is not 1 to 64 of A-Z a-z 0-9 . _ -"),
            (format!("a use {HEX}"), "line 1: the use \"use\" is neither `sign` nor `verify`"),
            ("a sign secret".to_owned(), "line 1: the key is not a whole number of bytes in hexadecimal"),
            ("a sign 00ff".to_owned(), "line 1: the key is 2 bytes long, at least 32"),
            (format!("a verify {HEX}\na verify {HEX}"), "line 2: the key \"a\" is there twice"),
            (format!("a sign {HEX}\nb sign {HEX}"), "line 2: two keys are to sign, \"a\" and \"b\"; one may"),
        ] {
            assert_eq!(refusal(&text), reason);
        }
        assert_eq!(format!("{:?}", Key::from_hex(HEX).unwrap()), "Key(…)");
    }

    #[test]
    fn a_file_that_others_can_use_is_refused() {
        assert_eq!(check_access(0, 0o100_600, 1000), Ok(()));
        assert_eq!(check_access(1000, 0o100_400, 1000), Ok(()));
        assert_eq!(
            check_access(1000, 0o100_640, 1000).unwrap_err().to_string(),
            "its mode is 0640, expected 0600 or 0400: others could use the keys"
        );
        assert_eq!(
            check_access(1001, 0o100_600, 1000).unwrap_err().to_string(),
            "it belongs to user 1001, expected root or user 1000"
        );
    }
}
