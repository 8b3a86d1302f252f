//! One connection: bytes both ways, and which command each reply belongs to.
//!
//! ```text
//!     ask ──► out ──────────► kernel        turn: one step of both
//!     answer ◄── input ◄───── kernel
//! ```
//!
//! Reading goes on while writing does, or a client that writes a long pipeline and a
//! server that waits for its replies to be read would wait for each other. Whatever was
//! moved is kept here, so a future can be dropped at any await.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWrite};

use super::stream::Stream;
use crate::beanstalk::{Command, Conversation, Invalid, Malformed, Reply, Verb};

/// How much is read at once while lines come.
const SMALL_READ: usize = 8 << 10;

/// How much is read at once while a body comes.
const LARGE_READ: usize = 256 << 10;

/// Why a connection is of no further use.
#[derive(Debug)]
pub(super) enum Fault {
    Io(io::Error),
    Malformed(Malformed),
}

/// One connection, from its making to its first fault.
pub(super) struct Connection {
    stream: Box<dyn Stream>,
    conversation: Conversation,
    out: BytesMut,
    input: BytesMut,
    /// Where each command without a reply ends, in bytes since the connection was made.
    ends: VecDeque<u64>,
    /// Bytes handed to the kernel.
    written: u64,
    /// A failed write: what the server said before it closed is still read.
    write_error: Option<io::Error>,
}

impl Connection {
    pub(super) fn new(stream: Box<dyn Stream>, max_body: usize) -> Self {
        Self {
            stream,
            conversation: Conversation::new(max_body),
            out: BytesMut::new(),
            input: BytesMut::new(),
            ends: VecDeque::new(),
            written: 0,
            write_error: None,
        }
    }

    /// Queues a command; a later turn writes it.
    pub(super) fn ask(&mut self, command: &Command<'_>) -> Result<(), Invalid> {
        self.conversation.ask(command, &mut self.out)?;
        self.ends.push_back(self.written + self.out.len() as u64);
        Ok(())
    }

    /// The oldest command without a reply.
    pub(super) fn oldest(&self) -> Option<Verb> {
        self.conversation.oldest()
    }

    /// How many commands have no reply yet.
    pub(super) fn pending(&self) -> usize {
        self.conversation.pending()
    }

    /// How many of them the kernel has whole, so that the server may have carried them out.
    pub(super) fn sent(&self) -> usize {
        self.ends.partition_point(|&end| end <= self.written)
    }

    /// How many bytes wait to be written.
    pub(super) fn unwritten(&self) -> usize {
        self.out.len()
    }

    /// The next reply that has come whole, without waiting.
    pub(super) fn arrived(&mut self) -> Result<Option<(Verb, Reply)>, Fault> {
        let answer = self.conversation.answer(&mut self.input).map_err(Fault::Malformed)?;
        if answer.is_some() {
            self.ends.pop_front();
        }
        Ok(answer)
    }

    /// The next reply; no step towards it may take longer than `patience`.
    pub(super) async fn answer(&mut self, patience: Option<Duration>) -> Result<(Verb, Reply), Fault> {
        loop {
            if let Some(answer) = self.arrived()? {
                return Ok(answer);
            }
            self.turn(patience).await?;
        }
    }

    /// Waits until something could be written or read.
    pub(super) async fn turn(&mut self, patience: Option<Duration>) -> Result<(), Fault> {
        let turn = poll_fn(|cx| self.poll_turn(cx));
        let moved = match patience {
            None => turn.await,
            Some(patience) => tokio::time::timeout(patience, turn).await.unwrap_or_else(|_| {
                let text = format!("no reply within {} s", patience.as_secs_f32());
                Err(io::Error::new(io::ErrorKind::TimedOut, text))
            }),
        };
        moved.map_err(Fault::Io)
    }

    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wrote = self.poll_write(cx);
        match self.poll_read(cx) {
            Poll::Pending if wrote => Poll::Ready(Ok(())),
            read => read,
        }
    }

    /// Whether anything was written.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> bool {
        if self.out.is_empty() || self.write_error.is_some() {
            return false;
        }
        match Pin::new(&mut self.stream).poll_write(cx, &self.out) {
            Poll::Ready(Ok(count)) if count > 0 => {
                self.out.advance(count);
                self.written += count as u64;
                true
            }
            Poll::Ready(result) => {
                self.write_error = Some(result.err().unwrap_or_else(|| io::ErrorKind::WriteZero.into()));
                false
            }
            Poll::Pending => false,
        }
    }

    /// Whether anything was read.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A step at a time: what a reply announces is not believed until it is there.
        self.input.reserve(self.conversation.wanting(&self.input).clamp(SMALL_READ, LARGE_READ));
        let read = pin!(self.stream.read_buf(&mut self.input));
        match ready!(read.poll(cx)) {
            Ok(0) => Poll::Ready(Err(self.write_error.take().unwrap_or_else(|| {
                io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection")
            }))),
            Ok(_) => Poll::Ready(Ok(())),
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}
