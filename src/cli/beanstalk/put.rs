//! `put_job`, `put_ayl_job`, `put_sleep_job`, `kill_worker`.

use std::io::Write;

use clap::Args;
use serde_json::json;

use super::session::Session;
use super::{print, say};
use crate::ayl::Message;
use crate::beanstalk::{Delay, Priority, Ttr};
use crate::cli::exit::{Error, Exit};
use crate::cli::screen::Screen;
use crate::queue::NewJob;

/// What ends the worker that runs it.
const KILL: &str = "Kernel.exit";
/// What keeps the worker that runs it busy.
const SLEEP: &str = "Kernel.sleep(20)";

/// How a job is put.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Terms {
    /// 0 goes first, 4294967295 last; applications put theirs at 512
    #[arg(long, value_name = "NUMBER", default_value = "65536")]
    priority: Priority,
    /// Seconds before it may be reserved
    #[arg(long, value_name = "SECONDS", default_value = "0")]
    delay: Delay,
    /// Seconds a worker may hold it without a sign of life
    #[arg(long, value_name = "SECONDS", default_value = "120")]
    ttr: Ttr,
}

/// The arguments of `put_job`.
#[derive(Debug, Args)]
pub(super) struct PutJob {
    /// The job's body
    body: String,
    #[command(flatten)]
    terms: Terms,
}

impl PutJob {
    /// Runs the command.
    pub(super) fn run(&self, session: &mut Session) -> Result<Exit, Error> {
        putting(session, &self.body, self.body.as_bytes(), &self.terms)
    }
}

/// The arguments of `put_ayl_job`.
#[derive(Debug, Args)]
pub(super) struct PutAylJob {
    /// Ruby, such as 'Resident.census'
    code: String,
    #[command(flatten)]
    terms: Terms,
}

impl PutAylJob {
    /// Runs the command.
    pub(super) fn run(&self, session: &mut Session) -> Result<Exit, Error> {
        putting(session, &self.code, message(&self.code).as_bytes(), &self.terms)
    }
}

/// `put_sleep_job`.
pub(super) fn sleep_job(session: &mut Session, terms: &Terms) -> Result<Exit, Error> {
    if !session.json {
        let mut screen = Screen::stdout();
        writeln!(screen, "Putting job on tube '{}' that will sleep for 20 seconds.", session.tube)?;
        screen.flush()?;
    }
    put(session, message(SLEEP).as_bytes(), terms)?;
    Ok(Exit::Success)
}

/// The arguments of `kill_worker`.
#[derive(Debug, Args)]
pub(super) struct KillWorker {
    /// End every worker that watches the tube now
    #[arg(long)]
    all: bool,
}

impl KillWorker {
    /// Runs the command. The job goes ahead of every other: whoever wants a worker gone
    /// does not want it to finish the backlog first.
    pub(super) fn run(&self, session: &mut Session) -> Result<Exit, Error> {
        let terms = Terms { priority: Priority(0), delay: Delay(0), ttr: Ttr(120) };
        let mut workers = 1;
        if self.all {
            let tube = session.tube.clone();
            let tube = session.ask(async |client| client.stats_tube(&tube).await)?;
            workers = tube.map_or(0, |tube| tube.watching);
            if workers == 0 {
                say(&format!("no worker watches tube {}", session.tube));
            }
        }
        for _ in 0..workers {
            putting(session, KILL, message(KILL).as_bytes(), &terms)?;
        }
        Ok(Exit::Success)
    }
}

/// The message of a job that the tool puts: it names no handler, the worker's own counts.
fn message(code: &str) -> String {
    Message::new(code, None).to_body()
}

/// Says what is put, puts it, says so.
fn putting(session: &mut Session, shown: &str, body: &[u8], terms: &Terms) -> Result<Exit, Error> {
    let mut screen = Screen::stdout();
    if !session.json {
        writeln!(screen, "Putting ({shown}) on tube: {}", session.tube)?;
        screen.flush()?;
    }
    put(session, body, terms)?;
    if !session.json {
        writeln!(screen, "Job was put")?;
        screen.flush()?;
    }
    Ok(Exit::Success)
}

fn put(session: &mut Session, body: &[u8], terms: &Terms) -> Result<(), Error> {
    let tube = session.tube.clone();
    let Terms { priority, delay, ttr } = *terms;
    let id = session.ask(async |client| {
        client.use_tube(&tube).await?;
        client.put(&NewJob { priority, delay, ttr, body }).await
    })?;
    if session.json {
        let mut screen = Screen::stdout();
        print::json(&mut screen, &json!({"id": id, "tube": tube}))?;
        screen.flush()?;
    }
    Ok(())
}
