//! `dev`: everything on one's own machine, in one terminal, gone without a trace.
//!
//! ```text
//!     abaqis-daemons dev
//!      ├─ beanstalkd         private: a free port of this host, jobs in a temporary folder
//!      └─ every daemon       as whoever runs this, reloaded on edit, one colored log
//! ```

mod beanstalkd;

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};

use super::exit::{Error, Exit};
use super::run::{absolute, failed};
use crate::logs::{Events, Logs};
use crate::names::ServerAddress;
use crate::process::block_on;
use crate::process::host::System;
use crate::process::users::own_uid;
use crate::supervisor::driver::{self, Hangup, Options};
use beanstalkd::PrivateQueue;

/// Where the configuration is looked for, from where `dev` is called.
const CONFIGS: [&str; 2] = ["daemons.yml", "config/daemons.yml"];

/// Before the number of the process whose queue keeps its jobs there.
const JOBS: &str = "jobs-";

/// The arguments of `dev`.
#[derive(Debug, Args)]
pub(crate) struct Dev {
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(help = "The configuration [env: ABAQIS_CONFIG] [default: daemons.yml, config/daemons.yml]")]
    config: Option<PathBuf>,
    /// Use this beanstalkd instead of a private one
    #[arg(long, value_name = "HOST:PORT")]
    beanstalk: Option<ServerAddress>,
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    #[arg(help = "Runtime directory [env: ABAQIS_RUNTIME_DIR] [default: one of your own]")]
    runtime_dir: Option<PathBuf>,
}

impl Dev {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<Exit, Error> {
        let config = absolute(&self.config()?)?;
        let folder = Folder::make(absolute(&self.runtime())?)?;
        let events = Events::begin("abaqis-daemons")?;
        let result = block_on(serve(config, &folder.path, self.beanstalk))?;
        drop(events);
        result
    }

    fn config(&self) -> Result<PathBuf, Error> {
        let given = self.config.clone().or_else(|| variable("ABAQIS_CONFIG"));
        let found = given.or_else(|| CONFIGS.map(PathBuf::from).into_iter().find(|file| file.exists()));
        found.ok_or_else(|| {
            let text = "there is neither daemons.yml nor config/daemons.yml here; name one with --config";
            Error::new(Exit::NoInput, text)
        })
    }

    fn runtime(&self) -> PathBuf {
        let given = self.runtime_dir.clone().or_else(|| variable("ABAQIS_RUNTIME_DIR"));
        given.unwrap_or_else(|| match variable("XDG_RUNTIME_DIR") {
            Some(own) => own.join("abaqis-dev"),
            None => std::env::temp_dir().join(format!("abaqis-dev-{}", own_uid())),
        })
    }
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The runtime directory, removed at the end if it was made here.
struct Folder {
    path: PathBuf,
    made: bool,
}

impl Folder {
    /// Before anything is put there: in `/tmp` another may have been first.
    fn make(path: PathBuf) -> Result<Self, Error> {
        let made = driver::make_directory(&path, 0o700, own_uid()).map_err(|error| failed(&error.into()))?;
        Ok(Self { path, made })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.made {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// Removes the jobs of those that were killed before they could.
fn clear_jobs(runtime: &Path) {
    for entry in fs::read_dir(runtime).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(JOBS)?.parse::<u32>().ok());
        if owner.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

async fn serve(config: PathBuf, runtime: &Path, given: Option<ServerAddress>) -> Result<Exit, Error> {
    clear_jobs(runtime);
    let jobs = runtime.join(format!("{JOBS}{}", std::process::id()));
    let mut queue = None;
    if given.is_none() {
        fs::DirBuilder::new().mode(0o700).create(&jobs)?;
        let started = PrivateQueue::start(&jobs).await;
        queue = Some(started.map_err(|error| Error::new(Exit::Unavailable, error.to_string()))?);
    }
    let address = given.or_else(|| queue.as_ref().map(PrivateQueue::address));
    if let Some(address) = &address {
        tracing::info!("the queue is at {address}");
    }
    tracing::info!(
        "in another terminal: export ABAQIS_RUNTIME_DIR={} ABAQIS_CONFIG={} for `abaqis-daemons status` and the like",
        runtime.display(),
        config.display(),
    );
    let options = Options {
        config,
        runtime: runtime.to_owned(),
        host: System::dev(),
        beanstalk: address.map(|address| vec![address]),
        hangup: Hangup::Stop,
        logs: Logs::on_terminal(),
        image: None,
        adopt: None,
    };
    let kept = async {
        match &mut queue {
            Some(queue) => queue.keep().await,
            None => std::future::pending().await,
        }
    };
    let result = {
        let mut supervisor = std::pin::pin!(driver::run(options));
        tokio::select! {
            result = &mut supervisor => result,
            error = kept => {
                tracing::error!("{error}");
                supervisor.await
            }
        }
    };
    if let Some(queue) = &queue {
        queue.stop().await;
        let _ = fs::remove_dir_all(&jobs);
    }
    result.map(|()| Exit::Success).map_err(|error| failed(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_of_the_dead_are_removed_and_those_of_the_living_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let own = format!("{JOBS}{}", std::process::id());
        for name in [own.as_str(), "jobs-4194305", "jobs-x", "notify"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        fs::write(dir.path().join("jobs-4194305/binlog.1"), "").unwrap();
        clear_jobs(dir.path());
        let mut left: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [own.as_str(), "jobs-x", "notify"]);
    }
}
