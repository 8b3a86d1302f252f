//! One run of the tool: a client, and how its answers are shown.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::fault::fault;
use super::target::Target;
use super::{Output, say};
use crate::cli::exit::{Error, Exit};
use crate::cli::live;
use crate::cli::screen::Screen;
use crate::names::Tube;
use crate::queue::{self, Client, Options};

/// One run of the tool.
pub(super) struct Session {
    /// The tube the command is about.
    pub(super) tube: Tube,
    /// The tube that was named on the command line, if one was.
    pub(super) named_tube: Option<Tube>,
    /// Whether JSON is wanted.
    pub(super) json: bool,
    /// Whether nothing is to be asked.
    pub(super) yes: bool,
    watch: Option<Duration>,
    runtime: Runtime,
    client: Client,
}

impl Session {
    /// A session that connects when it is first used.
    pub(super) fn new(target: &Target, output: &Output) -> Result<Self, Error> {
        let variable = std::env::var("AYL_BEANSTALK").ok();
        let server = target.server(variable.as_deref())?;
        let named_tube = target.named_tube().cloned();
        Ok(Self {
            tube: named_tube.clone().unwrap_or_default(),
            named_tube,
            json: output.json,
            yes: output.yes,
            watch: output.watch.map(|seconds| Duration::from_secs(seconds.into())),
            runtime: Builder::new_current_thread().enable_io().enable_time().build()?,
            client: Client::new(server, Options::default()),
        })
    }

    /// Shows it live, at `period` unless `--watch` says otherwise.
    pub(super) fn watch_at_least(&mut self, period: Duration) {
        self.watch.get_or_insert(period);
    }

    /// Has `work` done on the client.
    pub(super) fn with<T, E: Into<Error>>(
        &mut self,
        work: impl AsyncFnOnce(&mut Client) -> Result<T, E>,
    ) -> Result<T, Error> {
        self.runtime.block_on(work(&mut self.client)).map_err(Into::into)
    }

    /// Asks the queue.
    pub(super) fn ask<T>(
        &mut self,
        question: impl AsyncFnOnce(&mut Client) -> Result<T, queue::Error>,
    ) -> Result<T, Error> {
        self.runtime.block_on(question(&mut self.client)).map_err(|error| fault(&error))
    }

    /// Shows with `draw` what `look` sees: once, or with `--watch` again and again.
    ///
    /// What `draw` writes in a pipe is what scripts read, so it is written as it is.
    pub(super) fn show<T>(
        &mut self,
        mut look: impl FnMut(&mut Self) -> Result<T, Error>,
        mut draw: impl FnMut(&mut Screen<'_>, T) -> Result<Exit, Error>,
    ) -> Result<Exit, Error> {
        let mut screen = Screen::stdout();
        let Some(period) = self.watch else {
            let seen = look(self)?;
            let exit = draw(&mut screen, seen)?;
            screen.flush()?;
            return Ok(exit);
        };
        if !self.json && live::possible(&screen) {
            return live::run(&mut screen, period, || look(self), |paper, seen| draw(paper, seen).map(drop));
        }
        loop {
            let seen = look(self)?;
            draw(&mut screen, seen)?;
            screen.flush()?;
            std::thread::sleep(period);
        }
    }
}

/// Whether the operator wants it to end: Ctrl-C, or a signal.
///
/// What deletes or moves jobs looks here between two of them, so that it ends where
/// nothing is half done. The second Ctrl-C ends it wherever it is.
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on.
    pub(super) fn watch() -> Result<Self, Error> {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register_conditional_shutdown(signal, Exit::Interrupted as i32, flag.clone())?;
            signal_hook::flag::register(signal, flag.clone())?;
        }
        Ok(Self(flag))
    }

    /// Whether it came.
    pub(super) fn came(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// How a command ends that stopped early or did not; tells how far it came.
    pub(super) fn exit(&self, so_far: &str) -> Exit {
        if self.came() {
            say(&format!("interrupted: {so_far}"));
            Exit::Interrupted
        } else {
            Exit::Success
        }
    }
}
