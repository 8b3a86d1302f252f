//! The text of an `env_file`: one `NAME=VALUE` a line, as systemd's `EnvironmentFile=`
//! and most tools that write such files have it.
//!
//! ```text
//!     # a comment
//!     RAILS_ENV=production
//!     export SECRET='as it stands, $HOME too'
//!     GREETING="with \"escapes\" of \\ and \" and $"
//! ```
//!
//! Nothing is expanded. Outside quotes a `#` later in the line belongs to the value.

use std::collections::BTreeMap;

use thiserror::Error;

/// What is wrong with a line. It does not show the value, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum EnvFileError {
    /// No `=`.
    #[error("line {0}: expected NAME=VALUE")]
    Form(usize),
    /// The part before `=` cannot name a variable.
    #[error("line {line}: {name:?} is not a variable's name, allowed are letters, digits and _")]
    Name {
        /// From 1.
        line: usize,
        /// What stands there.
        name: String,
    },
    /// A quote that is not closed on the line, or something after it.
    #[error("line {0}: the value's quotes do not match")]
    Quotes(usize),
    /// A NUL byte cannot be in an environment.
    #[error("line {0}: a NUL byte")]
    Nul(usize),
}

/// Reads every line; of a name that comes twice the last counts.
pub(super) fn parse(text: &str) -> Result<BTreeMap<String, String>, EnvFileError> {
    let mut variables = BTreeMap::new();
    for (i, line) in text.lines().enumerate() {
        let number = i + 1;
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if line.contains('\0') {
            return Err(EnvFileError::Nul(number));
        }
        let line = line.strip_prefix("export ").map_or(line, str::trim_start);
        let (name, value) = line.split_once('=').ok_or(EnvFileError::Form(number))?;
        let name = name.trim_end();
        if !is_name(name) {
            return Err(EnvFileError::Name { line: number, name: name.to_owned() });
        }
        let value = unquote(value.trim_start()).ok_or(EnvFileError::Quotes(number))?;
        variables.insert(name.to_owned(), value);
    }
    Ok(variables)
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn unquote(text: &str) -> Option<String> {
    if let Some(rest) = text.strip_prefix('\'') {
        let inner = rest.strip_suffix('\'')?;
        return (!inner.contains('\'')).then(|| inner.to_owned());
    }
    let Some(rest) = text.strip_prefix('"') else { return Some(text.to_owned()) };
    let mut value = String::new();
    let mut chars = rest.chars();
    loop {
        match chars.next()? {
            '"' => return chars.as_str().is_empty().then_some(value),
            '\\' => match chars.next()? {
                c @ ('"' | '\\' | '$' | '`') => value.push(c),
                c => value.extend(['\\', c]),
            },
            c => value.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> Result<String, EnvFileError> {
        parse(line).map(|variables| variables.into_values().next().unwrap())
    }

    #[test]
    fn names_and_values() {
        let text = "# c\n\n; c\nA=1\n export B = two words \nC=\nA=3\r\n";
        let variables: Vec<(String, String)> = parse(text).unwrap().into_iter().collect();
        let expected = [("A", "3"), ("B", "two words"), ("C", "")].map(|(k, v)| (k.into(), v.into()));
        assert_eq!(variables, expected);
    }

    #[test]
    fn quotes_and_what_is_in_them() {
        assert_eq!(one(r#"A='$HOME "x" \n # y'"#).unwrap(), r#"$HOME "x" \n # y"#);
        assert_eq!(one(r#"A="a \"b\" \\ \$ \n""#).unwrap(), r#"a "b" \ $ \n"#);
        assert_eq!(one("A=a#b=c'd").unwrap(), "a#b=c'd");
        for bad in ["A='", "A='a'b'", r#"A="a"#, r#"A="a"b"#, r#"A="a\"#] {
            assert_eq!(one(bad), Err(EnvFileError::Quotes(1)), "{bad}");
        }
    }

    #[test]
    fn a_line_that_is_wrong_says_which() {
        let error = |text| parse(text).unwrap_err().to_string();
        assert_eq!(error("A=1\nsecret"), "line 2: expected NAME=VALUE");
        assert_eq!(
            error("a-b=1"),
            r#"line 1: "a-b" is not a variable's name, allowed are letters, digits and _"#
        );
        assert_eq!(error("A=a\0b"), "line 1: a NUL byte");
    }
}
