//! Single values: text, numbers, words, durations, sizes, templates, paths.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::Reader;
use crate::config::fault::Fault;
use crate::config::quantity::{parse_duration, parse_size};
use crate::config::yaml::{Node, ScalarKind, Value};
use crate::config::{Command, Milli, Template};

impl Reader<'_> {
    pub(super) fn wrong_type<T>(&mut self, node: &Node, expected: &'static str) -> Option<T> {
        self.error(node.place, Fault::wrong_type(node, expected));
        None
    }

    /// What `result` holds; its error is reported.
    pub(super) fn check<T, E: Into<Fault>>(&mut self, node: &Node, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.error(node.place, error)).ok()
    }

    /// Text: not what YAML takes for a number, a boolean or nothing.
    pub(super) fn text<'n>(&mut self, node: &'n Node, expected: &'static str) -> Option<&'n str> {
        node.text().or_else(|| self.wrong_type(node, expected))
    }

    /// Text, also what YAML takes for a number or a boolean, as it was written.
    pub(super) fn as_written<'n>(&mut self, node: &'n Node, expected: &'static str) -> Option<&'n str> {
        match (&node.value, node.scalar_kind()) {
            (Value::Scalar { text, .. }, Some(kind)) if kind != ScalarKind::Null => Some(text),
            _ => self.wrong_type(node, expected),
        }
    }

    /// Text that a type knows how to read.
    pub(super) fn parse<T: FromStr<Err: Into<Fault>>>(
        &mut self,
        node: &Node,
        expected: &'static str,
    ) -> Option<T> {
        let text = self.text(node, expected)?;
        self.check(node, text.parse())
    }

    pub(super) fn boolean(&mut self, node: &Node) -> Option<bool> {
        node.boolean().or_else(|| self.wrong_type(node, "true or false"))
    }

    /// A whole number within `range`.
    pub(super) fn whole(
        &mut self,
        node: &Node,
        range: RangeInclusive<i64>,
        expected: &'static str,
    ) -> Option<i64> {
        let text = node.number().or_else(|| self.wrong_type(node, expected))?;
        let number = text.parse().ok().filter(|number| range.contains(number));
        self.check(node, number.ok_or_else(|| Fault::Range { value: text.to_owned(), expected }))
    }

    pub(super) fn count(&mut self, node: &Node) -> Option<u32> {
        let max = i64::from(crate::config::MAX_COUNT);
        let count = self.whole(node, 0..=max, "a whole number from 0 to 10000")?;
        u32::try_from(count).ok()
    }

    /// How many, and at least one.
    pub(super) fn some(&mut self, node: &Node) -> Option<u32> {
        let max = i64::from(crate::config::MAX_COUNT);
        let count = self.whole(node, 1..=max, "a whole number from 1 to 10000")?;
        u32::try_from(count).ok()
    }

    /// A number with at most three decimals within `range`, in thousandths.
    pub(super) fn milli(
        &mut self,
        node: &Node,
        range: RangeInclusive<u32>,
        expected: &'static str,
    ) -> Option<Milli> {
        let text = node.number().or_else(|| self.wrong_type(node, expected))?;
        let number = parse_milli(text).filter(|number| range.contains(number)).map(Milli);
        self.check(node, number.ok_or_else(|| Fault::Range { value: text.to_owned(), expected }))
    }

    /// One of a few words.
    pub(super) fn word<T: Clone>(
        &mut self,
        node: &Node,
        words: &[(&'static str, T)],
        expected: &'static str,
    ) -> Option<T> {
        let text = self.text(node, expected)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(value.clone());
        }
        self.error(node.place, Fault::wrong_word(expected, text, words));
        None
    }

    pub(super) fn duration(&mut self, node: &Node) -> Option<Duration> {
        let text = self.as_written(node, "a duration, as 30s")?;
        self.check(node, parse_duration(text))
    }

    /// A duration of more than zero.
    pub(super) fn time(&mut self, node: &Node) -> Option<Duration> {
        let duration = self.duration(node)?;
        if duration.is_zero() {
            self.error(node.place, Fault::Range { value: "0s".to_owned(), expected: "a time, as 30s" });
            return None;
        }
        Some(duration)
    }

    pub(super) fn size(&mut self, node: &Node) -> Option<u64> {
        let text = self.as_written(node, "a size, as 512MiB")?;
        self.check(node, parse_size(text))
    }

    /// A size of more than zero.
    pub(super) fn space(&mut self, node: &Node) -> Option<u64> {
        let size = self.size(node)?;
        if size == 0 {
            self.error(node.place, Fault::Range { value: "0B".to_owned(), expected: "a size, as 512MiB" });
            return None;
        }
        Some(size)
    }

    /// A text with `{…}` in it, that may look like a number.
    pub(super) fn template_of(&mut self, node: &Node) -> Option<Template> {
        let text = self.as_written(node, "text")?;
        let template = self.template(text);
        self.check(node, template)
    }

    /// A path that is absolute once its `{…}` are known.
    pub(super) fn path_template(&mut self, node: &Node) -> Option<Template> {
        let text = self.text(node, "a path")?;
        let template = self.template(text);
        let template = self.check(node, template)?;
        if text.starts_with('/') || text == "{path}" || text.starts_with("{path}/") {
            return Some(template);
        }
        self.error(node.place, Fault::RelativeTemplate(text.to_owned()));
        None
    }

    /// An absolute path.
    pub(super) fn absolute_path(&mut self, node: &Node) -> Option<PathBuf> {
        let path = self.path(node)?;
        if path.is_absolute() {
            return Some(path);
        }
        self.error(node.place, Fault::RelativePath(path.display().to_string()));
        None
    }

    /// A path.
    pub(super) fn path(&mut self, node: &Node) -> Option<PathBuf> {
        let text = self.text(node, "a path")?;
        let fault = match text {
            "" => Fault::EmptyText,
            _ if text.contains('\0') => Fault::Zero,
            _ => return Some(PathBuf::from(text)),
        };
        self.error(node.place, fault);
        None
    }

    /// A program and its arguments: a list, or a text that is split as a shell would.
    pub(super) fn command(&mut self, node: &Node) -> Option<Command> {
        let words: Option<Vec<Template>> = if let Value::List(items) = &node.value {
            self.items(items, |reader, item| {
                let text = reader.as_written(item, "a word of the command")?;
                let template = reader.template(text);
                reader.check(item, template)
            })
        } else {
            let text = self.text(node, "a list or text")?;
            let words = shell_words::split(text).map_err(|_| Fault::Quotes);
            let words = self.check(node, words)?;
            let words: Result<Vec<_>, _> = words.iter().map(|word| self.template(word)).collect();
            self.check(node, words)
        };
        let words = words?;
        let fault = match (&node.value, words.first()) {
            (_, Some(program)) if !program.as_str().is_empty() => return Some(words.into()),
            (Value::List(_), None) => Fault::EmptyList,
            _ => Fault::EmptyText,
        };
        self.error(node.place, fault);
        None
    }

    /// Every item by `read`; `None` if any of them is wrong.
    pub(super) fn items<T>(
        &mut self,
        items: &[Node],
        mut read: impl FnMut(&mut Self, &Node) -> Option<T>,
    ) -> Option<Vec<T>> {
        let mut out = Some(Vec::with_capacity(items.len()));
        for (i, item) in items.iter().enumerate() {
            let value = self.at(&format!("[{i}]"), |reader| read(reader, item));
            match (&mut out, value) {
                (Some(out), Some(value)) => out.push(value),
                _ => out = None,
            }
        }
        out
    }
}

/// `2`, `1.5`, `0.125` in thousandths.
fn parse_milli(text: &str) -> Option<u32> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 3 || !whole.bytes().chain(decimals.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let whole: u32 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let thousandths: u32 = format!("{decimals:0<3}").parse().ok()?;
    whole.checked_mul(1000)?.checked_add(thousandths)
}
