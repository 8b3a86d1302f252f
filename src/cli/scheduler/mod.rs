//! `ayl_scheduler`: runs a timetable, says whether it can be used, and what it comes to.

mod check;
mod preview;
mod run;

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

pub(super) use run::unreadable;

use super::completions::Completions;
use super::exit::{Error, Exit};
use super::man::Man;
use super::program;

/// Puts an application's jobs on the queue when they are due
///
/// Reads the application's timetable and follows its changes. Any number of schedulers of an
/// application may run, on any number of hosts: each slot is put once. SIGTERM: leaves.
#[derive(Debug, Parser)]
#[command(name = "ayl_scheduler", version, arg_required_else_help = true, propagate_version = true)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_long_help = WORDS)]
struct Program {
    #[command(flatten)]
    run: run::Run,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What stands below the help, and in the manual page.
const WORDS: &str = "\
Exit status:
  0   done
  64  the command line is wrong
  66  no such file
  74  the output cannot be written
  77  the file may not be read
  78  the timetable is not valid

Files:
  config/schedule.yml  the timetable of an application: see schedule.yml(5)";

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a timetable, and list everything that is wrong with it
    Check(check::Check),
    /// What is due in a span of time
    Preview(preview::Preview),
    /// Completions of the command line for a shell
    Completions(Completions),
    /// Manual pages
    Man(Man),
}

impl Program {
    fn run(&self) -> Result<Exit, Error> {
        match &self.command {
            None => self.run.run(),
            Some(Command::Check(command)) => command.run(),
            Some(Command::Preview(command)) => command.run(),
            Some(Command::Completions(command)) => command.run(&Self::command()),
            Some(Command::Man(command)) => command.run(Self::command()),
        }
    }
}

/// The program `ayl_scheduler`: runs what the command line asks for.
pub fn ayl_scheduler() -> ExitCode {
    program::run(
        |program: Program| program.run(),
        |error| {
            let _ = match error.exit() {
                // Problems of a file begin with its name and their place, for editors to find.
                Exit::Configuration => writeln!(std::io::stderr(), "{error}"),
                _ => writeln!(std::io::stderr(), "ayl_scheduler: {error}"),
            };
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Program::command().debug_assert();
    }
}
