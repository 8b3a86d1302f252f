//! `start`, `stop` and `restart`.

use clap::Args;

use super::ask::Supervisor;
use super::exit::{Error, Exit};
use crate::control::messages::{Operation, Request, Verb};
use crate::names::Selector;

/// The arguments of each of the three.
#[derive(Debug, Args)]
pub(crate) struct Operate {
    /// Which instances: all, APPLICATION, APPLICATION/DAEMON or APPLICATION/DAEMON/NUMBER
    selector: Selector,
    /// Return as soon as it is begun
    #[arg(long)]
    no_wait: bool,
    /// All together; without it a restart goes one by one, each ready before the next old one goes
    #[arg(long)]
    at_once: bool,
    #[command(flatten)]
    supervisor: Supervisor,
}

impl Operate {
    /// Runs the command.
    pub(crate) fn run(&self, verb: Verb) -> Result<Exit, Error> {
        let operation =
            Operation { verb, selector: self.selector.clone(), wait: !self.no_wait, at_once: self.at_once };
        self.supervisor.wait(&Request::Operate(operation), &format!("the {verb}"))
    }
}
