//! `start`, `stop` and `restart`.

use clap::Args;
use clap_complete::ArgValueCompleter;

use super::ask::{Patience, Supervisor, Work};
use super::completions::selectors;
use super::exit::{Error, Exit};
use crate::control::messages::{Operation, Request, Verb};
use crate::names::Selector;

/// The arguments of each of the three.
#[derive(Debug, Args)]
pub(crate) struct Operate {
    /// Which instances: all, APPLICATION, APPLICATION/DAEMON or APPLICATION/DAEMON/NUMBER
    #[arg(add = ArgValueCompleter::new(selectors))]
    selector: Selector,
    /// Return as soon as it has begun
    #[arg(long)]
    no_wait: bool,
    /// All at the same time; otherwise one by one, each new one ready before the next old one goes
    #[arg(long)]
    at_once: bool,
    #[command(flatten)]
    patience: Patience,
    #[command(flatten)]
    supervisor: Supervisor,
}

impl Operate {
    /// Runs the command.
    pub(crate) fn run(&self, verb: Verb) -> Result<Exit, Error> {
        let operation =
            Operation { verb, selector: self.selector.clone(), wait: !self.no_wait, at_once: self.at_once };
        let work = match verb {
            Verb::Start => Work { what: "the start", done: "started" },
            Verb::Stop => Work { what: "the stop", done: "stopped" },
            Verb::Restart => Work { what: "the restart", done: "restarted" },
        };
        self.supervisor.wait(work, &self.patience, &Request::Operate(operation))
    }
}
