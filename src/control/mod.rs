//! The control socket: what an operator's command and the supervisor say to each other.
//!
//! ```text
//!     operator                                supervisor
//!        │ ─────────────── connect ────────────► │  credentials are checked
//!        │ ◄── {"hello":"abaqis-daemons", …} ─── │  or a refusal, and the end
//!        │ ─── {"request":"restart", …} ───────► │  one request a connection
//!        │ ◄── {"reply":"progress", …} ───────── │  any number of these
//!        │ ◄── {"reply":"done"} ──────────────── │  or failed, or refused: the end
//! ```
//!
//! One JSON value a line, both ways; a request has at most [`MAX_REQUEST`] bytes.
//! Closing the connection ends the waiting, never the work that was asked for.
//!
//! [`messages`] are the words, [`status`] what they tell of instances, [`access`]
//! who may say what, [`server`] and [`client`] the two ends.

pub mod access;
pub mod client;
pub mod messages;
pub mod server;
pub mod status;

/// The runtime directory of the service.
pub const RUNTIME_DIR: &str = "/run/abaqis-daemons";

/// The socket's name in the runtime directory.
pub const SOCKET: &str = "control.sock";

/// The longest request, in bytes, its line end included.
pub const MAX_REQUEST: usize = 64 * 1024;

/// The longest reply a client reads, in bytes, its line end included.
pub const MAX_REPLY: usize = 1024 * 1024;
