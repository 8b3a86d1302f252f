//! Values of Rust as Ruby source, for producers that are not Ruby.
//!
//! What is written here evaluates in Ruby 2.7 and later to the same value, whatever
//! is in it: nothing of a value can be taken for code.

use std::fmt::{self, Write as _};

use thiserror::Error;

/// A value of Ruby.
#[derive(Debug, Clone, PartialEq)]
pub enum Ruby {
    /// `nil`.
    Nil,
    /// `true`, `false`.
    Bool(bool),
    /// `5`.
    Integer(i128),
    /// `1.5`, `Float::INFINITY`, `Float::NAN`.
    Float(f64),
    /// `Rational(1, 3)`; its denominator may not be 0, or Ruby raises.
    Rational(i64, i64),
    /// `"text"`, in UTF-8.
    String(String),
    /// `"\xFF".b`: bytes without an encoding.
    Binary(Vec<u8>),
    /// `:name`, `:"any other"`.
    Symbol(String),
    /// `(1..3)`, `(1...3)`; an end that is `Nil` is open.
    Range {
        /// The first value.
        first: Box<Ruby>,
        /// The last value.
        last: Box<Ruby>,
        /// Whether `last` itself is left out.
        exclusive: bool,
    },
    /// `[1, 2]`.
    Array(Vec<Ruby>),
    /// `{:a=>1}`, in that order.
    Hash(Vec<(Ruby, Ruby)>),
    /// `Time.at(…)`.
    Time {
        /// Seconds since 1970 UTC.
        seconds: i64,
        /// Nanoseconds after them, below 1,000,000,000.
        nanoseconds: u32,
        /// Its offset from UTC in seconds, less than a day; 0 is UTC itself.
        offset: i32,
    },
    /// The value of a call, such as `Stay.unscoped.find(32)`, made where the job runs.
    Call(Box<Call>),
}

/// A call: `RECEIVER.method(a, b, key: c)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    receiver: Receiver,
    method: String,
    arguments: Vec<Ruby>,
    keywords: Vec<(String, Ruby)>,
}

#[derive(Debug, Clone, PartialEq)]
enum Receiver {
    Module(String),
    Value(Ruby),
}

/// Why a call cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CallError {
    /// Not the name of a module or class.
    #[error("{0:?} does not name a Ruby module, such as Resident or Admin::Report")]
    Module(String),
    /// Not the name of a method.
    #[error("{0:?} does not name a Ruby method")]
    Method(String),
    /// Not the name of a keyword argument.
    #[error("{0:?} does not name a Ruby keyword argument")]
    Keyword(String),
}

impl Call {
    /// `MODULE.method()`.
    pub fn on_module(module: &str, method: &str) -> Result<Self, CallError> {
        let named = module
            .split("::")
            .all(|part| part.starts_with(|c: char| c.is_ascii_uppercase()) && part.bytes().all(is_word_byte));
        if !named {
            return Err(CallError::Module(module.to_owned()));
        }
        Self::new(Receiver::Module(module.to_owned()), method)
    }

    /// `VALUE.method()`.
    pub fn on(value: impl Into<Ruby>, method: &str) -> Result<Self, CallError> {
        Self::new(Receiver::Value(value.into()), method)
    }

    fn new(receiver: Receiver, method: &str) -> Result<Self, CallError> {
        let stem = method.strip_suffix(['?', '!']).unwrap_or(method);
        if !is_identifier(stem) {
            return Err(CallError::Method(method.to_owned()));
        }
        Ok(Self { receiver, method: method.to_owned(), arguments: Vec::new(), keywords: Vec::new() })
    }

    /// The same call with one more argument.
    #[must_use]
    pub fn argument(mut self, value: impl Into<Ruby>) -> Self {
        self.arguments.push(value.into());
        self
    }

    /// The same call with one more keyword argument.
    pub fn keyword(mut self, name: &str, value: impl Into<Ruby>) -> Result<Self, CallError> {
        if !is_identifier(name) {
            return Err(CallError::Keyword(name.to_owned()));
        }
        self.keywords.push((name.to_owned(), value.into()));
        Ok(self)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.receiver {
            Receiver::Module(name) => f.write_str(name)?,
            Receiver::Value(value) => write!(f, "{value}")?,
        }
        write!(f, ".{}(", self.method)?;
        let mut first = true;
        for value in &self.arguments {
            separate(f, &mut first)?;
            write!(f, "{value}")?;
        }
        for (name, value) in &self.keywords {
            separate(f, &mut first)?;
            write!(f, "{name}: {value}")?;
        }
        f.write_char(')')
    }
}

impl fmt::Display for Ruby {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => f.write_str("nil"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Float(value) => float(f, *value),
            Self::Rational(over, under) => write!(f, "Rational({over}, {under})"),
            Self::String(text) => quoted(f, text),
            Self::Binary(bytes) => {
                f.write_char('"')?;
                bytes.iter().try_for_each(|byte| write!(f, "\\x{byte:02X}"))?;
                f.write_str("\".b")
            }
            Self::Symbol(name) => {
                f.write_char(':')?;
                if is_identifier(name) { f.write_str(name) } else { quoted(f, name) }
            }
            Self::Range { first, last, exclusive } => {
                write!(f, "({first}{}{last})", if *exclusive { "..." } else { ".." })
            }
            Self::Array(values) => {
                f.write_char('[')?;
                let mut first = true;
                for value in values {
                    separate(f, &mut first)?;
                    write!(f, "{value}")?;
                }
                f.write_char(']')
            }
            Self::Hash(pairs) => {
                f.write_char('{')?;
                let mut first = true;
                for (key, value) in pairs {
                    separate(f, &mut first)?;
                    write!(f, "{key}=>{value}")?;
                }
                f.write_char('}')
            }
            Self::Time { seconds, nanoseconds, offset } => time(f, *seconds, *nanoseconds, *offset),
            Self::Call(call) => call.fmt(f),
        }
    }
}

fn separate(f: &mut fmt::Formatter<'_>, first: &mut bool) -> fmt::Result {
    if std::mem::take(first) { Ok(()) } else { f.write_str(", ") }
}

fn float(f: &mut fmt::Formatter<'_>, value: f64) -> fmt::Result {
    if value.is_nan() {
        f.write_str("Float::NAN")
    } else if value.is_infinite() {
        f.write_str(if value > 0.0 { "Float::INFINITY" } else { "-Float::INFINITY" })
    } else {
        // The shortest digits that mean this very value, always with a point or an exponent.
        write!(f, "{value:?}")
    }
}

fn time(f: &mut fmt::Formatter<'_>, seconds: i64, nanoseconds: u32, offset: i32) -> fmt::Result {
    write!(f, "Time.at({seconds}, {nanoseconds}, :nsec, in: ")?;
    if offset == 0 {
        return f.write_str("\"UTC\")");
    }
    let sign = if offset < 0 { '-' } else { '+' };
    let size = offset.unsigned_abs();
    write!(f, "\"{sign}{:02}:{:02}", size / 3600, size / 60 % 60)?;
    if !size.is_multiple_of(60) {
        write!(f, ":{:02}", size % 60)?;
    }
    f.write_str("\")")
}

/// Writes a double-quoted literal. `#` is escaped wherever it stands, so that none
/// begins an interpolation.
fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' | '\\' | '#' => write!(f, "\\{c}")?,
            '\n' => f.write_str("\\n")?,
            '\t' => f.write_str("\\t")?,
            '\r' => f.write_str("\\r")?,
            '\0'..='\x1f' | '\x7f' => write!(f, "\\x{:02X}", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty() && !text.starts_with(|c: char| c.is_ascii_digit()) && text.bytes().all(is_word_byte)
}

macro_rules! from {
    ($($type:ty => |$value:ident| $ruby:expr;)*) => {$(
        impl From<$type> for Ruby {
            fn from($value: $type) -> Self {
                $ruby
            }
        }
    )*};
}

from! {
    bool => |value| Self::Bool(value);
    i32 => |value| Self::Integer(value.into());
    u32 => |value| Self::Integer(value.into());
    i64 => |value| Self::Integer(value.into());
    u64 => |value| Self::Integer(value.into());
    f64 => |value| Self::Float(value);
    &str => |value| Self::String(value.to_owned());
    String => |value| Self::String(value);
    Call => |value| Self::Call(Box::new(value));
}

impl<T: Into<Ruby>> From<Vec<T>> for Ruby {
    fn from(values: Vec<T>) -> Self {
        Self::Array(values.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Ruby>> From<Option<T>> for Ruby {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nil, Into::into)
    }
}

#[cfg(test)]
mod tests;
