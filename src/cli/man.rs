//! `man`: the manual pages, from the same words as `--help`.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Command};
use clap_mangen::Man as Page;

use super::exit::{Error, Exit};
use super::screen::Screen;

/// The arguments of `man`.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The page of this command; without it that of the program
    #[arg(conflicts_with = "out")]
    command: Option<String>,
    /// Write every page into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Man {
    /// Writes the pages of `program`.
    pub(crate) fn run(&self, program: Command) -> Result<Exit, Error> {
        let program = built(program);
        if let Some(folder) = &self.out {
            let cannot = |error: io::Error| {
                Error::new(Exit::CannotCreate, format!("{}: cannot write: {error}", folder.display()))
            };
            fs::create_dir_all(folder).map_err(cannot)?;
            for (name, text) in pages(&program)? {
                fs::write(folder.join(name), text).map_err(cannot)?;
            }
            return Ok(Exit::Success);
        }
        let text = match &self.command {
            None => roff(&program)?,
            Some(name) => match program.find_subcommand(name) {
                Some(command) => roff(command)?,
                None => return Err(Error::new(Exit::Usage, format!("there is no command {name:?}"))),
            },
        };
        let mut screen = Screen::stdout();
        screen.write_all(&text)?;
        screen.flush()?;
        Ok(Exit::Success)
    }
}

/// With full names (`abaqis-daemons status`) in every subcommand.
fn built(mut program: Command) -> Command {
    program = program.disable_help_subcommand(true);
    program.build();
    program
}

/// Each page's file name and text: the program's and one for every command.
fn pages(program: &Command) -> io::Result<Vec<(String, Vec<u8>)>> {
    let shown = program.get_subcommands().filter(|command| !command.is_hide_set());
    std::iter::once(program)
        .chain(shown)
        .map(|command| {
            let name = command.get_display_name().unwrap_or_else(|| command.get_name());
            Ok((format!("{name}.1"), roff(command)?))
        })
        .collect()
}

fn roff(command: &Command) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    Page::new(command.clone()).render(&mut text)?;
    Ok(text)
}
