//! The one task that owns every process and does what the core decides.
//!
//! ```text
//!     signals ─────────┐
//!     processes ───────┤                 ┌─► spawn, signal, kill        (spawn, table)
//!     readiness ───────┤                 ├─► journal, `events`          (publish)
//!     control socket ──┼─► Event ─► core ┼─► answers to operators       (answers, requests)
//!     reader (a thread)┤    ▲            ├─► systemd                    (systemd)
//!     the next deadline┘    │            ├─► what an operator stopped   (runtime)
//!                           │            └─► another program in place   (upgrade)
//!                           └─ configuration, what is deployed, users   (reload, reading)
//! ```
//!
//! It waits in one place and never for anybody: whoever does not listen, or does not answer, is left behind.

mod answers;
mod ayl;
mod clock;
mod deadline;
mod env_file;
mod helper;
mod identities;
mod notify;
mod publish;
mod readiness;
mod reading;
mod releases;
mod reload;
mod requests;
mod runtime;
mod signals;
mod spawn;
mod start;
mod status;
mod systemd;
mod table;
mod token;
mod tubes;
mod turn;
mod upgrade;

use std::time::Duration;

pub use helper::Known;
pub use reading::{Invalid, wanted};
pub use releases::find as find_release;
pub use runtime::{RuntimeError, make_directory};
pub use signals::Hangup;
pub use start::{Options, StartError, run};
pub use upgrade::{Handle, Image, check as check_state, understand as understand_state};

/// Systemd is told that the supervisor is ready after so long at the latest, whatever the first plan or a
/// reload still waits for: one slow daemon is no reason to hold up the host's boot, nor for a service to
/// be `reloading` for hours.
const PATIENCE: Duration = Duration::from_secs(30);
