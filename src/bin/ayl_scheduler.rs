//! Looks at a timetable: whether it can be used, and what is due when.

use std::process::ExitCode;

fn main() -> ExitCode {
    abaqis_daemons::cli::ayl_scheduler()
}
