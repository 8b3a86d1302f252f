//! The lines the tool has always printed.

use std::io::{self, Write};

use serde::Serialize;

use super::base64;
use crate::beanstalk::{Job, Scalar, Statistics};
use crate::cli::exit::Error;
use crate::cli::screen::Screen;

/// The figures, sorted, with `_` for `-`: integers and texts; fractions and booleans are
/// for `--json`.
pub(super) fn statistics(screen: &mut Screen<'_>, statistics: &Statistics) -> io::Result<()> {
    let mut lines: Vec<(String, &Scalar)> =
        statistics.iter().map(|(key, value)| (key.replace('-', "_"), value)).collect();
    lines.sort_by(|one, other| one.0.cmp(&other.0));
    for (key, value) in lines {
        match value {
            Scalar::Integer(number) => figure(screen, &key, *number)?,
            Scalar::Text(text) if key != "draining" => writeln!(screen, "{key:<25} => {text:<13}")?,
            Scalar::Text(_) | Scalar::Float(_) => {}
        }
    }
    Ok(())
}

/// One figure.
pub(super) fn figure(screen: &mut Screen<'_>, key: &str, number: impl std::fmt::Display) -> io::Result<()> {
    writeln!(screen, "{key:<25} => {number:>13}")
}

/// Every figure as a JSON object, with `_` for `-`.
pub(super) fn json_statistics(statistics: &Statistics) -> serde_json::Map<String, serde_json::Value> {
    let value = |key: &str, value: &Scalar| match value {
        Scalar::Integer(number) => (*number).into(),
        Scalar::Float(number) => (*number).into(),
        Scalar::Text(text) if key == "draining" => (text == "true").into(),
        Scalar::Text(text) => text.as_str().into(),
    };
    statistics.iter().map(|(key, found)| (key.replace('-', "_"), value(key, found))).collect()
}

/// A value as JSON, on a line of its own.
pub(super) fn json(to: &mut impl Write, value: &impl Serialize) -> Result<(), Error> {
    serde_json::to_writer(&mut *to, value).map_err(io::Error::from)?;
    to.write_all(b"\n")?;
    Ok(())
}

/// `Job: ID: BODY`.
///
/// In a pipe the body's own bytes; on a terminal what would steer it is shown, not sent.
pub(super) fn job(screen: &mut Screen<'_>, job: &Job) -> io::Result<()> {
    write!(screen, "Job: {}: ", job.id)?;
    if screen.terminal().is_some() {
        screen.write_all(harmless(&job.body).as_bytes())?;
    } else {
        screen.write_all(&job.body)?;
    }
    screen.write_all(b"\n")
}

/// The text of `body` without what would steer a terminal; line ends and tabs stay.
fn harmless(body: &[u8]) -> String {
    let mut shown = String::with_capacity(body.len());
    for c in String::from_utf8_lossy(body).chars() {
        if c.is_control() && !matches!(c, '\n' | '\t') {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// A job as JSON: its body as text where it is one, else in base64.
#[derive(Debug, Serialize)]
pub(super) struct JobJson<'a> {
    /// Its number.
    pub(super) id: u64,
    /// Its body.
    #[serde(flatten)]
    pub(super) body: BodyJson<'a>,
}

impl<'a> JobJson<'a> {
    /// The job's.
    pub(super) fn new(job: &'a Job) -> Self {
        Self { id: job.id.0, body: BodyJson::new(&job.body) }
    }
}

/// A body in JSON, which holds text only.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum BodyJson<'a> {
    /// UTF-8, as it is.
    Body(&'a str),
    /// Any other bytes.
    BodyBase64(String),
}

impl<'a> BodyJson<'a> {
    /// The body's.
    pub(super) fn new(body: &'a [u8]) -> Self {
        std::str::from_utf8(body).map_or_else(|_| Self::BodyBase64(base64::encode(body)), Self::Body)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::beanstalk::JobId;
    use crate::cli::screen::Size;

    fn printed(body: &'static [u8], terminal: Option<Size>) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut screen = Screen::new(&mut bytes, terminal, false);
        job(&mut screen, &Job { id: JobId(7), body: Bytes::from_static(body) }).unwrap();
        drop(screen);
        bytes
    }

    #[test]
    fn a_pipe_gets_the_body_s_own_bytes() {
        assert_eq!(printed(b"a\x1b\xff\nb", None), b"Job: 7: a\x1b\xff\nb\n");
    }

    #[test]
    fn a_terminal_is_not_steered_by_a_body() {
        let terminal = Some(Size { columns: 80, rows: 24 });
        assert_eq!(printed(b"a\x1b[2J\nb", terminal), b"Job: 7: a\\u{1b}[2J\nb\n");
    }

    #[test]
    fn a_body_that_is_no_text_is_in_base64() {
        let json = |body| serde_json::to_string(&JobJson { id: 1, body: BodyJson::new(body) }).unwrap();
        assert_eq!(json("ü".as_bytes()), r#"{"id":1,"body":"ü"}"#);
        assert_eq!(json(b"\xff\x00"), r#"{"id":1,"body_base64":"/wA="}"#);
    }
}
