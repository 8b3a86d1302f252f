//! The protocol of beanstalkd as bytes: commands, replies, statistics.
//!
//! Nothing here has a socket or a clock. What is written is checked before a byte of
//! it exists, so that no value can end a line early and shift every reply after it;
//! what is read is checked before anything is allocated for it.
//!
//! ```text
//!     Command ── encode ──► bytes          bytes ──► Decoder ──► Reply
//!        │                                              │
//!        └── Verb ──► Conversation: which command each reply is the answer to
//! ```
//!
//! beanstalkd answers in order and does not number its replies, so one reply too many
//! or too few would give every later command the answer of another. A [`Conversation`]
//! therefore refuses a reply that does not fit the command it is due to, and whoever
//! drives it closes the connection.

mod brief;
mod command;
mod conversation;
mod decoder;
mod error;
mod reply;
mod statistics;
mod value;

#[cfg(test)]
mod tests;

pub use brief::JobBrief;
pub use command::{Command, Verb};
pub use conversation::Conversation;
pub use decoder::{Decoder, MAX_BODY, MAX_LINE};
pub use error::{Invalid, Malformed};
pub use reply::{Job, Refusal, Reply};
pub use statistics::{
    JobState, JobStatistics, Scalar, ServerStatistics, Statistics, StatisticsError, TubeStatistics, tube_list,
};
pub use value::{Delay, JobId, NumberError, Priority, Ttr};
