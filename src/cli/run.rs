//! `run`: the supervisor, in the foreground.

use std::path::{Path, PathBuf};

use clap::Args;

use super::exit::{Error, Exit};
use super::place::{ConfigFile, RuntimeDir};
use crate::logs::{Events, Logs};
use crate::process::host::System;
use crate::supervisor::driver::{self, Hangup, Invalid, Options, StartError};

/// The arguments of `run`.
#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    runtime: RuntimeDir,
}

impl Run {
    /// Runs the command.
    pub(crate) fn run(&self) -> Result<Exit, Error> {
        let options = Options {
            config: absolute(&self.config.path())?,
            runtime: absolute(&self.runtime.path())?,
            host: System::service(),
            beanstalk: None,
            hangup: Hangup::Reload,
            logs: Logs::new(),
        };
        let _events = Events::begin("abaqis-daemons")?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        match runtime.block_on(driver::run(options)) {
            Ok(()) => Ok(Exit::Success),
            Err(error) => Err(failed(&error)),
        }
    }
}

/// A path that still means the same when somebody changes directory.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, Error> {
    Ok(std::path::absolute(path)?)
}

/// The exit code of a supervisor that does not run.
pub(super) fn failed(error: &StartError) -> Error {
    let exit = match error {
        StartError::Runtime(_) | StartError::Socket(_) => Exit::CannotCreate,
        StartError::Configuration(Invalid::Unreadable(error)) if error.is_missing() => Exit::NoInput,
        StartError::Configuration(_) => Exit::Configuration,
        StartError::Io(_) => Exit::Io,
    };
    Error::new(exit, error.to_string())
}
