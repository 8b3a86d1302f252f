//! Who may put jobs: HMAC-SHA-256 over a message and the tube it is for.
//!
//! ```text
//!   10 fields, each:  ┌ length, 4 bytes big-endian ┬ bytes ┐
//!   scheme kid jti iat exp aud handler count delay code  ─► HMAC-SHA-256 ─► mac
//! ```
//!
//! `docs/signing.md` defines the bytes; `tests/vectors/signing.json` holds examples.

use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::Sha256;
use thiserror::Error;

use super::keys::{Key, KeySet, hex, is_id};
use super::{Handler, Message};
use crate::names::Tube;

/// The first field: no other scheme's bytes can be taken for this one's.
const SCHEME: &str = "ayl-signature-1";
/// How far a producer's clock may be ahead, in seconds.
const AHEAD: u64 = 300;
/// The largest instant: what every JSON reader holds exactly.
const LAST: u64 = (1 << 53) - 1;

/// What a worker does about signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// It does not look at them.
    #[default]
    Off,
    /// It says what it would refuse.
    Warn,
    /// It buries what is not signed rightly.
    Require,
}

/// What a worker does with a message, by its mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// Runs it.
    Run,
    /// Runs it, with a warning.
    Warn(Untrusted),
    /// Buries it.
    Refuse(Untrusted),
}

impl Mode {
    /// What is done with a message that came from `tube` at `now`, seconds since 1970.
    pub fn judge(self, message: &Message, keys: &KeySet, tube: &Tube, now: u64) -> Trust {
        match self {
            Self::Off => Trust::Run,
            Self::Warn => verify(message, keys, tube, now).map_or_else(Trust::Warn, |_| Trust::Run),
            Self::Require => verify(message, keys, tube, now).map_or_else(Trust::Refuse, |_| Trust::Run),
        }
    }
}

/// A signature, as it stands in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The key's name.
    pub kid: String,
    /// The message's own number.
    pub jti: String,
    /// When it was signed, seconds since 1970.
    pub iat: u64,
    /// From when on it is not run any more, seconds since 1970.
    pub exp: u64,
    /// The tube it is for.
    pub aud: String,
    mac: [u8; 32],
}

/// Why a message is not trusted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Untrusted {
    /// It has no signature.
    #[error("the message is not signed")]
    Unsigned,
    /// What it has is not one.
    #[error("the signature {0}")]
    Malformed(#[from] SignatureFault),
    /// Its key is not known here.
    #[error("the message is signed with the key {0:?}, which is not in the key file")]
    UnknownKey(String),
    /// The message, or the signature, is not what was signed.
    #[error("the signature is wrong")]
    Wrong,
    /// It was put on another tube.
    #[error("the message is signed for tube {aud:?}, not for {tube:?}")]
    OtherTube {
        /// The tube it is for.
        aud: String,
        /// The tube it came from.
        tube: String,
    },
    /// The producer's clock, or this one, is wrong.
    #[error("the message is signed {0} s in the future")]
    Future(u64),
    /// It is too old.
    #[error("the message expired {0} s ago")]
    Expired(u64),
}

/// Why a value is not a signature.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SignatureFault {
    /// Not an object.
    #[error("is not an object")]
    NotAnObject,
    /// A part is not there.
    #[error("has no {0:?}")]
    Missing(&'static str),
    /// A part has a value it cannot have.
    #[error("has a {0:?} that is not {1}")]
    Value(&'static str, &'static str),
}

/// Signs `message` for `tube`.
///
/// `jti` has to be new for each message, `iat` and `exp` are seconds since 1970.
pub fn sign(
    message: &Message,
    (kid, key): (&str, &Key),
    jti: &str,
    (iat, exp): (u64, u64),
    tube: &Tube,
) -> Signature {
    let mut signature = Signature {
        kid: kid.to_owned(),
        jti: jti.to_owned(),
        iat,
        exp,
        aud: tube.as_str().to_owned(),
        mac: [0; 32],
    };
    signature.mac = mac(message, &signature, key).finalize().into_bytes().into();
    signature
}

/// Checks that `message`, which came from `tube`, is signed by one of `keys` and
/// counts at `now`, seconds since 1970.
pub fn verify(message: &Message, keys: &KeySet, tube: &Tube, now: u64) -> Result<Signature, Untrusted> {
    let value = message.signature.as_ref().ok_or(Untrusted::Unsigned)?;
    let signature = Signature::from_json(value)?;
    let key = keys.get(&signature.kid).ok_or_else(|| Untrusted::UnknownKey(signature.kid.clone()))?;
    // `verify_slice` takes as long for a wrong first byte as for a wrong last one.
    mac(message, &signature, key).verify_slice(&signature.mac).map_err(|_| Untrusted::Wrong)?;
    if signature.aud != tube.as_str() {
        return Err(Untrusted::OtherTube { aud: signature.aud, tube: tube.to_string() });
    }
    if signature.iat > now.saturating_add(AHEAD) {
        return Err(Untrusted::Future(signature.iat - now));
    }
    if now >= signature.exp {
        return Err(Untrusted::Expired(now - signature.exp));
    }
    Ok(signature)
}

/// The MAC of what is signed, ready to be taken or compared.
fn mac(message: &Message, signature: &Signature, key: &Key) -> Hmac<Sha256> {
    let mut mac = key.mac();
    each_field(message, signature, |bytes| mac.update(bytes));
    mac
}

/// Hands the bytes under the MAC to `take`, piece by piece.
fn each_field(message: &Message, signature: &Signature, mut take: impl FnMut(&[u8])) {
    let (handler, count, delay) = match message.handler {
        None => ("", String::new(), String::new()),
        Some(handler @ Handler::Decay { count, delay }) => {
            (handler.as_str(), count.to_string(), delay.to_string())
        }
        Some(handler) => (handler.as_str(), String::new(), String::new()),
    };
    let (iat, exp) = (signature.iat.to_string(), signature.exp.to_string());
    for field in [
        SCHEME,
        &signature.kid,
        &signature.jti,
        &iat,
        &exp,
        &signature.aud,
        handler,
        &count,
        &delay,
        &message.code,
    ] {
        // A body beyond 4 GiB cannot be put; its length is cut rather than trusted.
        take(&u32::try_from(field.len()).unwrap_or(u32::MAX).to_be_bytes());
        take(field.as_bytes());
    }
}

impl Signature {
    /// The MAC in hexadecimal.
    pub fn mac(&self) -> String {
        use std::fmt::Write as _;
        self.mac.iter().fold(String::with_capacity(64), |mut digits, byte| {
            let _ = write!(digits, "{byte:02x}");
            digits
        })
    }

    pub(super) fn to_json(&self) -> Value {
        let mut map = Map::new();
        map.insert("kid".into(), self.kid.clone().into());
        map.insert("jti".into(), self.jti.clone().into());
        map.insert("iat".into(), self.iat.into());
        map.insert("exp".into(), self.exp.into());
        map.insert("aud".into(), self.aud.clone().into());
        map.insert("mac".into(), self.mac().into());
        map.into()
    }

    fn from_json(value: &Value) -> Result<Self, SignatureFault> {
        let map = value.as_object().ok_or(SignatureFault::NotAnObject)?;
        let part = |key| map.get(key).ok_or(SignatureFault::Missing(key));
        let id = |key| {
            let text = part(key)?.as_str().filter(|text| is_id(text));
            text.map(str::to_owned).ok_or(SignatureFault::Value(key, "1 to 64 of A-Z a-z 0-9 . _ -"))
        };
        let instant = |key| {
            let number = part(key)?.as_u64().filter(|&number| number <= LAST);
            number.ok_or(SignatureFault::Value(key, "an integer from 0 to 9007199254740991"))
        };
        let (kid, jti) = (id("kid")?, id("jti")?);
        let (iat, exp) = (instant("iat")?, instant("exp")?);
        let aud = part("aud")?.as_str().ok_or(SignatureFault::Value("aud", "a string"))?.to_owned();
        let mac = part("mac")?.as_str().filter(|digits| !digits.bytes().any(|b| b.is_ascii_uppercase()));
        let mac = mac.and_then(hex).and_then(|bytes| bytes.try_into().ok());
        let mac = mac.ok_or(SignatureFault::Value("mac", "64 lower-case hexadecimal digits"))?;
        Ok(Self { kid, jti, iat, exp, aud, mac })
    }
}

#[cfg(test)]
mod tests;
