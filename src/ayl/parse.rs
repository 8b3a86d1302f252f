//! Reading a job's body, whoever wrote it.
//!
//! Only the keys of a message are kept; what else stands in the body is skipped
//! without being built, so that a hostile body costs no more than its own size.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};
use thiserror::Error;

use super::{Handler, Message};

/// Why a body is not a message that can be run. Such a job is buried.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unreadable {
    /// Not JSON at all, or not in UTF-8.
    #[error("the body is not JSON: {0}")]
    NotJson(String),
    /// JSON, but an array, a string, …
    #[error("the body is JSON but not a message: expected an object, found {0}")]
    NotAnObject(String),
    /// An object without `type`.
    #[error("the body is JSON but not a message: it has no \"type\"")]
    NoType,
    /// An object of another type.
    #[error("the body is JSON but not a message: its \"type\" is {0}, expected \"ayl\"")]
    OtherType(String),
    /// Nothing to run.
    #[error("the message has no \"code\"")]
    NoCode,
    /// A key with a value it cannot have.
    #[error("the message's {key:?} is {found}, expected {expected}")]
    Value {
        /// The key.
        key: &'static str,
        /// What was found, shortened.
        found: String,
        /// What the key takes.
        expected: &'static str,
    },
    /// A key that counts stands there twice: two readers might not agree which one is meant.
    #[error("the message has {0:?} twice")]
    Twice(&'static str),
    /// It says that it carries an `ActiveJob`, but does not.
    #[error("the message has \"active_job\" but its \"code\" does not carry one")]
    NoCarriage,
}

impl Message {
    /// The message that `body` holds.
    pub fn parse(body: &[u8]) -> Result<Self, Unreadable> {
        let body: Found<Fields> =
            serde_json::from_slice(body).map_err(|error| Unreadable::NotJson(error.to_string()))?;
        let fields = match body {
            Found::Object(fields) => fields,
            other => return Err(Unreadable::NotAnObject(other.to_string())),
        };
        fields.into_message()
    }
}

/// A JSON value of which only what counts is kept: scalars, and `O` of an object.
enum Found<O> {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    Array,
    Object(O),
}

impl<O> fmt::Display for Found<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 60;
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::String(text) if text.chars().nth(SHOWN).is_none() => write!(f, "{text:?}"),
            Self::String(text) => write!(f, "{:?}…", text.chars().take(SHOWN).collect::<String>()),
            Self::Array => f.write_str("an array"),
            Self::Object(_) => f.write_str("an object"),
        }
    }
}

/// What can be kept of an object.
trait Keep: Sized {
    fn keep<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error>;
}

/// Keeps nothing.
struct Skipped;

impl Keep for Skipped {
    fn keep<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self)
    }
}

type Scalar = Found<Skipped>;

/// The keys of a message, as they were found; `null` counts as absent.
#[derive(Default)]
struct Fields {
    kind: Option<Scalar>,
    code: Option<Scalar>,
    handler: Option<Scalar>,
    count: Option<Scalar>,
    delay: Option<Scalar>,
    active_job: Option<Scalar>,
    slot: Option<Scalar>,
    signature: Option<Value>,
    twice: Option<&'static str>,
}

impl Keep for Fields {
    fn keep<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut fields = Self::default();
        let mut seen: Vec<&'static str> = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            let (name, place) = match key.as_str() {
                "type" => ("type", &mut fields.kind),
                "code" => ("code", &mut fields.code),
                "failed_job_handler" => ("failed_job_handler", &mut fields.handler),
                "failed_job_count" => ("failed_job_count", &mut fields.count),
                "failed_job_delay" => ("failed_job_delay", &mut fields.delay),
                "active_job" => ("active_job", &mut fields.active_job),
                "slot" => ("slot", &mut fields.slot),
                "signature" => {
                    fields.signature = map.next_value::<Option<Value>>()?;
                    note("signature", &mut seen, &mut fields.twice);
                    continue;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            *place = Some(map.next_value::<Scalar>()?).filter(|found| !matches!(found, Found::Null));
            note(name, &mut seen, &mut fields.twice);
        }
        Ok(fields)
    }
}

fn note(name: &'static str, seen: &mut Vec<&'static str>, twice: &mut Option<&'static str>) {
    if seen.contains(&name) {
        twice.get_or_insert(name);
    } else {
        seen.push(name);
    }
}

impl Fields {
    fn into_message(self) -> Result<Message, Unreadable> {
        match self.kind {
            None => return Err(Unreadable::NoType),
            Some(Found::String(kind)) if kind == "ayl" => {}
            Some(other) => return Err(Unreadable::OtherType(other.to_string())),
        }
        if let Some(key) = self.twice {
            return Err(Unreadable::Twice(key));
        }
        let code = text("code", "a string", self.code)?.ok_or(Unreadable::NoCode)?;
        let handler = handler(self.handler, self.count, self.delay)?;
        let active_job = text("active_job", "a string", self.active_job)?;
        // Not what anything depends on: of another kind it is not worth a job.
        let slot = text("slot", "a string", self.slot).unwrap_or_default();
        let message = Message { code, handler, active_job, slot, signature: self.signature };
        if message.active_job.is_some() && message.carried().is_none() {
            return Err(Unreadable::NoCarriage);
        }
        Ok(message)
    }
}

fn text(
    key: &'static str,
    expected: &'static str,
    found: Option<Scalar>,
) -> Result<Option<String>, Unreadable> {
    match found {
        None => Ok(None),
        Some(Found::String(text)) => Ok(Some(text)),
        Some(other) => Err(Unreadable::Value { key, found: other.to_string(), expected }),
    }
}

fn handler(
    word: Option<Scalar>,
    count: Option<Scalar>,
    delay: Option<Scalar>,
) -> Result<Option<Handler>, Unreadable> {
    const KEY: &str = "failed_job_handler";
    const EXPECTED: &str = "delete, bury or decay";
    let Some(word) = text(KEY, EXPECTED, word)? else { return Ok(None) };
    // As in the old gem, the two are looked at under `decay` only.
    let (count, delay) = if word == "decay" {
        (seconds("failed_job_count", count)?, seconds("failed_job_delay", delay)?)
    } else {
        (None, None)
    };
    match Handler::from_word(&word, count, delay) {
        Some(handler) => Ok(Some(handler)),
        None => {
            Err(Unreadable::Value { key: KEY, found: Scalar::String(word).to_string(), expected: EXPECTED })
        }
    }
}

fn seconds(key: &'static str, found: Option<Scalar>) -> Result<Option<u32>, Unreadable> {
    let Some(found) = found else { return Ok(None) };
    let number = match &found {
        Found::Number(number) => number.as_u64().and_then(|number| u32::try_from(number).ok()),
        _ => None,
    };
    number.map(Some).ok_or_else(|| Unreadable::Value {
        key,
        found: found.to_string(),
        expected: "an integer from 0 to 4294967295",
    })
}

impl<'de, O: Keep> Deserialize<'de> for Found<O> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any(std::marker::PhantomData))
    }
}

struct Any<O>(std::marker::PhantomData<O>);

impl<'de, O: Keep> Visitor<'de> for Any<O> {
    type Value = Found<O>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Found<O>, E> {
        Ok(Found::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Found<O>, E> {
        Ok(Found::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Found<O>, E> {
        Ok(Found::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Found<O>, E> {
        Ok(Found::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Found<O>, E> {
        Ok(Number::from_f64(value).map_or(Found::Null, Found::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Found<O>, E> {
        Ok(Found::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Found<O>, E> {
        Ok(Found::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Found<O>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Found::Array)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Found<O>, A::Error> {
        O::keep(map).map(Found::Object)
    }
}

#[cfg(test)]
mod tests;
