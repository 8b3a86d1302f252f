//! Asking the running supervisor, and waiting for it.

use std::io::{IsTerminal, stderr};
use std::pin::pin;
use std::time::Duration;

use clap::Args;
use futures_util::StreamExt;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use signal_hook::consts::SIGINT;
use signal_hook_tokio::Signals;

use super::exit::{Error, Exit};
use super::place::RuntimeDir;
use super::say;
use crate::config::parse_duration;
use crate::control::client::{Answer, Client, ClientError};
use crate::control::messages::{Request, Response};
use crate::process::block_on;

/// Which supervisor.
#[derive(Debug, Clone, Args)]
pub(crate) struct Supervisor {
    #[command(flatten)]
    runtime: RuntimeDir,
}

/// How long to wait.
#[derive(Debug, Clone, Args)]
pub(crate) struct Patience {
    /// Wait no longer than this, such as 90s or 5m, and exit with 75; what has begun goes on
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    timeout: Option<Duration>,
}

impl Patience {
    async fn end(&self) {
        match self.timeout {
            Some(timeout) => tokio::time::sleep(timeout).await,
            None => std::future::pending().await,
        }
    }
}

/// What is waited for, in words.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work {
    /// `the restart`
    pub(crate) what: &'static str,
    /// `restarted`
    pub(crate) done: &'static str,
}

impl Supervisor {
    /// The one that the environment names.
    pub(crate) fn of_environment() -> Self {
        Self { runtime: RuntimeDir::default() }
    }

    /// Asks for `what` (`the plan`), hands each reply but the last to `each`, and returns what
    /// the last one says.
    pub(crate) fn ask(
        &self,
        what: &str,
        request: &Request,
        mut each: impl FnMut(Response) -> Result<(), Error>,
    ) -> Result<Option<String>, Error> {
        block_on(async {
            let mut answer = self.send(request).await?;
            while let Some(response) = answer.next().await? {
                match response {
                    Response::Done { text } => return Ok(text),
                    Response::Failed { kind, text } => {
                        return Err(Error::Failed { kind, what: what.to_owned(), text });
                    }
                    response => each(response)?,
                }
            }
            Ok(None)
        })?
    }

    /// Asks for something that takes time; shows on a terminal how far it is. Ctrl-C ends
    /// the waiting alone.
    pub(crate) fn wait(&self, work: Work, patience: &Patience, request: &Request) -> Result<Exit, Error> {
        block_on(async {
            let mut interrupts = Signals::new([SIGINT])?;
            let mut answer = self.send(request).await?;
            let progress = Progress::new();
            let mut end = pin!(patience.end());
            loop {
                tokio::select! {
                    response = answer.next() => match response? {
                        Some(Response::Progress { done, total, text }) => progress.show(&format!("{done} of {total} {} ({text})", work.done)),
                        Some(Response::Failed { kind, text }) => {
                            progress.end();
                            return Err(Error::Failed { kind, what: work.what.to_owned(), text });
                        }
                        Some(Response::Done { text: Some(text) }) => {
                            progress.end();
                            say(&text);
                        }
                        Some(_) => {}
                        None => return Ok(Exit::Success),
                    },
                    _ = interrupts.next() => {
                        progress.end();
                        say(&format!("no longer waiting; {}", goes_on(work)));
                        return Ok(Exit::Interrupted);
                    }
                    () = &mut end => {
                        progress.end();
                        return Err(Error::new(Exit::TimedOut, format!("timed out waiting; {}", goes_on(work))));
                    }
                }
            }
        })?
    }

    pub(super) async fn connect(&self) -> Result<Client, ClientError> {
        Client::connect(&self.runtime.path()).await
    }

    async fn send(&self, request: &Request) -> Result<Answer, Error> {
        Ok(self.connect().await?.ask(request).await?)
    }
}

fn goes_on(work: Work) -> String {
    format!("{} goes on, `abaqis-daemons status` shows it", work.what)
}

/// The line on a terminal that says how far it is; nothing elsewhere.
struct Progress(Option<ProgressBar>);

impl Progress {
    fn new() -> Self {
        if !stderr().is_terminal() {
            return Self(None);
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        bar.set_message("waiting");
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(Some(bar))
    }

    fn show(&self, text: &str) {
        if let Some(bar) = &self.0 {
            bar.set_message(text.to_owned());
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}
