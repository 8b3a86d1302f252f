//! What an entry's jobs run: Ruby as it is written, or a call of a class's method whose
//! arguments are marshalled as producers do.

use super::Fault;
use super::reader::{Given, Reader};
use crate::ayl::{Call, Ruby};
use crate::config;
use crate::config::yaml::{Entry, Node, Place, ScalarKind, Value};

/// The keys that say what is run.
#[derive(Debug, Default)]
pub(super) struct Code {
    pub(super) source: Option<Given<String>>,
    pub(super) class: Option<Given<String>>,
    pub(super) method: Option<Given<String>>,
    pub(super) args: Option<Given<Vec<Ruby>>>,
}

impl Code {
    /// The Ruby they come to; `entry` is where the entry stands.
    pub(super) fn ruby(self, reader: &mut Reader<'_>, entry: Place) -> Option<String> {
        if let Some(code) = self.source {
            for (name, key) in [
                ("class", self.class.map(|given| given.key)),
                ("method", self.method.map(|given| given.key)),
                ("args", self.args.map(|given| given.key)),
            ] {
                if let Some(key) = key {
                    reader.at(name, |reader| reader.error(key, config::Fault::Both("code", name)));
                }
            }
            return code.value;
        }
        let (class, method) = match (self.class, self.method) {
            (None, None) => {
                match self.args {
                    Some(args) => {
                        reader.at("args", |r| r.error(args.key, Fault::Without("class and method")));
                    }
                    None => reader.error(entry, Fault::NoCode),
                }
                return None;
            }
            (Some(class), None) => {
                reader.at("class", |reader| reader.error(class.key, Fault::Without("method")));
                return None;
            }
            (None, Some(method)) => {
                reader.at("method", |reader| reader.error(method.key, Fault::Without("class")));
                return None;
            }
            (Some(class), Some(method)) => (class, method),
        };
        let place = class.place;
        let (class, method) = (class.value?, method.value?);
        let args = match self.args {
            None => Vec::new(),
            Some(args) => args.value?,
        };
        match Call::on_module(&class, &method) {
            Ok(call) => Some(args.into_iter().fold(call, Call::argument).to_string()),
            Err(error) => {
                reader.at("class", |reader| reader.error(place, error));
                None
            }
        }
    }
}

/// The name of a class, or of a module.
pub(super) fn class(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = reader.text(node, "the name of a class, as Resident")?;
    // Any method does: the class is what is asked about.
    reader.check(node, Call::on_module(text, "new"))?;
    Some(text.to_owned())
}

pub(super) fn method(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = reader.text(node, "the name of a method, as census")?;
    reader.check(node, Call::on_module("Object", text))?;
    Some(text.to_owned())
}

pub(super) fn args(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<Ruby>> {
    match &node.value {
        Value::List(items) => list(reader, items),
        _ => reader.wrong_type(node, "a list of arguments, as [3, all]"),
    }
}

/// Every item, each at its place; `None` if any of them is wrong.
fn list(reader: &mut Reader<'_>, items: &[Node]) -> Option<Vec<Ruby>> {
    let read = |(i, item): (usize, &Node)| reader.at(&format!("[{i}]"), |reader| value(reader, item));
    // All are read, so that each is reported.
    let values: Vec<Option<Ruby>> = items.iter().enumerate().map(read).collect();
    values.into_iter().collect()
}

/// A value of YAML as a value of Ruby.
fn value(reader: &mut Reader<'_>, node: &Node) -> Option<Ruby> {
    match &node.value {
        Value::List(items) => list(reader, items).map(Ruby::Array),
        Value::Map(entries) => {
            let read = |entry: &Entry| {
                let value = reader.at(&entry.key, |reader| value(reader, &entry.value))?;
                Some((Ruby::String(entry.key.clone()), value))
            };
            let pairs: Vec<Option<(Ruby, Ruby)>> = entries.iter().map(read).collect();
            pairs.into_iter().collect::<Option<_>>().map(Ruby::Hash)
        }
        Value::Scalar { text, .. } => match node.scalar_kind() {
            Some(ScalarKind::Null) => Some(Ruby::Nil),
            Some(ScalarKind::Boolean) => Some(Ruby::Bool(text.eq_ignore_ascii_case("true"))),
            Some(ScalarKind::Number) => {
                let number = number(text);
                reader.check(node, number)
            }
            _ => Some(Ruby::String(text.clone())),
        },
    }
}

/// A number of YAML's core schema.
fn number(text: &str) -> Result<Ruby, Fault> {
    let too_large = |_| Fault::TooLarge(text.to_owned());
    if let Some(digits) = text.strip_prefix("0x") {
        return i128::from_str_radix(digits, 16).map(Ruby::Integer).map_err(too_large);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return i128::from_str_radix(digits, 8).map(Ruby::Integer).map_err(too_large);
    }
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let sign = if negative { -1.0 } else { 1.0 };
    if unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        if unsigned.len() > 1 && unsigned.starts_with('0') {
            return Err(Fault::LeadingZero(text.to_owned()));
        }
        return text.parse().map(Ruby::Integer).map_err(too_large);
    }
    let float = match unsigned.to_ascii_lowercase().as_str() {
        ".inf" => f64::INFINITY,
        ".nan" => f64::NAN,
        // What the schema takes for a number, Rust does as well; infinite is too large.
        other => match other.parse::<f64>() {
            Ok(number) if number.is_finite() => number,
            _ => return Err(Fault::TooLarge(text.to_owned())),
        },
    };
    Ok(Ruby::Float(sign * float))
}
