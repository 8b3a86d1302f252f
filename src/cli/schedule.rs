//! `schedule`: what the timetables come to: when entries ran last, when they run next, and
//! who holds them. Needs no supervisor: the configuration, the timetables and the queue say
//! all of it.
//!
//! ```text
//!     daemons.yml ─► applications ─► schedule.yml ─► entries ─┐
//!     beanstalkd  ─► schedule/APP/ENTRY ─► tokens ────────────┴─► rows
//! ```

mod lines;
mod tokens;

use std::io::{Write, stderr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueHint};
use jiff::Timestamp;

use super::check::read;
use super::exit::{Error, Exit};
use super::json;
use super::place::{ConfigFile, RuntimeDir};
use super::scheduler::unreadable;
use super::screen::Screen;
use super::tube::unknown;
use crate::config::{Application, Config, Host, Kind, Privilege, Scheduler};
use crate::names::{ApplicationName, EntryName, ServerAddress, Tube};
use crate::plan::{Found, tube};
use crate::process::block_on;
use crate::process::host::System;
use crate::queue::{Client, Options, read_keys};
use crate::schedule::timetable::Timetable;
use crate::scheduler;
use crate::supervisor::driver::find_release;
use lines::Line;

/// The arguments of `schedule`.
#[derive(Debug, Args)]
pub(crate) struct Schedule {
    /// Which application [default: all that have a timetable]
    application: Option<ApplicationName>,
    /// Which entry
    #[arg(requires = "application")]
    entry: Option<EntryName>,
    /// Put the entry's job now, beside its slots
    #[arg(long, requires = "entry", conflicts_with = "json")]
    run_now: bool,
    /// Write a JSON array, an object for each entry
    #[arg(long)]
    json: bool,
    /// Where beanstalkd listens [default: as configured]
    #[arg(long, value_name = "SERVER", env = "AYL_BEANSTALK", hide_env_values = true)]
    beanstalk: Option<String>,
    /// The application's keys, to sign the job of `--run-now` with
    #[arg(long, value_name = "FILE", env = "AYL_SIGNING_KEYS", value_hint = ValueHint::FilePath)]
    #[arg(hide_env_values = true)]
    signing_keys: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    runtime: RuntimeDir,
}

/// An application's timetable, and where its jobs go.
struct Keeps<'c> {
    application: &'c Application,
    timetable: Timetable,
    found: Found,
}

impl Schedule {
    /// Runs the command.
    pub(crate) fn run(&self) -> Result<Exit, Error> {
        let host = System::service();
        let config = match read(&self.config.path(), &host) {
            Ok(loaded) => loaded.config,
            Err(no_config) => return Ok(no_config.tell(&mut stderr().lock())?),
        };
        let kept = self.kept(&config, host.privilege() == Privilege::Root)?;
        let server = self.server(&config)?;
        let options = Options { connect_timeout: Duration::from_secs(2), ..Options::default() };
        let mut client = Client::new(server, options);
        match (&self.entry, kept.first()) {
            (Some(name), Some(keeps)) if self.run_now => block_on(self.put(&mut client, keeps, name))?,
            _ => block_on(self.show(&mut client, &kept))?,
        }
    }

    /// The timetables there are, of the application that was named or of all.
    fn kept<'c>(&self, config: &'c Config, root: bool) -> Result<Vec<Keeps<'c>>, Error> {
        let mut kept = Vec::new();
        for (name, application) in &config.applications {
            if self.application.as_ref().is_some_and(|wanted| wanted != name) {
                continue;
            }
            let Some(file) = timetable_of(application) else { continue };
            let found = find_release(application, root);
            let path = found.path.as_deref().unwrap_or(&application.path).join(file);
            let timetable = scheduler::read(&path).map_err(|error| unreadable(&error))?;
            kept.push(Keeps { application, timetable, found });
        }
        let Some(name) = &self.application else { return Ok(kept) };
        let Some(keeps) = kept.first() else {
            return Err(Error::new(
                Exit::NoInput,
                if config.applications.contains_key(name) {
                    format!("{name} has no timetable that ayl_scheduler keeps")
                } else {
                    unknown(name, config)
                },
            ));
        };
        if let Some(entry) = &self.entry
            && !keeps.timetable.entries.iter().any(|known| known.name == *entry)
        {
            let names: Vec<&str> = keeps.timetable.entries.iter().map(|known| known.name.as_str()).collect();
            let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            let text = format!("the timetable of {name} has no entry {entry}; there is {names}");
            return Err(Error::new(Exit::NoInput, text));
        }
        Ok(kept)
    }

    /// Tokens are on the first server alone.
    fn server(&self, config: &Config) -> Result<ServerAddress, Error> {
        let Some(given) = self.beanstalk.as_deref().filter(|given| !given.is_empty()) else {
            let first = config.beanstalk.first().cloned();
            return first.ok_or_else(|| Error::new(Exit::Configuration, "no beanstalkd is configured"));
        };
        let servers = ServerAddress::list(given)
            .map_err(|error| Error::new(Exit::Usage, format!("--beanstalk: {error}")))?;
        servers.into_iter().next().ok_or_else(|| Error::new(Exit::Usage, "--beanstalk names no server"))
    }

    async fn show(&self, client: &mut Client, kept: &[Keeps<'_>]) -> Result<Exit, Error> {
        let mut trouble = None;
        let mut lines = Vec::new();
        for keeps in kept {
            let name = &keeps.application.name;
            let wanted = |entry: &EntryName| self.entry.as_ref().is_none_or(|wanted| wanted == entry);
            let remembered = tokens::remembered(&self.runtime.path(), name);
            for entry in keeps.timetable.entries.iter().filter(|entry| wanted(&entry.name)) {
                let seen = match &trouble {
                    None => tokens::look(client, name, &entry.name).await,
                    Some(_) => Ok(None),
                };
                let seen = seen.unwrap_or_else(|error| {
                    trouble = Some(error.to_string());
                    None
                });
                let past = remembered.get(&entry.name);
                lines.push(Line::of(name, entry, seen.as_ref(), past, Timestamp::now()));
            }
        }
        let mut screen = Screen::stdout();
        if self.json {
            json::array(&mut screen, &lines)?;
        } else if !lines.is_empty() {
            lines::table(&mut screen, &lines)?;
        }
        screen.flush()?;
        // The answer is written; a closed standard error takes nothing from it.
        if let Some(trouble) = trouble {
            let _ =
                writeln!(stderr(), "abaqis-daemons: {trouble}; what has run and who holds it is not known");
            return Ok(Exit::Unavailable);
        }
        if lines.is_empty() {
            let _ = writeln!(stderr(), "abaqis-daemons: nothing is in a timetable");
        }
        Ok(Exit::Success)
    }

    /// Puts the entry's job as if it were due, and leaves its token alone.
    async fn put(&self, client: &mut Client, keeps: &Keeps<'_>, name: &EntryName) -> Result<Exit, Error> {
        let application = &keeps.application.name;
        let failed = |text: String| Error::new(Exit::Failed, format!("{application}: {text}"));
        let entry = keeps.timetable.entries.iter().find(|entry| entry.name == *name);
        let entry = entry.ok_or_else(|| failed(format!("there is no entry {name}")))?;
        let tube: Tube = match &entry.put.tube {
            Some(tube) => tube.clone(),
            None => tube(keeps.application, &keeps.found).map_err(|why| failed(why.to_string()))?,
        };
        let keys = self.signing_keys.as_deref().map(read_keys).transpose();
        let keys = keys.map_err(|error| Error::new(Exit::Configuration, error.to_string()))?.map(Arc::new);
        client.ready().await.map_err(|error| Error::new(Exit::Unavailable, error.to_string()))?;
        let put = scheduler::put(client, keys.as_ref(), entry, Timestamp::now(), &tube).await;
        let (job, tube) = put.map_err(|error| failed(error.to_string()))?;
        let mut screen = Screen::stdout();
        writeln!(screen, "job {job} is put on {tube}: {}", entry.code.lines().next().unwrap_or_default())?;
        screen.flush()?;
        Ok(Exit::Success)
    }
}

/// The file of the timetable that `ayl_scheduler` keeps, if it keeps one.
fn timetable_of(application: &Application) -> Option<&PathBuf> {
    application.daemons.values().find_map(|daemon| match &daemon.kind {
        Kind::Scheduler(Scheduler::Ayl { file }) => Some(file),
        _ => None,
    })
}
