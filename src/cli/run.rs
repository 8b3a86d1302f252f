//! `run`: the supervisor, in the foreground.

use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::Args;

use super::exit::{Error, Exit};
use super::place::{ConfigFile, RuntimeDir};
use super::screen::Screen;
use crate::logs::{Events, Logs};
use crate::process::block_on;
use crate::process::host::System;
use crate::supervisor::driver::{self, Handle, Hangup, Image, Invalid, Options, StartError, check_state};

/// The arguments of `run`.
#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    runtime: RuntimeDir,
    /// What the program before this one has left
    #[arg(long, hide = true, value_name = "STATE:LOCK")]
    adopt: Option<Handle>,
    /// Say whether that state is understood, and leave
    #[arg(long, hide = true, value_name = "FILE")]
    check_state: Option<PathBuf>,
}

impl Run {
    /// Runs the command.
    pub(crate) fn run(&self) -> Result<Exit, Error> {
        if let Some(state) = &self.check_state {
            let said = check_state(state).map_err(|reason| Error::new(Exit::Failed, reason))?;
            let mut screen = Screen::stdout();
            writeln!(screen, "{said}")?;
            screen.flush()?;
            return Ok(Exit::Success);
        }
        let options = Options {
            config: absolute(&self.config.path())?,
            runtime: absolute(&self.runtime.path())?,
            host: System::service(),
            beanstalk: None,
            hangup: Hangup::Reload,
            logs: Logs::new(),
            image: image(),
            adopt: self.adopt,
        };
        crate::process::stay_slim();
        // After an upgrade more may be open than what is usual, before anything else is.
        let _ = crate::process::raise_descriptor_limit();
        let _events = Events::begin("abaqis-daemons")?;
        let ran = block_on(driver::run(options)).map_err(StartError::Io).and_then(|ran| ran);
        ran.map(|()| Exit::Success).map_err(|error| failed(&error))
    }
}

/// What this process was called as, for an upgrade in place.
fn image() -> Option<Image> {
    let mut arguments: Vec<_> = std::env::args_os().collect();
    arguments.retain(|argument| !argument.as_bytes().starts_with(b"--adopt="));
    let called = PathBuf::from(arguments.first()?);
    // What systemd has started; a link stays one. Of any other word only the kernel knows what it meant.
    let program = if called.is_absolute() { called } else { std::env::current_exe().ok()? };
    Some(Image { program, arguments })
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
