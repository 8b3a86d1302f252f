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
    let program = match read() {
        Ok(program) => program,
        Err(exit) => return exit.into(),
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

/// The command line; or, after a shell's question, help, or what is wrong with it, how the program ends.
pub(super) fn read<P: Parser>() -> Result<P, Exit> {
    completions::answer(P::command);
    P::try_parse().map_err(|error| {
        // A closed standard error is nothing to report, and nowhere to report it.
        let _ = error.print();
        if error.use_stderr() { Exit::Usage } else { Exit::Success }
    })
}
