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
//! | a stopping process   | stopping, then waiting or backoff   | stopping | stopping  |
//!
//! The second line has two holes, because a process that is not wanted begins to stop in the same
//! step. What comes after a stopping process may change until it is gone: that is all there is to a
//! stop, a start and a reload that get in each other's way.
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
