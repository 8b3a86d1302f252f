//! What every program does with its command line.

use std::process::ExitCode;

use clap::Parser;

use super::completions;
use super::exit::{Error, Exit};

/// Reads the command line, runs what it asks for, and has `tell` say why that failed.
pub(super) fn run<P: Parser>(
    run: impl FnOnce(P) -> Result<Exit, Error>,
    tell: impl FnOnce(&Error),
) -> ExitCode {
    completions::answer(P::command);
    let program = match P::try_parse() {
        Ok(program) => program,
        Err(error) => {
            // A closed standard error is nothing to report, and nowhere to report it.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Success }.into();
        }
    };
    match run(program) {
        Ok(exit) => exit.into(),
        Err(error) if error.is_closed_pipe() => Exit::Success.into(),
        Err(error) => {
            tell(&error);
            error.exit().into()
        }
    }
}
