//! `upgrade`: the running supervisor becomes the program that is installed now.

use std::io::Write;
use std::time::Duration;

use clap::Args;

use super::ask::Supervisor;
use super::exit::{Error, Exit};
use super::screen::Screen;
use crate::config::parse_duration;
use crate::control::client::ClientError;
use crate::control::messages::{FailureKind, Hello, Request, Response};
use crate::process::block_on;

/// Between two tries to reach it.
const PAUSE: Duration = Duration::from_millis(10);

/// The arguments of `upgrade`.
#[derive(Debug, Args)]
pub(crate) struct Upgrade {
    /// How long the new program may take to be heard of; then the command ends with 75
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "1m")]
    timeout: Duration,
    #[command(flatten)]
    supervisor: Supervisor,
}

impl Upgrade {
    /// Runs the command.
    pub(crate) fn run(&self) -> Result<Exit, Error> {
        let (old, new) = block_on(async {
            let client = self.supervisor.connect().await?;
            let old = client.hello().clone();
            let mut answer = client.ask(&Request::Upgrade).await?;
            match answer.next().await {
                Ok(Some(Response::Failed { kind, text })) => {
                    return Err(Error::Failed { kind, what: "the upgrade".to_owned(), text });
                }
                Ok(_) | Err(ClientError::Ended | ClientError::Io { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            let new = tokio::time::timeout(self.timeout, self.greeted(&old)).await;
            let late = || Error::new(Exit::TimedOut, "the new program is not heard of; see its journal");
            Ok::<_, Error>((old, new.map_err(|_| late())??))
        })??;
        let mut screen = Screen::stdout();
        writeln!(
            screen,
            "upgraded from version {} to {}, process {} goes on",
            old.version, new.version, new.pid
        )?;
        screen.flush()?;
        Ok(Exit::Success)
    }

    /// The greeting of the program after `old`.
    async fn greeted(&self, old: &Hello) -> Result<Hello, Error> {
        loop {
            match self.supervisor.connect().await {
                Ok(client) if client.hello().pid != old.pid => {
                    let text = format!("process {} has ended in the middle, another has begun", old.pid);
                    return Err(Error::Failed {
                        kind: FailureKind::Other,
                        what: "the upgrade".to_owned(),
                        text,
                    });
                }
                Ok(client) if client.hello().upgrades != old.upgrades => return Ok(client.hello().clone()),
                _ => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}
