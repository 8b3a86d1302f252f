//! Text with `{app}`, `{version}`, `{tube}`, `{path}` and `{instance}` in it.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Text that is completed when a process starts.
///
/// `{word}` stands for a [`Variable`]; `{{word}}` for the text `{word}`. Any other
/// brace is itself, so JSON and the like need no escapes.
///
/// Holds the text as written: it is small, there are thousands of them, and each is
/// rendered once per process.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Template(Arc<str>);

/// What a template can stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Variable {
    /// `{app}`: the application's name.
    App,
    /// `{version}`: the release's version.
    Version,
    /// `{tube}`: the release's tube.
    Tube,
    /// `{path}`: the release's resolved path.
    Path,
    /// `{instance}`: the instance, as `abaqis/worker/2`.
    Instance,
}

/// Why a text is not a template.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// A word in braces that means nothing.
    #[error(
        "{{{0}}} stands for nothing; there are {{app}}, {{version}}, {{tube}}, {{path}} and {{instance}} \
         (write {{{{{0}}}}} for the text itself)"
    )]
    Unknown(String),
    /// A zero byte, which no argument, variable or path can hold.
    #[error("holds a zero byte")]
    Zero,
}

impl Variable {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::App, Self::Version, Self::Tube, Self::Path, Self::Instance];

    /// The word between the braces.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Version => "version",
            Self::Tube => "tube",
            Self::Path => "path",
            Self::Instance => "instance",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|v| v.as_str() == word)
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}}}", self.as_str())
    }
}

/// A piece of a template.
enum Part<'a> {
    Text(&'a str),
    /// A word in single braces.
    Word(&'a str),
}

/// The length of the word that `text` begins with, if a `}` follows it.
fn word(text: &str) -> Option<usize> {
    let end = text.find(|c: char| !(c.is_ascii_alphabetic() || c == '_'))?;
    (end > 0 && text[end..].starts_with('}')).then_some(end)
}

/// Cuts the first piece off.
fn cut(text: &str) -> (Part<'_>, &str) {
    if let Some(rest) = text.strip_prefix('{') {
        if let Some(end) = word(rest) {
            return (Part::Word(&rest[..end]), &rest[end + 1..]);
        }
        if let Some(inner) = rest.strip_prefix('{')
            && let Some(end) = word(inner)
            && inner[end + 1..].starts_with('}')
        {
            // The text of `{{word}}` without its outer braces.
            return (Part::Text(&rest[..end + 2]), &rest[end + 3..]);
        }
        let end = rest.find('{').map_or(text.len(), |i| i + 1);
        return (Part::Text(&text[..end]), &text[end..]);
    }
    let end = text.find('{').unwrap_or(text.len());
    (Part::Text(&text[..end]), &text[end..])
}

fn parts(mut text: &str) -> impl Iterator<Item = Part<'_>> {
    std::iter::from_fn(move || {
        if text.is_empty() {
            return None;
        }
        let (part, rest) = cut(text);
        text = rest;
        Some(part)
    })
}

impl Template {
    /// The text as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What it needs to be known, in order of appearance.
    pub fn variables(&self) -> impl Iterator<Item = Variable> + '_ {
        parts(&self.0).filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Word(word) => Variable::from_word(word),
        })
    }

    /// Whether it has `variable` in it.
    pub fn uses(&self, variable: Variable) -> bool {
        self.variables().any(|v| v == variable)
    }

    /// The completed text, with what `value` knows; or the variable it does not.
    pub fn render<'v>(&self, value: impl Fn(Variable) -> Option<Cow<'v, str>>) -> Result<String, Variable> {
        let mut out = String::with_capacity(self.0.len());
        for part in parts(&self.0) {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Word(word) => {
                    if let Some(variable) = Variable::from_word(word) {
                        out.push_str(&value(variable).ok_or(variable)?);
                    }
                }
            }
        }
        Ok(out)
    }

    /// The template that renders to exactly `text`.
    pub fn literal(text: &str) -> Self {
        // Every place where a word in braces would be read gets a second pair.
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            let (before, after) = rest.split_at(open);
            out.push_str(before);
            if let Some(end) = word(&after[1..]) {
                out.extend(["{", &after[..end + 2], "}"]);
                rest = &after[end + 2..];
            } else {
                out.push('{');
                rest = &after[1..];
            }
        }
        out.push_str(rest);
        Self(out.into())
    }
}

/// The text as written: what is equal as the one is equal as the other, and has one hash.
impl Borrow<str> for Template {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        if text.contains('\0') {
            return Err(TemplateError::Zero);
        }
        let unknown = parts(text).find_map(|part| match part {
            Part::Word(word) if Variable::from_word(word).is_none() => Some(word),
            _ => None,
        });
        match unknown {
            Some(word) => Err(TemplateError::Unknown(word.to_owned())),
            None => Ok(Self(text.into())),
        }
    }
}

impl TryFrom<String> for Template {
    type Error = TemplateError;

    fn try_from(text: String) -> Result<Self, TemplateError> {
        text.parse()
    }
}

impl From<Template> for String {
    fn from(template: Template) -> String {
        template.0.as_ref().to_owned()
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(text: &str) -> String {
        text.parse::<Template>().unwrap().render(|v| Some(v.as_str().to_uppercase().into())).unwrap()
    }

    #[test]
    fn words_in_braces_are_replaced() {
        assert_eq!(render("{app}-{version}"), "APP-VERSION");
        assert_eq!(render("{tube}{path}/x/{instance}"), "TUBEPATH/x/INSTANCE");
        assert_eq!(render("plain"), "plain");
        assert_eq!(render(""), "");
    }

    #[test]
    fn a_second_pair_of_braces_keeps_the_word() {
        assert_eq!(render("${{HOME}} {{app}}"), "${HOME} {app}");
        assert_eq!(render("{{{app}}}"), "{{app}}");
    }

    #[test]
    fn other_braces_are_themselves() {
        for text in
            [r#"{"a":{"b":{}}}"#, "{", "}", "{{", "}}", "{}", "{{}}", "a{1}b", "{é}", "{app", "{-app}"]
        {
            assert_eq!(render(text), text);
        }
        assert_eq!(render(r#"{"a":"{app}"}"#), r#"{"a":"APP"}"#);
    }

    #[test]
    fn an_unknown_word_is_an_error() {
        let error = |text: &str| text.parse::<Template>().unwrap_err().to_string();
        assert_eq!(
            error("x {home}"),
            "{home} stands for nothing; there are {app}, {version}, {tube}, {path} and {instance} \
             (write {{home}} for the text itself)"
        );
        assert_eq!(error("a\0"), "holds a zero byte");
    }

    #[test]
    fn what_is_not_known_is_named() {
        let template: Template = "{app}-{version}".parse().unwrap();
        assert_eq!(template.render(|v| (v == Variable::App).then(|| "a".into())), Err(Variable::Version));
        assert!(template.uses(Variable::App) && !template.uses(Variable::Tube));
    }

    proptest::proptest! {
        #[test]
        fn a_literal_renders_to_its_text(text in "[{}ab_é ]{0,12}|(\\{app\\}|\\{|\\}|x){0,6}") {
            let template = Template::literal(&text);
            proptest::prop_assert_eq!(template.as_str().parse::<Template>().unwrap(), template.clone());
            proptest::prop_assert_eq!(template.render(|_| None).unwrap(), text);
        }
    }
}
