//! The asynchronous client of beanstalkd.
//!
//! ```text
//!     Producer ──┐                       ┌── Backoff: when to connect again
//!                ├──► Client (one server)┤
//!     Consumer ──┘                       └── Connection ── Conversation ── bytes
//! ```
//!
//! A [`Client`] is one connection at a time, used by one task: no locks, nothing in the
//! background. Its rules:
//!
//! - **One attempt per call.** A call on a client that is not connected first waits until
//!   the backoff lets it try, tries once, chooses and watches the tubes again, and goes
//!   on; or says [`Error::Unreachable`]. Whoever wants to wait for ever calls again.
//! - **Nothing is repeated silently.** When the connection breaks under a command, the
//!   call fails: [`Error::Uncertain`] for a put, whose job may or may not be there,
//!   [`Error::Lost`] for the others. The reservations of the connection are gone with it:
//!   the server makes those jobs ready at once.
//! - **Any doubt closes.** A reply that is none, or none to what was asked, ends the
//!   connection ([`Error::Malformed`]).
//! - **Futures may be dropped.** The reply of a call that was dropped is still taken off
//!   the connection before the next call's. A job that arrives for a dropped reserve is
//!   kept, and the next reserve returns it. While a reserve is under way the server
//!   reads nothing else, so until the next reserve has brought it home other calls say
//!   [`Error::Reserving`]; [`Client::disconnect`] gives it up, and loses no job by it.

mod backoff;
mod calls;
mod client;
mod connection;
mod consumer;
mod engine;
mod error;
mod keys;
mod options;
mod pipeline;
mod producer;
mod regain;
mod relocate;
mod stream;

pub use backoff::Backoff;
pub use calls::Reservation;
pub use client::Client;
pub use consumer::{Arrival, Consumer};
pub use error::{Broken, Error};
pub use keys::{KeyFileError, read_keys};
pub use options::Options;
pub use pipeline::{Ask, NewJob};
pub use producer::Producer;
pub use relocate::{Moved, Terms};
