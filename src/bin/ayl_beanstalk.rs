//! Looks at the job queue and operates it.

use std::process::ExitCode;

fn main() -> ExitCode {
    abaqis_daemons::cli::ayl_beanstalk()
}
