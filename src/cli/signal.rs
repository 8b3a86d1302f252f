//! `signal`: one signal to the main process of each instance.

use clap::Args;
use clap_complete::ArgValueCompleter;

use super::ask::Supervisor;
use super::completions::selectors;
use super::exit::{Error, Exit};
use crate::config::Signal;
use crate::control::messages::Request;
use crate::names::Selector;

/// The arguments of `signal`.
#[derive(Debug, Args)]
pub(crate) struct SendSignal {
    /// Which instances: all, APPLICATION, APPLICATION/DAEMON or APPLICATION/DAEMON/NUMBER
    #[arg(add = ArgValueCompleter::new(selectors))]
    selector: Selector,
    /// Its name: HUP, USR1, TERM, …
    signal: Signal,
    #[command(flatten)]
    supervisor: Supervisor,
}

impl SendSignal {
    /// Runs the command.
    pub(crate) fn run(&self) -> Result<Exit, Error> {
        let request = Request::Signal { selector: self.selector.clone(), signal: self.signal };
        self.supervisor.ask("the signal", &request, |_| Ok(()))?;
        Ok(Exit::Success)
    }
}
