//! `deploy` and `rollback`.

use clap::Args;

use super::ask::{Patience, Supervisor, Work};
use super::exit::{Error, Exit};
use crate::control::messages::Request;
use crate::names::ApplicationName;

/// The arguments of both.
#[derive(Debug, Args)]
pub(crate) struct Deploy {
    /// Which application
    application: ApplicationName,
    /// Return when the release and its workers are up (0), or its canary did not become ready (1)
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    patience: Patience,
    #[command(flatten)]
    supervisor: Supervisor,
}

impl Deploy {
    /// Runs `deploy`.
    pub(crate) fn deploy(&self) -> Result<Exit, Error> {
        let request = Request::Deploy { application: self.application.clone(), wait: self.wait };
        self.ask(Work { what: "the deploy", done: "deployed" }, &request)
    }

    /// Runs `rollback`.
    pub(crate) fn roll_back(&self) -> Result<Exit, Error> {
        let request = Request::Rollback { application: self.application.clone(), wait: self.wait };
        self.ask(Work { what: "the rollback", done: "rolled back" }, &request)
    }

    fn ask(&self, work: Work, request: &Request) -> Result<Exit, Error> {
        self.supervisor.wait(work, &self.patience, request)
    }
}
