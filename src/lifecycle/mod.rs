//! The life of one instance.

mod event;
mod state;
mod time;

pub use event::{Exit, Notice, Phase, ProcessEvent, Run, Watchdog};
pub use state::State;
pub use time::Time;
