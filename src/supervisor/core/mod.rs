//! Decides: events in, actions out. No clock, no I/O, no randomness.

mod action;
mod event;
mod status;

pub use action::{Action, Answer, Failure, Refusal, StateChange};
pub use event::{Command, Event, RequestId, Verb};
pub use status::{InstanceStatus, Summary};
