//! The names everything else speaks in, as types that cannot hold a bad one.
//!
//! ```text
//!     abaqis@4.1.0/worker/2
//!     ─┬──── ──┬── ──┬─── ┬
//!      │       │     │    └ number of the process, from 1
//!      │       │     └ DaemonName
//!      │       └ Version, only where an older release is still draining
//!      └ ApplicationName
//! ```
//!
//! An [`InstanceId`] names one process, a [`Selector`] any set of them from the
//! command line, a [`Tube`] the queue its jobs go through.

/// A name is written down as text, and read back by its own rules.
macro_rules! written_as_text {
    ($name:ident, $error:ident) => {
        impl TryFrom<String> for $name {
            type Error = $error;

            fn try_from(text: String) -> Result<Self, $error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.to_string()
            }
        }
    };
}

mod instance;
mod selector;
mod server;
mod tube;
mod word;

pub use instance::{InstanceId, InstanceIdError};
pub use selector::{Selector, SelectorError};
pub use server::{ServerAddress, ServerAddressError};
pub use tube::{Tube, TubeError};
pub use word::{ApplicationName, DaemonName, EntryName, NameError, Version};
