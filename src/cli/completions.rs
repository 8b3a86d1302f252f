//! `completions`: what a shell needs to complete the command line.

use std::io::Write;

use clap::{Args, Command};
use clap_complete::Shell;

use super::exit::{Error, Exit};
use super::screen::Screen;

/// The arguments of `completions`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// For which shell
    shell: Shell,
}

impl Completions {
    /// Writes the completions of `program`.
    pub(crate) fn run(&self, mut program: Command) -> Result<Exit, Error> {
        let name = program.get_name().to_owned();
        // It panics when its writer fails; memory does not.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut program, name, &mut script);
        let mut screen = Screen::stdout();
        screen.write_all(&script)?;
        screen.flush()?;
        Ok(Exit::Success)
    }
}
