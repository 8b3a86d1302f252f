//! One worker: takes jobs from one tube and has the application's code run them.

use std::process::ExitCode;

fn main() -> ExitCode {
    abaqis_daemons::cli::ayl_worker()
}
