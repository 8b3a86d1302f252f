//! Which command each reply is the answer to.

use std::collections::VecDeque;

use bytes::BytesMut;

use super::command::{Command, Verb};
use super::decoder::Decoder;
use super::error::{Invalid, Malformed};
use super::reply::Reply;

/// The commands sent on one connection and not answered yet, oldest first.
#[derive(Debug)]
pub struct Conversation {
    asked: VecDeque<Verb>,
    decoder: Decoder,
}

impl Conversation {
    /// A connection on which nothing was said, taking bodies of up to `max_body` bytes.
    pub fn new(max_body: usize) -> Self {
        Self { asked: VecDeque::new(), decoder: Decoder::new(max_body) }
    }

    /// Appends `command` to `out` and remembers that a reply is due.
    pub fn ask(&mut self, command: &Command<'_>, out: &mut BytesMut) -> Result<(), Invalid> {
        command.encode(out)?;
        if *command != Command::Quit {
            self.asked.push_back(command.verb());
        }
        Ok(())
    }

    /// The next reply in `input` with the command it answers; `None` when more bytes are
    /// needed. After an error the connection is of no further use.
    pub fn answer(&mut self, input: &mut BytesMut) -> Result<Option<(Verb, Reply)>, Malformed> {
        let Some(reply) = self.decoder.decode(input)? else { return Ok(None) };
        let Some(asked) = self.asked.pop_front() else {
            return Err(Malformed::Unasked { reply: reply.word() });
        };
        if !reply.answers(asked) {
            return Err(Malformed::Mismatch { asked, reply: reply.word() });
        }
        Ok(Some((asked, reply)))
    }

    /// The oldest command without a reply.
    pub fn oldest(&self) -> Option<Verb> {
        self.asked.front().copied()
    }

    /// How many commands have no reply yet.
    pub fn pending(&self) -> usize {
        self.asked.len()
    }

    /// How many bytes are wanting at least for the next reply: a hint for reading.
    pub fn wanting(&self, input: &BytesMut) -> usize {
        self.decoder.wanting(input)
    }
}
