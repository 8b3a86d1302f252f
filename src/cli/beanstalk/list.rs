//! `list_tubes`, `list_jobs`.

use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use super::jobs::State;
use super::print::{self, BodyJson};
use super::scan::{self, Found, Scope};
use super::session::{Interrupt, Session};
use crate::beanstalk::JobState;
use crate::cli::exit::{Error, Exit};
use crate::cli::screen::{Screen, Tone};

/// `list_tubes`.
pub(super) fn tubes(session: &mut Session) -> Result<Exit, Error> {
    let json = session.json;
    session.show(
        |session| session.ask(async |client| client.list_tubes().await),
        |screen, tubes| {
            if json {
                print::json(screen, &tubes)?;
            } else {
                for tube in tubes {
                    writeln!(screen, " - {tube}")?;
                }
            }
            Ok(Exit::Success)
        },
    )
}

/// Which jobs.
#[derive(Debug, Clone, Args)]
pub(super) struct Which {
    /// The jobs of every tube
    #[arg(long, conflicts_with = "tube")]
    all: bool,
    /// Only jobs in this state; a worker has those that are in none of them
    #[arg(long, value_name = "STATE")]
    state: Option<State>,
}

impl Which {
    /// Finds them.
    pub(super) fn find(&self, session: &mut Session, interrupt: &Interrupt) -> Result<Vec<Found>, Error> {
        let scope = if self.all { Scope::Server } else { Scope::Tube(session.tube.clone()) };
        let mut found = session.with(async |client| scan::find(client, &scope, interrupt).await)?;
        if let Some(state) = self.state {
            found.retain(|job| JobState::from(state) == job.state);
        }
        Ok(found)
    }
}

/// The arguments of `list_jobs`.
#[derive(Debug, Args)]
pub(super) struct ListJobs {
    #[command(flatten)]
    which: Which,
    /// At most this many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

/// A job with everything that `import` needs to put it again.
#[derive(Debug, Serialize)]
pub(super) struct Record<'a> {
    id: u64,
    tube: &'a str,
    state: JobState,
    priority: u32,
    delay: u32,
    ttr: u32,
    age: u64,
    #[serde(flatten)]
    body: BodyJson<'a>,
}

impl<'a> Record<'a> {
    /// The job's.
    pub(super) fn new(job: &'a Found, body: &'a [u8]) -> Self {
        Self {
            id: job.id.0,
            tube: job.tube.as_str(),
            state: job.state,
            priority: job.priority.0,
            delay: job.delay.0,
            ttr: job.ttr.0,
            age: job.age,
            body: BodyJson::new(body),
        }
    }
}

impl ListJobs {
    /// Runs the command.
    pub(super) fn run(&self, session: &mut Session) -> Result<Exit, Error> {
        let interrupt = Interrupt::watch()?;
        let mut found = self.which.find(session, &interrupt)?;
        found.truncate(self.limit.unwrap_or(usize::MAX));
        let mut screen = Screen::stdout();
        if session.json {
            json(session, &found, &interrupt, &mut screen)?;
        } else {
            self.text(session, &found, &interrupt, &mut screen)?;
        }
        screen.flush()?;
        Ok(interrupt.exit("not every job was listed"))
    }

    fn text(
        &self,
        session: &mut Session,
        found: &[Found],
        interrupt: &Interrupt,
        screen: &mut Screen<'_>,
    ) -> Result<(), Error> {
        if found.is_empty() {
            return Ok(writeln!(screen, "No job...")?);
        }
        // The tube is worth a column where there is more than one.
        let tube = |name: &str| if self.which.all { format!("{name:<20}  ") } else { String::new() };
        let head = format!(
            "{:>10}  {:<8}  {}{:>10}  {:>8}  {:>8}  BODY",
            "ID",
            "STATE",
            tube("TUBE"),
            "PRIORITY",
            "DELAY",
            "AGE"
        );
        screen.line(&[(Tone::Strong, &head)])?;
        session.with(async |client| {
            scan::with_bodies(client, found, interrupt, |job, body| {
                let line = format!(
                    "{:>10}  {:<8}  {}{:>10}  {:>8}  {:>8}  {}",
                    job.id.0,
                    job.state,
                    tube(job.tube.as_str()),
                    job.priority.0,
                    job.delay.0,
                    job.age,
                    String::from_utf8_lossy(body)
                );
                screen.line(&[(Tone::Plain, &line)])
            })
            .await
        })
    }
}

/// An array with a line for each, so that it can be read by jq and by grep.
fn json(
    session: &mut Session,
    found: &[Found],
    interrupt: &Interrupt,
    screen: &mut Screen<'_>,
) -> Result<(), Error> {
    screen.write_all(b"[")?;
    let mut between: &[u8] = b"\n";
    session.with(async |client| {
        scan::with_bodies(client, found, interrupt, |job, body| {
            screen.write_all(std::mem::replace(&mut between, b",\n"))?;
            serde_json::to_writer(&mut *screen, &Record::new(job, body)).map_err(io::Error::from)
        })
        .await
    })?;
    screen.write_all(if between == b"\n" { b"]\n" } else { b"\n]\n" })?;
    Ok(())
}
