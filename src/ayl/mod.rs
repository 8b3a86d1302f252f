//! Jobs as applications mean them: what stands in a job's body, how it is put, who
//! may put it, and what becomes of it.
//!
//! ```text
//!   producer                                                      worker
//!   Call ─► Message ─► sign ─► body ═══ beanstalkd ═══► parse ─► check ─► executor
//!   Ruby      ▲                                           │        │         │ Outcome
//!   literals  Options                            Unreadable   Untrusted      ▼
//!                                                         └────────┴─────► decide ─► Verdict
//! ```
//!
//! The bytes are a contract with Ruby's gems, old and new: `docs/messages.md` and
//! `docs/signing.md` define them. Everything here is pure.

mod engine;
mod keys;
mod message;
mod options;
mod parse;
mod policy;
mod ruby;
mod signing;

pub use engine::{Engine, EngineError, Queue, Stamp, Submission};
pub use keys::{AccessError, Key, KeyError, KeyFault, KeySet, check_access};
pub use message::Message;
pub use options::{Handler, Options, OptionsError};
pub use parse::Unreadable;
pub use policy::{Cause, MAX_DEATHS, Outcome, Tries, Verdict, death_delay, deaths_before, decide};
pub use ruby::{Call, CallError, Ruby};
pub use signing::{Mode, Signature, SignatureFault, Trust, Untrusted, sign, verify};
