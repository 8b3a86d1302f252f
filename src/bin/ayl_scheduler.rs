//! Puts an application's jobs on the queue when they are due.

use std::process::ExitCode;

fn main() -> ExitCode {
    abaqis_daemons::cli::ayl_scheduler()
}
