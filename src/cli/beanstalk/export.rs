//! `export`: jobs as lines of JSON, for `import` and for any other program.

use std::io::{self, Write};

use clap::Args;

use super::list::{Record, Which};
use super::scan;
use super::session::{Interrupt, Session};
use crate::cli::exit::{Error, Exit};
use crate::cli::screen::Screen;

/// The arguments of `export`.
#[derive(Debug, Args)]
pub(super) struct Export {
    #[command(flatten)]
    which: Which,
}

impl Export {
    /// Runs the command. The jobs stay where they are.
    pub(super) fn run(&self, session: &mut Session) -> Result<Exit, Error> {
        let interrupt = Interrupt::watch()?;
        let found = self.which.find(session, &interrupt)?;
        let mut screen = Screen::stdout();
        session.with(async |client| {
            scan::with_bodies(client, &found, &interrupt, |job, body| {
                serde_json::to_writer(&mut screen, &Record::new(job, body)).map_err(io::Error::from)?;
                screen.write_all(b"\n")
            })
            .await
        })?;
        screen.flush()?;
        Ok(interrupt.exit("not every job was exported"))
    }
}
