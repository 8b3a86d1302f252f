//! A value as YAML that every reader takes for the same, YAML 1.1's too.
//!
//! Maps in lines, lists of scalars in brackets. What could be read as anything but
//! text, and every character that some readers take for a line end, is in quotes.

use std::fmt::Write as _;

use serde_json::Value;

use crate::config::yaml::{Node, Place, ScalarKind, Value as Scalar};

/// The whole of a file.
pub(super) fn write(value: &Value) -> String {
    let mut out = String::new();
    block(&mut out, value, 0);
    out
}

/// A map below the current line, or what fits behind its key.
fn block(out: &mut String, value: &Value, indent: usize) {
    let Value::Object(map) = value else {
        inline(out, value);
        out.push('\n');
        return;
    };
    for (key, value) in map {
        let _ = write!(out, "{:indent$}", "");
        text(out, key);
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                out.push_str(":\n");
                block(out, value, indent + 2);
            }
            _ => {
                out.push_str(": ");
                inline(out, value);
                out.push('\n');
            }
        }
    }
}

fn inline(out: &mut String, value: &Value) {
    match value {
        Value::String(string) => text(out, string),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { ", " });
                inline(out, item);
            }
            out.push(']');
        }
        // The only map that is not written in lines is the empty one.
        Value::Object(_) => out.push_str("{}"),
        other => {
            let _ = write!(out, "{other}");
        }
    }
}

fn text(out: &mut String, text: &str) {
    if is_plain(text) {
        out.push_str(text);
        return;
    }
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            ' '..='~' => out.push(c),
            // Letters of other alphabets stay readable; what has no width does not.
            _ if c.is_alphanumeric() => out.push(c),
            _ if u32::from(c) <= 0xffff => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            _ => {
                let _ = write!(out, "\\U{:08X}", u32::from(c));
            }
        }
    }
    out.push('"');
}

/// Whether `text` is text to every reader without quotes.
fn is_plain(text: &str) -> bool {
    let letters = |text: &str| text.starts_with(|c: char| c.is_ascii_alphabetic());
    // A number, a date or a time of day begins with a digit, and has other punctuation or
    // none.
    let begins = letters(text)
        || text.strip_prefix(['/', '-']).is_some_and(letters)
        || text.strip_prefix("--").is_some_and(letters)
        || text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(char::is_alphanumeric);
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_./-@+=%".contains(c);
    let word = ["y", "n", "yes", "no", "on", "off"].contains(&text.to_ascii_lowercase().as_str());
    let value = Scalar::Scalar { text: text.to_owned(), plain: true };
    let node = Node { value, place: Place::default() };
    begins && text.chars().all(allowed) && !word && node.scalar_kind() == Some(ScalarKind::Text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(string: &str) -> String {
        let mut out = String::new();
        text(&mut out, string);
        out
    }

    #[test]
    fn plain_text_has_no_quotes() {
        for plain in ["abaqis", "/var/www/x", "-f", "--port", "30s", "1h30m", "bin/web", "on-failure", "a@b"]
        {
            assert_eq!(written(plain), plain);
        }
    }

    #[test]
    fn what_could_be_something_else_has() {
        for other in
            ["", "8080", "1.10", "true", "null", "~", "off", "1e3", "0x1f", "2026-11-24", "12:30", "a b"]
        {
            assert_eq!(written(other), format!("{other:?}"));
        }
        assert_eq!(written("a\n\t\"\\\u{2028}é😀"), r#""a\n\t\"\\\u2028é\U0001F600""#);
    }
}
