//! From a configuration to processes: what is to run, and what has to change for it.
//!
//! ```text
//!     Config ──┐
//!              ├─ expand ─► Wanted ──┐
//!     Found  ──┘                     ├─ diff ─► Plan: untouched, live, stop, replace, start
//!                running: Wanted ────┘
//! ```
//!
//! [`Release`] is the code, [`InstanceSpec`] one process of it. Pure: what is on the disk comes
//! in as arguments.

mod change;
mod diff;
mod expand;
mod render;
mod spec;

#[cfg(test)]
#[path = "../../tests/support/made_up.rs"]
pub(crate) mod made_up;
#[cfg(test)]
mod tests;

pub use change::{Change, ChangeAction, Plan, Reason};
pub use diff::diff;
pub use expand::{EnvFiles, Found, expand, tube};
pub use render::{Inherited, Rendered, command_line, complete, render};
pub use spec::{EnvFile, InstanceSpec, Release, Wanted};
