//! `logs`: what instances wrote, from wherever it went.
//!
//! Reading is left to those who do it best: `journalctl` for the journal, `tail` for
//! files. What goes to the terminal of a running supervisor is handed over by it.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command};

use clap::Args;
use clap_complete::ArgValueCompleter;

use super::ask::Supervisor;
use super::completions::selectors;
use super::exit::{Error, Exit};
use super::say;
use super::screen::{Screen, Tone};
use crate::control::messages::{Request, Response};
use crate::control::status::LogSource;
use crate::names::Selector;
use crate::process::companion::{Lifeline, die_with_parent};

/// The arguments of `logs`.
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// Which instances: all, APPLICATION, APPLICATION/DAEMON or APPLICATION/DAEMON/NUMBER
    #[arg(add = ArgValueCompleter::new(selectors))]
    selector: Selector,
    /// Keep following as lines are written, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
    /// Begin with this many past lines
    #[arg(long, short = 'n', value_name = "NUMBER", default_value_t = 100)]
    lines: u32,
    #[command(flatten)]
    supervisor: Supervisor,
}

/// Where the output of the instances is, each place once.
#[derive(Debug, Default)]
struct Sources {
    identifiers: Vec<String>,
    files: Vec<PathBuf>,
    terminal: bool,
    nowhere: bool,
}

impl Logs {
    /// Runs the command.
    pub(crate) fn run(&self) -> Result<Exit, Error> {
        let mut sources = Sources::default();
        self.supervisor.ask(
            "the look for logs",
            &Request::Logs { selector: self.selector.clone() },
            |response| {
                if let Response::Log { source, .. } = response {
                    sources.add(source);
                }
                Ok(())
            },
        )?;
        if sources.terminal {
            if !self.follow {
                say(
                    "the supervisor's terminal keeps nothing: this is what is written from now on, until Ctrl-C",
                );
            }
            return self.terminal();
        }
        let mut readers: Vec<Command> =
            [self.journalctl(&sources), self.tail(&sources)].into_iter().flatten().collect();
        match (readers.pop(), readers.pop()) {
            (None, _) if sources.nowhere => {
                Err(Error::new(Exit::NoInput, "there is nothing to read: `log: null` throws it away"))
            }
            (None, _) => Ok(Exit::Success),
            // In our place, so that its exit, its pager and Ctrl-C are its own.
            (Some(mut only), None) => {
                let source = only.exec();
                Err(cannot_run(&only, source))
            }
            (Some(one), Some(other)) => together([other, one]),
        }
    }

    fn journalctl(&self, sources: &Sources) -> Option<Command> {
        if sources.identifiers.is_empty() {
            return None;
        }
        let mut command = Command::new("journalctl");
        command.arg(format!("--lines={}", self.lines));
        if self.follow {
            command.arg("--follow");
        }
        for identifier in &sources.identifiers {
            command.arg(format!("--identifier={identifier}"));
        }
        Some(command)
    }

    fn tail(&self, sources: &Sources) -> Option<Command> {
        if sources.files.is_empty() {
            return None;
        }
        let mut command = Command::new("tail");
        command.arg(format!("--lines={}", self.lines));
        if self.follow {
            // By name, so that it goes on in the new file after a rotation.
            command.args(["--follow=name", "--retry"]);
        }
        command.arg("--").args(&sources.files);
        Some(command)
    }

    /// What the running supervisor shows on its terminal, from now on: it keeps nothing.
    fn terminal(&self) -> Result<Exit, Error> {
        let mut screen = Screen::stdout();
        self.supervisor.ask(
            "following the output",
            &Request::Output { selector: self.selector.clone() },
            |response| {
                if let Response::Line { instance, text } = response {
                    screen.line(&[
                        (Tone::Strong, &instance.to_string()),
                        (Tone::Plain, " "),
                        (Tone::Plain, &text),
                    ])?;
                    screen.flush()?;
                }
                Ok(())
            },
        )?;
        Ok(Exit::Success)
    }
}

impl Sources {
    fn add(&mut self, source: LogSource) {
        match source {
            LogSource::Journal { identifier } if !self.identifiers.contains(&identifier) => {
                self.identifiers.push(identifier);
            }
            LogSource::File { path } if !self.files.contains(&path) => self.files.push(path),
            LogSource::Journal { .. } | LogSource::File { .. } => {}
            LogSource::Terminal => self.terminal = true,
            LogSource::Nowhere => self.nowhere = true,
        }
    }
}

/// Runs both at the same time; each ends by itself, or both by Ctrl-C, or with this process.
fn together(commands: [Command; 2]) -> Result<Exit, Error> {
    let (mut children, mut lifelines): (Vec<Child>, Vec<Lifeline>) = Default::default();
    for mut command in commands {
        let spawned = die_with_parent(&mut command).and_then(|(lifeline, _)| {
            lifelines.push(lifeline);
            command.spawn()
        });
        match spawned {
            Ok(child) => children.push(child),
            Err(source) => {
                for mut child in children {
                    let _ = child.kill();
                    let _ = child.wait();
                }
                return Err(cannot_run(&command, source));
            }
        }
    }
    let mut exit = Exit::Success;
    for mut child in children {
        if !child.wait()?.success() {
            exit = Exit::Failed;
        }
    }
    Ok(exit)
}

fn cannot_run(command: &Command, source: std::io::Error) -> Error {
    Error::Program { program: command.get_program().to_string_lossy().into_owned(), source }
}
