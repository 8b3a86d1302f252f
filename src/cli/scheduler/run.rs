//! Without a command: runs a timetable.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use crate::cli::exit::{Error, Exit};
use crate::logs::{Events, under_journal};
use crate::names::{ApplicationName, ServerAddress, Tube};
use crate::queue::read_keys;
use crate::scheduler::{self, Options, ReadError, StartError};

/// What a scheduler is told; the supervisor tells it all of this.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// The application's folder
    #[arg(short = 'a', long, value_name = "PATH")]
    path: Option<PathBuf>,
    /// The timetable, relative to the application's folder
    #[arg(short, long, value_name = "FILE", default_value = "config/schedule.yml")]
    file: PathBuf,
    /// The application's name, which its tokens carry
    #[arg(long, value_name = "NAME", env = "AYL_APP", hide_env = true)]
    application: Option<ApplicationName>,
    /// Where jobs go whose entries name no tube [default: `AYL_TUBE`]
    #[arg(short, long)]
    tube: Option<Tube>,
    /// The scheduler's name, for tokens and the journal [default: `AYL_INSTANCE`]
    #[arg(short, long, value_name = "NAME", env = "AYL_INSTANCE", hide_env = true)]
    name: Option<String>,
    /// Where beanstalkd listens; of several separated by commas the first is the one that counts
    #[arg(long, value_name = "SERVERS", env = "AYL_BEANSTALK", default_value = "127.0.0.1:11300")]
    beanstalk: String,
    /// The application's keys, to sign the jobs with
    #[arg(long, value_name = "FILE", env = "AYL_SIGNING_KEYS")]
    signing_keys: Option<PathBuf>,
    /// Where the slots put last are remembered
    #[arg(long, value_name = "FILE", env = "AYL_SCHEDULE_MEMORY", hide_env = true)]
    memory: Option<PathBuf>,
}

impl Run {
    pub(super) fn run(&self) -> Result<Exit, Error> {
        let options = self.options()?;
        let name = self.name.as_deref().filter(|_| under_journal());
        // Under a supervisor each line has the instance's name already.
        let supervised = std::env::var_os("NOTIFY_SOCKET").is_some();
        let name = name.unwrap_or(if supervised { "" } else { "ayl_scheduler" });
        let _events = Events::begin(name).map_err(|error| Error::new(Exit::Io, error.to_string()))?;
        match scheduler::main(options) {
            Ok(()) => Ok(Exit::Success),
            Err(StartError::Timetable(error)) => Err(unreadable(&error)),
            Err(StartError::Io(error)) => Err(Error::new(Exit::Io, error.to_string())),
        }
    }

    fn options(&self) -> Result<Options, Error> {
        let usage = |text: String| Error::new(Exit::Usage, text);
        let path = self.path.as_ref().ok_or_else(|| usage("Must specify an application path".to_owned()))?;
        let path =
            std::path::absolute(path).map_err(|error| usage(format!("{}: {error}", path.display())))?;
        let application = self.application.clone();
        let application = application
            .ok_or_else(|| usage("--application NAME is missing, and AYL_APP not set".to_owned()))?;
        let tube = match (&self.tube, std::env::var("AYL_TUBE").ok().filter(|tube| !tube.is_empty())) {
            (Some(tube), _) => tube.clone(),
            (None, Some(tube)) => tube.parse().map_err(|error| usage(format!("AYL_TUBE: {error}")))?,
            (None, None) => return Err(usage("--tube TUBE is missing, and AYL_TUBE not set".to_owned())),
        };
        let servers =
            ServerAddress::list(&self.beanstalk).map_err(|error| usage(format!("AYL_BEANSTALK: {error}")))?;
        let server = servers.into_iter().next().ok_or_else(|| usage("no beanstalkd is named".to_owned()))?;
        let keys = self.signing_keys.as_deref().map(read_keys).transpose();
        let keys = keys.map_err(|error| Error::new(Exit::Configuration, error.to_string()))?;
        let instance = self.name.clone().unwrap_or_else(|| format!("{application}/scheduler"));
        Ok(Options {
            application,
            file: path.join(&self.file),
            tube,
            server,
            name: format!("{}/{instance}", host()),
            keys: keys.map(Arc::new),
            memory: self.memory.clone(),
        })
    }
}

/// This host's name.
fn host() -> String {
    nix::unistd::gethostname()
        .map_or_else(|_| "localhost".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// How a timetable that cannot be used ends a command.
pub(in crate::cli) fn unreadable(error: &ReadError) -> Error {
    let exit = match error {
        ReadError::Invalid(_) => Exit::Configuration,
        ReadError::Io { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
            Exit::NotPermitted
        }
        ReadError::Io { .. } => Exit::NoInput,
    };
    Error::new(exit, error.to_string())
}
