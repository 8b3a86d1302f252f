//! The commands of the programs: one file each.
//!
//! ```text
//!     arguments ─► clap types ─► ask (the supervisor) ─► screen, table, human ─► exit code
//! ```

mod ask;
mod beanstalk;
mod check;
mod completions;
mod deploy;
mod dev;
mod doctor;
mod events;
pub mod exit;
mod human;
mod json;
mod live;
mod logs;
mod man;
mod manual;
mod operate;
pub mod place;
mod plan;
mod program;
mod releases;
mod reload;
mod run;
mod running;
mod schedule;
mod scheduler;
pub mod screen;
mod show;
mod signal;
mod status;
pub mod table;
mod tube;
mod upgrade;
mod words;
mod worker;

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::control::messages::{FailureKind, Verb};
use crate::logs::under_journal;
use exit::{Error, Exit};

pub use beanstalk::ayl_beanstalk;
pub use scheduler::ayl_scheduler;
pub use worker::ayl_worker;

/// Keeps the daemons of web applications running, and looks after their job queue
#[derive(Debug, Parser)]
#[command(name = "abaqis-daemons", version, arg_required_else_help = true, propagate_version = true)]
#[command(after_long_help = words::SUPERVISOR)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The supervisor, in the foreground: what systemd starts
    #[command(after_long_help = words::RUN)]
    Run(run::Run),
    /// Local testing: a private beanstalkd, every daemon, one colored log; Ctrl-C ends all
    Dev(dev::Dev),
    /// What runs, what does not, and why
    #[command(after_long_help = words::STATUS)]
    Status(status::Status),
    /// Start instances
    #[command(mut_arg("at_once", |arg| arg.hide(true)))]
    Start(operate::Operate),
    /// Stop instances, until they are started again or the host boots
    #[command(mut_arg("at_once", |arg| arg.help("All at the same time, whatever is `after` them")))]
    Stop(operate::Operate),
    /// Replace the processes of instances with new ones
    Restart(operate::Operate),
    /// Send a signal to instances
    Signal(signal::SendSignal),
    /// Check the configuration, and list everything that is wrong with it
    Check(check::Check),
    /// The configuration, resolved, with its defaults filled in
    Show(show::Show),
    /// What a reload would do
    Plan(plan::Plan),
    /// Apply the configuration as it is now
    Reload(reload::Reload),
    /// The releases of applications, and the jobs on their tubes
    Releases(releases::Releases),
    /// Make what is deployed the current release; undoes a rollback
    #[command(after_long_help = words::DEPLOY)]
    Deploy(deploy::Deploy),
    /// Go back to the release before the current one, until another is deployed
    #[command(after_long_help = words::ROLLBACK)]
    Rollback(deploy::Deploy),
    /// Switch to the program that is installed now: same process, every daemon runs on
    #[command(after_long_help = words::UPGRADE)]
    Upgrade(upgrade::Upgrade),
    /// What instances have written
    Logs(logs::Logs),
    /// Every change of state, one line each
    Events(events::Events),
    /// The tube that an application's current version uses
    Tube(tube::TubeOf),
    /// When entries of timetables ran and run next, and who holds them
    #[command(after_long_help = words::SCHEDULE)]
    Schedule(schedule::Schedule),
    /// What is wrong on this host, where, and how to mend it
    #[command(after_long_help = words::DOCTOR)]
    Doctor(doctor::Doctor),
    /// Completions of the command line for a shell
    Completions(completions::Completions),
    /// Manual pages
    Man(man::Man),
}

impl Command {
    fn run(self) -> Result<Exit, Error> {
        match self {
            Self::Run(command) => command.run(),
            Self::Dev(command) => command.run(),
            Self::Status(command) => command.run(),
            Self::Start(command) => command.run(Verb::Start),
            Self::Stop(command) => command.run(Verb::Stop),
            Self::Restart(command) => command.run(Verb::Restart),
            Self::Signal(command) => command.run(),
            Self::Check(command) => command.run(),
            Self::Show(command) => command.run(),
            Self::Plan(command) => command.run(),
            Self::Reload(command) => command.run(),
            Self::Releases(command) => command.run(),
            Self::Deploy(command) => command.deploy(),
            Self::Rollback(command) => command.roll_back(),
            Self::Upgrade(command) => command.run(),
            Self::Logs(command) => command.run(),
            Self::Events(command) => command.run(),
            Self::Tube(command) => command.run(),
            Self::Schedule(command) => command.run(),
            Self::Doctor(command) => command.run(),
            Self::Completions(command) => command.run(&Program::command()),
            Self::Man(command) => command.run(Program::command()),
        }
    }
}

/// The program `abaqis-daemons`: runs what the command line asks for.
pub fn abaqis_daemons() -> ExitCode {
    program::run(
        |program: Program| program.command.run(),
        |error| match error {
            // Problems of a file begin with its name and their place, for editors to find.
            Error::Failed { kind: FailureKind::Configuration, text, .. } => say_plain(text),
            error => say(&error.to_string()),
        },
    )
}

/// Tells the operator, on standard error.
fn say_plain(text: &str) {
    let text = text.trim_end();
    let _ = if under_journal() {
        // Each line is an entry of its own there, and an error only if it says so.
        text.lines().try_for_each(|line| writeln!(std::io::stderr(), "<3>{line}"))
    } else {
        writeln!(std::io::stderr(), "{text}")
    };
}

/// Tells the operator who speaks, on standard error; the journal knows by itself.
fn say(text: &str) {
    if under_journal() {
        say_plain(text);
    } else {
        say_plain(&format!("abaqis-daemons: {text}"));
    }
}
