//! `status`: what runs, what does not, and why.

mod render;
#[cfg(test)]
mod tests;
mod watch;

use std::io::Write;

use clap::Args;
use clap_complete::ArgValueCompleter;
use jiff::Timestamp;

use super::ask::Supervisor;
use super::completions::selectors;
use super::exit::{Error, Exit};
use super::json;
use super::releases;
use super::screen::Screen;
use crate::control::messages::{Request, Response};
use crate::control::status::{InstanceStatus, ReleaseStatus};
use crate::names::Selector;

/// The arguments of `status`.
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Which instances: all, APPLICATION, APPLICATION/DAEMON or APPLICATION/DAEMON/NUMBER
    #[arg(default_value = "all", hide_default_value = true, add = ArgValueCompleter::new(selectors))]
    selector: Selector,
    /// Write a JSON array, an object for each instance
    #[arg(long, conflicts_with = "watch")]
    json: bool,
    /// Show it again every second, until q or Ctrl-C
    #[arg(long, short)]
    watch: bool,
    #[command(flatten)]
    supervisor: Supervisor,
}

/// What one look shows.
pub(in crate::cli) struct Seen {
    instances: Vec<InstanceStatus>,
    releases: Vec<ReleaseStatus>,
}

impl Status {
    /// Runs the command.
    pub(crate) fn run(&self) -> Result<Exit, Error> {
        let mut screen = Screen::stdout();
        if self.watch {
            return watch::run(&mut screen, || self.look());
        }
        let instances = self.instances()?;
        if self.json {
            json::array(&mut screen, &instances)?;
        } else {
            render::table(&mut screen, &instances, Timestamp::now())?;
            if screen.terminal().is_some() {
                releases::below_status(&mut screen, &self.releases())?;
            }
        }
        screen.flush()?;
        Ok(Exit::Success)
    }

    fn look(&self) -> Result<Seen, Error> {
        Ok(Seen { instances: self.instances()?, releases: self.releases() })
    }

    /// None where the supervisor is older and does not know of them.
    fn releases(&self) -> Vec<ReleaseStatus> {
        let application = match &self.selector {
            Selector::All => None,
            Selector::Only { application, .. } => Some(application),
        };
        releases::of(&self.supervisor, application).unwrap_or_default()
    }

    fn instances(&self) -> Result<Vec<InstanceStatus>, Error> {
        let mut instances = Vec::new();
        self.supervisor.ask(
            "the look at instances",
            &Request::Status { selector: self.selector.clone() },
            |response| {
                if let Response::Instance(instance) = response {
                    instances.push(*instance);
                }
                Ok(())
            },
        )?;
        Ok(instances)
    }
}
