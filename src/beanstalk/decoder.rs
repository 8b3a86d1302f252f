//! Bytes to replies, however they are split.
//!
//! ```text
//!             a line without a body
//!              ┌──────────────┐
//!              ▼              │
//!         ┌─► Line ───────────┘
//!         │    │ RESERVED, FOUND, OK with a length that is taken
//!         │    ▼
//!         └── Body    until length + 2 bytes are there
//! ```

use bytes::{Buf, Bytes, BytesMut};

use super::error::{Malformed, shown};
use super::reply::{Job, Refusal, Reply};
use super::value::{JobId, digits};

/// The longest line of a reply, line end and all: `USING` and the longest tube need 208.
pub const MAX_LINE: usize = 256;

/// The longest body taken unless told otherwise: 64 MiB. The server's own limit is
/// 65,535 bytes unless its operator raised it.
pub const MAX_BODY: usize = 64 << 20;

/// Turns the bytes of a connection into replies. It holds no bytes itself: what is not
/// a whole reply yet stays in the caller's buffer, which needs at most
/// [`MAX_LINE`] or the longest body and 2.
#[derive(Debug)]
pub struct Decoder {
    state: State,
    max_body: usize,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Line,
    Body { head: Head, length: usize },
}

/// The line before a body.
#[derive(Debug, Clone, Copy)]
enum Head {
    Reserved(JobId),
    Found(JobId),
    Data,
}

/// A line, read.
enum Line {
    Whole(Reply),
    Head(Head, usize),
}

impl Decoder {
    /// A decoder at the beginning of a reply that takes bodies of up to `max_body` bytes.
    pub fn new(max_body: usize) -> Self {
        Self { state: State::Line, max_body }
    }

    /// The next reply, taken off the front of `input`; `None` when more bytes are needed.
    /// After an error the rest of the bytes mean nothing.
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Reply>, Malformed> {
        if let State::Line = self.state {
            let Some(end) = line_end(input)? else { return Ok(None) };
            match self.line(&input[..end - 2])? {
                Line::Whole(reply) => {
                    input.advance(end);
                    return Ok(Some(reply));
                }
                Line::Head(head, length) => {
                    input.advance(end);
                    self.state = State::Body { head, length };
                }
            }
        }
        let State::Body { head, length } = self.state else { return Ok(None) };
        if input.len() < length + 2 {
            return Ok(None);
        }
        if &input[length..length + 2] != b"\r\n" {
            return Err(Malformed::BodyEnd { found: shown(&input[length..length + 2]) });
        }
        let body = input.split_to(length).freeze();
        input.advance(2);
        self.state = State::Line;
        Ok(Some(head.with(body)))
    }

    /// How many bytes are wanting at least, when `input` is what is there: a hint for
    /// how much to read at once.
    pub fn wanting(&self, input: &BytesMut) -> usize {
        match self.state {
            State::Line => 1,
            State::Body { length, .. } => (length + 2).saturating_sub(input.len()),
        }
    }

    fn line(&self, line: &[u8]) -> Result<Line, Malformed> {
        let mut words = line.split(|&byte| byte == b' ');
        let (word, first, second, more) = (words.next(), words.next(), words.next(), words.next());
        let number = |word: &[u8]| {
            digits(word).ok_or_else(|| Malformed::Number { word: shown(word), line: shown(line) })
        };
        let head = |head: Head, length: &[u8]| {
            let length = number(length)?;
            match usize::try_from(length) {
                Ok(length) if length <= self.max_body => Ok(Line::Head(head, length)),
                _ => Err(Malformed::Body { length, max: self.max_body, line: shown(line) }),
            }
        };
        let reply = match (word.unwrap_or_default(), first, second, more) {
            (b"INSERTED", Some(id), None, _) => Reply::Inserted(JobId(number(id)?)),
            (b"RESERVED", Some(id), Some(length), None) => {
                return head(Head::Reserved(JobId(number(id)?)), length);
            }
            (b"FOUND", Some(id), Some(length), None) => return head(Head::Found(JobId(number(id)?)), length),
            (b"OK", Some(length), None, _) => return head(Head::Data, length),
            (b"BURIED", Some(id), None, _) => Reply::Buried(Some(JobId(number(id)?))),
            (b"WATCHING", Some(count), None, _) => Reply::Watching(number(count)?),
            (b"KICKED", Some(count), None, _) => Reply::Kicked(Some(number(count)?)),
            (b"USING", Some(tube), None, _) => {
                let tube = std::str::from_utf8(tube).ok().and_then(|tube| tube.parse().ok());
                Reply::Using(tube.ok_or_else(|| Malformed::Unknown { line: shown(line) })?)
            }
            (word, None, _, _) => alone(word).ok_or_else(|| Malformed::Unknown { line: shown(line) })?,
            _ => return Err(Malformed::Unknown { line: shown(line) }),
        };
        Ok(Line::Whole(reply))
    }
}

impl Head {
    fn with(self, body: Bytes) -> Reply {
        match self {
            Self::Reserved(id) => Reply::Reserved(Job { id, body }),
            Self::Found(id) => Reply::Found(Job { id, body }),
            Self::Data => Reply::Data(body),
        }
    }
}

/// Where the first line ends, its line end counted; `None` when it does not yet.
fn line_end(input: &[u8]) -> Result<Option<usize>, Malformed> {
    let window = &input[..input.len().min(MAX_LINE)];
    match window.iter().position(|&byte| byte == b'\n') {
        Some(at) if at > 0 && window[at - 1] == b'\r' => Ok(Some(at + 1)),
        Some(at) => Err(Malformed::Unknown { line: shown(&window[..=at]) }),
        None if input.len() >= MAX_LINE => Err(Malformed::Line { start: shown(window), max: MAX_LINE }),
        None => Ok(None),
    }
}

/// The replies of one word.
fn alone(word: &[u8]) -> Option<Reply> {
    Some(match word {
        b"DELETED" => Reply::Deleted,
        b"TOUCHED" => Reply::Touched,
        b"TIMED_OUT" => Reply::TimedOut,
        b"NOT_FOUND" => Reply::NotFound,
        b"RELEASED" => Reply::Released,
        b"BURIED" => Reply::Buried(None),
        b"KICKED" => Reply::Kicked(None),
        b"PAUSED" => Reply::Paused,
        b"DEADLINE_SOON" => Reply::DeadlineSoon,
        b"NOT_IGNORED" => Reply::NotIgnored,
        b"OUT_OF_MEMORY" => Reply::Refused(Refusal::OutOfMemory),
        b"INTERNAL_ERROR" => Reply::Refused(Refusal::InternalError),
        b"BAD_FORMAT" => Reply::Refused(Refusal::BadFormat),
        b"UNKNOWN_COMMAND" => Reply::Refused(Refusal::UnknownCommand),
        b"EXPECTED_CRLF" => Reply::Refused(Refusal::ExpectedCrlf),
        b"JOB_TOO_BIG" => Reply::Refused(Refusal::JobTooBig),
        b"DRAINING" => Reply::Refused(Refusal::Draining),
        _ => return None,
    })
}
