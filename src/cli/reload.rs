//! `reload`: apply the configuration as it is now; returns when it is applied.

use clap::Args;

use super::ask::{Patience, Supervisor, Work};
use super::exit::{Error, Exit};
use crate::control::messages::Request;

/// The arguments of `reload`.
#[derive(Debug, Args)]
pub(crate) struct Reload {
    #[command(flatten)]
    patience: Patience,
    #[command(flatten)]
    supervisor: Supervisor,
}

impl Reload {
    /// Runs the command.
    pub(crate) fn run(&self) -> Result<Exit, Error> {
        self.supervisor.wait(Work { what: "the reload", done: "applied" }, &self.patience, &Request::Reload)
    }
}
