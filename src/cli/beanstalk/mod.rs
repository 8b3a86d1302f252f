//! `ayl_beanstalk`: looks at the queue and operates it, in the words operators know.
//!
//! ```text
//!     arguments ─► clap types ─► Session ─► queue::Client ─► beanstalkd
//!                                   │
//!                 print, live, Bar ◄┘ ─► exit code
//! ```
//!
//! The commands that were there before print exactly what they printed, so that scripts
//! go on reading it; what is new is in words of its own, or behind `--json`.

mod base64;
mod eat;
mod export;
mod fault;
mod import;
mod jobs;
mod kick;
mod list;
mod peek;
mod print;
mod progress;
mod put;
mod relocate;
mod scan;
mod search;
mod session;
mod statistics;
mod target;
mod top;

use std::io::Write;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};

use super::completions::Completions;
use super::exit::{Error, Exit};
use super::man::Man;
use super::program;
use session::Session;
use target::Target;

/// Looks at the job queue and operates it
#[derive(Debug, Parser)]
#[command(name = "ayl_beanstalk", version, after_help = AFTER_HELP)]
struct Program {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    output: Output,
    #[command(subcommand)]
    command: Option<Command>,
}

const AFTER_HELP: &str = "Without a command it shows the statistics of the server.\n\n\
    Exit codes: 0 done, 1 what was asked for failed or is not there, 64 wrong usage, 66 no such file, \
    69 beanstalkd cannot be reached, 130 interrupted.";

/// What every command understands.
#[derive(Debug, Clone, Args)]
struct Output {
    /// Write JSON
    #[arg(long, global = true)]
    json: bool,
    /// Show it again every second, or this many seconds, until q or Ctrl-C
    #[arg(
        long,
        global = true,
        value_name = "SECONDS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "1",
        value_parser = clap::value_parser!(u32).range(1..=86_400)
    )]
    watch: Option<u32>,
    /// Do not ask before many jobs are deleted
    #[arg(long, global = true)]
    yes: bool,
}

#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
enum Command {
    /// Statistics of the server
    Statistics,
    /// Statistics of the tube
    TubeStatistics,
    /// Statistics of a job
    JobStatistics(statistics::OfJob),
    /// Every tube there is
    ListTubes,
    /// Every job of the tube, oldest first
    ///
    /// The protocol has no command for it: ids are looked up from the newest downwards until as
    /// many jobs are found as the tube has, which takes long where very old jobs are left. To learn
    /// the newest id a job is put on the tube `ayl_beanstalk.probe` and deleted at once.
    ListJobs(list::ListJobs),
    /// The tubes as they fill and empty, live
    Top,
    /// A job by its id
    PeekJob(peek::PeekJob),
    /// The next ready job of the tube
    PeekReady,
    /// The delayed job of the tube that is due first
    PeekDelayed,
    /// The buried job of the tube that is kicked first
    PeekBuried,
    /// Put a job with any body
    PutJob(put::PutJob),
    /// Put a job whose Ruby code a worker runs
    PutAylJob(put::PutAylJob),
    /// Put a job that keeps a worker busy for 20 seconds
    PutSleepJob(put::Terms),
    /// End a worker of the tube once it has finished its job, ahead of every other job
    KillWorker(put::KillWorker),
    /// Make buried jobs of the tube ready, or delayed ones where none is buried
    Kick(kick::Kick),
    /// Delete jobs by their ids
    Delete(kick::Delete),
    /// Show the next ready job of the tube and delete it
    EatJob,
    /// Show every job of the tube and delete it
    ///
    /// A job is deleted only once its line has been written out. Ctrl-C, or an output that
    /// closes, ends it between two jobs: each is on the queue or on the output.
    EatAllJobs(eat::EatAllJobs),
    /// Move every job of the tube to another one
    ///
    /// Priority and time to run are kept, of a delayed job what is left of its delay, and a buried
    /// one is buried; ids are new. A job is deleted only once its copy is there: Ctrl-C ends it
    /// between two jobs, and a crash can leave up to 500 jobs on both tubes, but loses none. A
    /// signed message names its tube, so a worker that requires signatures refuses it on another.
    MoveJobs(relocate::MoveJobs),
    /// Let nobody take jobs from the tube
    Pause(kick::Pause),
    /// Let jobs be taken from a paused tube again, within a second
    Resume,
    /// Write the jobs of the tube, one line of JSON each
    Export(export::Export),
    /// Put the jobs that `export` wrote
    Import(import::Import),
    /// Completions of the command line for a shell
    Completions(Completions),
    /// Manual pages
    Man(Man),
}

impl Program {
    fn run(self) -> Result<Exit, Error> {
        let command = self.command.unwrap_or(Command::Statistics);
        match command {
            Command::Completions(command) => return command.run(&Self::command()),
            Command::Man(command) => return command.run(Self::command()),
            _ => {}
        }
        if self.output.watch.is_some() && !command.only_looks() {
            return Err(Error::new(Exit::Usage, "--watch is for commands that only look at the queue"));
        }
        let mut session = Session::new(&self.target, &self.output)?;
        command.run(&mut session)
    }
}

impl Command {
    fn only_looks(&self) -> bool {
        matches!(
            self,
            Self::Statistics
                | Self::TubeStatistics
                | Self::JobStatistics(_)
                | Self::ListTubes
                | Self::Top
                | Self::PeekJob(_)
                | Self::PeekReady
                | Self::PeekDelayed
                | Self::PeekBuried
        )
    }

    fn run(self, session: &mut Session) -> Result<Exit, Error> {
        match self {
            Self::Statistics => statistics::of_server(session),
            Self::TubeStatistics => statistics::of_tube(session),
            Self::JobStatistics(command) => command.run(session),
            Self::ListTubes => list::tubes(session),
            Self::ListJobs(command) => command.run(session),
            Self::Top => top::run(session),
            Self::PeekJob(command) => command.run(session),
            Self::PeekReady => peek::next(session, jobs::State::Ready),
            Self::PeekDelayed => peek::next(session, jobs::State::Delayed),
            Self::PeekBuried => peek::next(session, jobs::State::Buried),
            Self::PutJob(command) => command.run(session),
            Self::PutAylJob(command) => command.run(session),
            Self::PutSleepJob(terms) => put::sleep_job(session, &terms),
            Self::KillWorker(command) => command.run(session),
            Self::Kick(command) => command.run(session),
            Self::Delete(command) => command.run(session),
            Self::EatJob => eat::one(session),
            Self::EatAllJobs(command) => command.run(session),
            Self::MoveJobs(command) => command.run(session),
            Self::Pause(command) => command.run(session),
            Self::Resume => kick::resume(session),
            Self::Export(command) => command.run(session),
            Self::Import(command) => command.run(session),
            // They need no server and ran before there was a session.
            Self::Completions(_) | Self::Man(_) => Ok(Exit::Success),
        }
    }
}

/// The program `ayl_beanstalk`: runs what the command line asks for.
pub fn ayl_beanstalk() -> ExitCode {
    program::run(Program::run, |error| say(&error.to_string()))
}

/// Tells the operator, on standard error.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "ayl_beanstalk: {text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Program::command().debug_assert();
    }

    #[test]
    fn options_may_stand_before_and_behind_the_command() {
        let before =
            Program::try_parse_from(["ayl_beanstalk", "-t", "1.10", "-p", "1", "put_job", "a"]).unwrap();
        let behind =
            Program::try_parse_from(["ayl_beanstalk", "put_job", "a", "-t", "1.10", "-p", "1"]).unwrap();
        assert_eq!(format!("{before:?}"), format!("{behind:?}"));
    }

    #[test]
    fn every_word_the_old_tool_knew_is_known() {
        for word in [
            "statistics",
            "tube_statistics",
            "list_tubes",
            "peek_ready",
            "peek_delayed",
            "peek_buried",
            "put_sleep_job",
            "kill_worker",
            "kick",
            "eat_job",
            "eat_all_jobs",
        ] {
            assert!(Program::try_parse_from(["ayl_beanstalk", word]).is_ok(), "{word}");
        }
        for (word, argument) in [
            ("job_statistics", "1"),
            ("peek_job", "1"),
            ("delete", "1"),
            ("put_job", "body"),
            ("put_ayl_job", "code"),
            ("move_jobs", "other"),
            ("eat_all_jobs", "buried"),
        ] {
            assert!(Program::try_parse_from(["ayl_beanstalk", word, argument]).is_ok(), "{word}");
        }
    }
}
