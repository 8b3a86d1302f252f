//! Processes: spawn, signal, limit, reap. The only home of `unsafe`, `fork` and file descriptors by number.
//!
//! ```text
//!   Command ─► spawn ──► Child ─► started()          the program runs, or why it does not
//!     Output ──┘  │        │
//!     Cgroup ─────┘        ├────► exit()             seen; it stays a zombie, and keeps its number,
//!                          │        Group::signal    while everything it has left behind
//!                          │        Group::kill      is signalled,
//!                          │        Group::is_empty  until that is gone
//!                          └────► reap()
//! ```
//!
//! How the child becomes what it is to be: `child_side`. Why starting it is quick, and why
//! the supervisor never stands still for it: `clone`. How nothing gets away: `group`.

mod acting;
mod cgroup;
mod child;
mod child_side;
mod clone;
mod command;
pub mod companion;
mod error;
mod group;
pub mod host;
mod lifeline;
pub mod memory;
mod own;
pub mod peer;
mod poller;
mod prepare;
mod quick;
pub mod ready_set;
mod runtime;
mod signal;
mod slim;
mod slots;
mod sockets;
mod spawn;
mod stack;
mod strangers;
pub mod users;
mod watchdog;

pub use acting::ActingAs;
pub use cgroup::{Cgroup, Cgroups};
pub use child::{Child, Exit};
pub use command::{Command, Limit, Output, Resource};
pub use error::{SpawnError, SystemError, plain};
pub use group::Group;
pub use own::{
    become_subreaper, hold_signals, keep_over_exec, raise_descriptor_limit, reexec, release_signals,
};
pub use poller::Poller;
pub use runtime::block_on;
pub use signal::{Signal, UnknownSignal};
pub use slim::{slim, stay_slim};
pub use sockets::{connect_now, output_pipe, pipe_room};
pub use spawn::spawn;
pub use strangers::{Stranger, Strangers, reap_strangers};
pub use users::Identity;
