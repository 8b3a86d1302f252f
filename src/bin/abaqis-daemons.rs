//! The supervisor and its operator's commands.

use std::process::ExitCode;

fn main() -> ExitCode {
    abaqis_daemons::cli::abaqis_daemons()
}
