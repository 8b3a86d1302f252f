//! The tree.

/// A place in one of the files that are read together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Place {
    /// Which file, from 0.
    pub file: u16,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// How many characters are meant, all on that line; 0 counts as 1.
    pub width: u32,
}

impl Place {
    /// The beginning of a file.
    pub fn start_of(file: u16) -> Self {
        Self { file, line: 1, column: 1, width: 1 }
    }
}

/// A value and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it stands: of a list or map, where it begins.
    pub place: Place,
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text, a number, `true`, nothing: see [`Node::scalar_kind`].
    Scalar {
        /// As written, without quotes and escapes.
        text: String,
        /// Without quotes: then it may be something else than text.
        plain: bool,
    },
    /// `[a, b]`, or lines with hyphens.
    List(Vec<Node>),
    /// `{a: b}`, or lines with colons; no key twice.
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub place: Place,
    /// The value.
    pub value: Node,
}

/// What a scalar without quotes is by YAML 1.2's core schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScalarKind {
    /// Nothing, `~` or `null`.
    Null,
    /// `true` or `false`.
    Boolean,
    /// A number.
    Number,
    /// Anything else, and all that is quoted.
    Text,
}

impl Node {
    /// What kind of scalar it is, if it is one.
    pub fn scalar_kind(&self) -> Option<ScalarKind> {
        match &self.value {
            Value::Scalar { text, plain: true } => Some(ScalarKind::of(text)),
            Value::Scalar { .. } => Some(ScalarKind::Text),
            _ => None,
        }
    }

    /// What is written, if it is a scalar of that kind.
    fn scalar(&self, kind: ScalarKind) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } if self.scalar_kind() == Some(kind) => Some(text),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        self.scalar(ScalarKind::Text)
    }

    /// The number as it was written, if it is one.
    pub fn number(&self) -> Option<&str> {
        self.scalar(ScalarKind::Number)
    }

    /// Whether it is true, if it is one of the two.
    pub fn boolean(&self) -> Option<bool> {
        self.scalar(ScalarKind::Boolean).map(|text| text.eq_ignore_ascii_case("true"))
    }

    /// What it is, in words that complete "found …".
    pub fn what(&self) -> &'static str {
        match (&self.value, self.scalar_kind()) {
            (Value::List(_), _) => "a list",
            (Value::Map(_), _) => "a map",
            (_, Some(ScalarKind::Null)) => "nothing",
            (_, Some(ScalarKind::Boolean)) => "a boolean",
            (_, Some(ScalarKind::Number)) => "a number",
            _ => "text",
        }
    }
}

impl ScalarKind {
    fn of(text: &str) -> Self {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => Self::Null,
            "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => Self::Boolean,
            _ if is_number(text) => Self::Number,
            _ => Self::Text,
        }
    }
}

fn is_number(text: &str) -> bool {
    let all = |text: &str, radix| !text.is_empty() && text.chars().all(|c| c.is_digit(radix));
    if let Some(digits) = text.strip_prefix("0x") {
        return all(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return all(digits, 8);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    match unsigned {
        ".inf" | ".Inf" | ".INF" => true,
        ".nan" | ".NaN" | ".NAN" => unsigned.len() == text.len(),
        _ => {
            let begins = unsigned.starts_with(|c: char| c.is_ascii_digit())
                || unsigned.strip_prefix('.').is_some_and(|t| t.starts_with(|c: char| c.is_ascii_digit()));
            begins && unsigned.parse::<f64>().is_ok()
        }
    }
}
