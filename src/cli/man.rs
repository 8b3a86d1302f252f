//! `man`: the manual pages, of commands from the same words as `--help`, of files from
//! docs/.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Command};
use clap_mangen::Man as Page;
use clap_mangen::roff::{Roff, bold, roman};

use super::exit::{Error, Exit};
use super::manual;
use super::screen::Screen;
use super::words::sections;

/// The arguments of `man`.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The page of this command or file; without it that of the program
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
            None => roff(&program, &program)?,
            Some(name) => match program.find_subcommand(name) {
                Some(command) => roff(&program, command)?,
                None if manual::file_of(program.get_name()) == Some(name) => file(&program, name)?,
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
fn built(program: Command) -> Command {
    let mut program = program.disable_help_subcommand(true);
    program.build();
    program
}

/// Each page's file name and text: the program's, one for every command, its file's.
fn pages(program: &Command) -> io::Result<Vec<(String, Vec<u8>)>> {
    let shown = program.get_subcommands().filter(|command| !command.is_hide_set());
    let commands = std::iter::once(program)
        .chain(shown)
        .map(|command| Ok((format!("{}.1", name(command)), roff(program, command)?)));
    let files = manual::file_of(program.get_name())
        .into_iter()
        .map(|name| Ok((format!("{name}.5"), file(program, name)?)));
    commands.chain(files).collect()
}

/// The page of the file `name`.
fn file(program: &Command, name: &str) -> io::Result<Vec<u8>> {
    let version = program.get_version().unwrap_or_default();
    let mut text = Vec::new();
    manual::page(name, version).to_writer(&mut text)?;
    Ok(text)
}

/// `abaqis-daemons-status`
fn name(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

/// The page of a program without commands.
pub(crate) fn page(program: Command) -> io::Result<Vec<u8>> {
    let program = built(program);
    roff(&program, &program)
}

/// The page of `command`, which is `program` or one of its commands.
fn roff(program: &Command, command: &Command) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let version = program.get_version().unwrap_or_default();
    let page = Page::new(command.clone())
        .title(name(command).to_uppercase())
        .source(format!("{} {version}", program.get_name()))
        .manual("User Commands");
    page.render_title(&mut text)?;
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    page.render_options_section(&mut text)?;
    if command.has_subcommands() {
        let mut list = Roff::new();
        list.control("SH", ["COMMANDS"]);
        for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            term(&mut list, command.get_name(), &about);
        }
        list.to_writer(&mut text)?;
    }
    let after = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
    let mut more = Roff::new();
    for section in sections(&after) {
        more.control("SH", [section.heading.to_uppercase().as_str()]);
        for (name, meaning) in section.terms {
            term(&mut more, name, meaning);
        }
    }
    if name(command) != name(program) {
        more.control("SH", ["SEE ALSO"]);
        more.text([bold(name(program)), roman("(1): selectors, exit status, environment, files")]);
    } else if let Some(file) = manual::file_of(name(program)) {
        more.control("SH", ["SEE ALSO"]);
        more.text([bold(file), roman("(5)")]);
    }
    more.to_writer(&mut text)?;
    Ok(text)
}

fn term(page: &mut Roff, term: &str, meaning: &str) {
    page.control("TP", []);
    page.text([bold(term)]);
    page.text([roman(meaning)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_has_a_page_and_so_has_each_command() {
        let command = Command::new("spin")
            .version("1.2.3")
            .about("Spins")
            .after_long_help("Exit status:\n  0  it spins")
            .subcommand(Command::new("fast").about("Spins fast"));
        let pages = pages(&built(command)).unwrap();
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["spin.1", "spin-fast.1"]);
        let text = |i: usize| String::from_utf8(pages[i].1.clone()).unwrap();
        assert!(text(0).contains(".TH SPIN 1"), "{}", text(0));
        assert!(text(0).contains(".SH COMMANDS\n.TP\n\\fBfast\\fR\nSpins fast"), "{}", text(0));
        assert!(text(0).contains(".SH \"EXIT STATUS\"\n.TP\n\\fB0\\fR\nit spins"), "{}", text(0));
        assert!(text(1).contains("\\fBspin\\fR(1)"), "{}", text(1));
    }
}
