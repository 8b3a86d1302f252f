//! `daemons.yml`: text in, a validated [`Config`] out, every error with its place.

mod address;
mod host;
mod model;
mod signal;
mod template;

pub use address::{AddressError, DEFAULT_PORT, ServerAddress};
pub use host::{Group, Host, Privilege, User};
pub use model::*;
pub use signal::{Signal, SignalError};
pub use template::{Template, TemplateError, Variable};
