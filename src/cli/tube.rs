//! `tube`: the tube that an application's current version uses. Needs no supervisor; one that runs knows
//! whether an operator has gone back from what is on the disk.

use std::io::{self, Write};

use clap::Args;

use super::ask::Supervisor;
use super::check::read;
use super::exit::{Error, Exit};
use super::place::ConfigFile;
use super::releases;
use super::screen::Screen;
use crate::config::{Config, Host, Privilege};
use crate::names::{ApplicationName, Tube};
use crate::plan::tube;
use crate::process::host::System;
use crate::supervisor::driver::find_release;

/// The arguments of `tube`.
#[derive(Debug, Args)]
pub(crate) struct TubeOf {
    /// Which application
    application: ApplicationName,
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    supervisor: Supervisor,
}

impl TubeOf {
    /// Runs the command.
    pub(crate) fn run(&self) -> Result<Exit, Error> {
        let host = System::service();
        let config = match read(&self.config.path(), &host) {
            Ok(loaded) => loaded.config,
            Err(no_config) => return Ok(no_config.tell(&mut io::stderr().lock())?),
        };
        let Some(application) = config.applications.get(&self.application) else {
            return Err(Error::new(Exit::NoInput, unknown(&self.application, &config)));
        };
        if let Some(tube) = self.gone_back_to() {
            return print(&tube);
        }
        let found = find_release(application, host.privilege() == Privilege::Root);
        let tube = tube(application, &found)
            .map_err(|why| Error::new(Exit::Failed, format!("{}: {why}", self.application)))?;
        print(&tube)
    }

    /// The tube of the release that an operator went back to, if one did.
    fn gone_back_to(&self) -> Option<Tube> {
        let releases = releases::of(&self.supervisor, Some(&self.application)).ok()?;
        releases.into_iter().find(|release| release.pinned_against.is_some())?.tube
    }
}

fn print(tube: &Tube) -> Result<Exit, Error> {
    let mut screen = Screen::stdout();
    writeln!(screen, "{tube}")?;
    screen.flush()?;
    Ok(Exit::Success)
}

/// Says that no application has that name, and which ones there are.
pub(super) fn unknown(name: &ApplicationName, config: &Config) -> String {
    let names: Vec<&str> = config.applications.keys().map(ApplicationName::as_str).collect();
    if names.is_empty() {
        format!("no application is named {name}: there is none")
    } else {
        format!("no application is named {name}; there is {}", names.join(", "))
    }
}
