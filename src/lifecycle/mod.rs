//! The life of one instance: what it is to be × what it is.
//!
//! ```text
//!                  start                ready              reloading
//!     ┌──────────┐      ┌──────────┐      ┌──────────┐      ┌──────────┐
//!     │ waiting  ├─────►│ starting ├─────►│  ready   │◄────►│ running  │
//!     └──────────┘      └────┬─────┘      └────┬─────┘      └────┬─────┘
//!       ▲   ▲  ▲             │ ended, not ready in time, silent, │
//!       │   │  │             ▼ replaced, restarted, stopped      ▼
//!       │   │  │ restarted ┌──────────────────────────────────────────┐
//!       │   │  └───────────┤ stopping: held ─► asked ─► killed ─► gone │
//!       │   │              └──┬──────────────┬─────────────┬─────┬────┘
//!       │   │ pause over  ┌───┴─────┐  ┌─────┴─────┐  ┌────┴───┐ └───► stopped, or forgotten
//!       │   └─────────────┤ backoff │  │ completed │  │ failed │
//!       │                 └─────────┘  └─────┬─────┘  └────┬───┘
//!       └─────── start, or another configuration ──────────┘
//! ```
//!
//! What each pair of the two is called; a pair with no name cannot be written down:
//!
//! | is \ is to be        | [`Up`](Desired::Up)                 | [`Stopped`](Desired::Stopped) | [`Gone`](Desired::Gone) |
//! |----------------------|-------------------------------------|----------|-----------|
//! | no process           | waiting, backoff, failed, completed | stopped  | forgotten |
//! | a process            | starting, ready, running            | -        | -         |
//! | a process that goes  | stopping, then waiting or backoff   | stopping | stopping  |
//!
//! The second line has two holes, because a process that is not wanted begins to go in the same
//! step. What a going process makes room for is free to change until it is gone: that is all a
//! stop, a start and a reload in each other's way amount to.
//!
//! "Gone" means all of it: while anything of its process group or control group is left, the
//! instance is `stopping`, whatever it is to be.

mod actual;
mod describe;
mod event;
mod history;
mod life;
mod news;
mod state;
mod time;

pub use actual::{Cause, Desired, Effect, Fault};
pub use event::{Exit, Notice, Phase, ProcessEvent, Run, Watchdog};
pub use history::Pause;
pub use life::{Life, Rules};
pub use state::State;
pub use time::Time;
