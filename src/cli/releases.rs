//! `releases`: which releases there are, and the jobs on their tubes.

use std::io::{self, Write};
use std::time::Duration;

use clap::Args;

use super::ask::Supervisor;
use super::exit::{Error, Exit};
use super::json;
use super::screen::{Screen, Tone};
use super::table::{Cell, Column, Fit, Row, Table, optional};
use crate::control::messages::{Request, Response};
use crate::control::status::{Jobs, Part, ReleaseStatus};
use crate::names::ApplicationName;
use crate::process::block_on;
use crate::queue::{Client, Options};

/// A queue that does not answer is no reason to wait for long.
const PATIENCE: Duration = Duration::from_secs(1);

/// The arguments of `releases`.
#[derive(Debug, Args)]
pub(crate) struct Releases {
    /// Of which application; otherwise of all
    application: Option<ApplicationName>,
    /// Write a JSON array, an object for each release
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    supervisor: Supervisor,
}

impl Releases {
    /// Runs the command.
    pub(crate) fn run(&self) -> Result<Exit, Error> {
        let mut releases = of(&self.supervisor, self.application.as_ref())?;
        block_on(count(&mut releases))?;
        let mut screen = Screen::stdout();
        if self.json {
            json::array(&mut screen, &releases)?;
        } else {
            table(&mut screen, &releases)?;
        }
        screen.flush()?;
        Ok(Exit::Success)
    }
}

/// The releases, as the supervisor tells of them.
pub(super) fn of(
    supervisor: &Supervisor,
    application: Option<&ApplicationName>,
) -> Result<Vec<ReleaseStatus>, Error> {
    let mut releases = Vec::new();
    let request = Request::Releases { application: application.cloned() };
    supervisor.ask("the look at releases", &request, |response| {
        if let Response::Release(release) = response {
            releases.push(*release);
        }
        Ok(())
    })?;
    Ok(releases)
}

/// Asks the queue itself: the supervisor looks only while something depends on it.
async fn count(releases: &mut [ReleaseStatus]) {
    for release in releases {
        let Some(tube) = &release.tube else { continue };
        let mut sum = Jobs { ready: 0, reserved: 0, delayed: 0, buried: 0 };
        for server in &release.beanstalk {
            let options =
                Options { connect_timeout: PATIENCE, reply_timeout: PATIENCE, ..Options::default() };
            match Client::new(server.clone(), options).stats_tube(tube).await {
                Ok(Some(figures)) => {
                    sum.ready += figures.ready;
                    sum.reserved += figures.reserved;
                    sum.delayed += figures.delayed;
                    sum.buried += figures.buried;
                }
                // A tube that does not exist is empty.
                Ok(None) => {}
                Err(error) => {
                    release.jobs = None;
                    release.reason.get_or_insert_with(|| error.to_string());
                    return;
                }
            }
        }
        release.jobs = Some(sum);
    }
}

fn table(screen: &mut Screen<'_>, releases: &[ReleaseStatus]) -> io::Result<()> {
    let mut columns = vec![
        Column::left("APPLICATION", Fit::Whole),
        Column::left("VERSION", Fit::Cut),
        Column::left("RELEASE", Fit::Whole),
        Column::right("WORKERS", Fit::Whole),
        Column::right("READY", Fit::Whole),
        Column::right("RESERVED", Fit::Whole),
        Column::right("DELAYED", Fit::Whole),
        Column::right("BURIED", Fit::Whole),
        Column::left("TUBE", Fit::Drop(1)),
    ];
    let plain = screen.terminal().is_none();
    if plain {
        columns.push(Column::left("REASON", Fit::Whole));
    }
    let mut table = Table::new(columns);
    for release in releases {
        let said = said(release);
        let mut cells = cells(release);
        let mut notes = Vec::new();
        if plain {
            cells.push(optional(said));
        } else {
            notes.extend(said.map(|text| (tone(release), text)));
        }
        table.push(Row { cells, notes });
    }
    table.print(screen)
}

fn cells(release: &ReleaseStatus) -> Vec<Cell> {
    let jobs = |of: fn(&Jobs) -> u64| optional(release.jobs.as_ref().map(of));
    vec![
        (Tone::Plain, release.application.to_string()),
        optional(release.version.as_ref()),
        (tone(release), release.part.word().to_owned()),
        (Tone::Plain, format!("{}/{}{}", release.workers_ready, release.workers, bounds(release))),
        jobs(|jobs| jobs.ready),
        jobs(|jobs| jobs.reserved),
        jobs(|jobs| jobs.delayed),
        jobs(|jobs| jobs.buried),
        optional(release.tube.as_ref()),
    ]
}

/// ` of 1-8` where they go by the load.
fn bounds(release: &ReleaseStatus) -> String {
    release
        .scaling
        .as_ref()
        .map_or_else(String::new, |scaling| format!(" of {}-{}", scaling.min, scaling.max))
}

fn tone(release: &ReleaseStatus) -> Tone {
    match release.part {
        Part::Canary if release.reason.is_some() => Tone::Bad,
        Part::Canary => Tone::Plain,
        Part::Current => Tone::Good,
        Part::Draining | Part::Leaving => Tone::Faint,
    }
}

/// What is to be told beside the figures.
fn said(release: &ReleaseStatus) -> Option<String> {
    let pinned = release.pinned_against.as_ref().map(|version| {
        format!("rolled back from {version}; `abaqis-daemons deploy {}` undoes that", release.application)
    });
    match (&release.reason, pinned) {
        (Some(reason), Some(pinned)) => Some(format!("{pinned}; {reason}")),
        (reason, pinned) => reason.clone().or(pinned),
    }
}

/// On a terminal, below the instances: the releases of those applications that have several, or whose
/// workers go by the load.
pub(super) fn below_status(screen: &mut Screen<'_>, releases: &[ReleaseStatus]) -> io::Result<()> {
    let several = |release: &&ReleaseStatus| {
        release.scaling.is_some()
            || releases.iter().filter(|other| other.application == release.application).count() > 1
    };
    for release in releases.iter().filter(several) {
        let version = release.version.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        let name = format!("{} {version} ", release.application);
        let jobs = release.jobs.map(|Jobs { ready, reserved, delayed, buried }| {
            format!(": {ready} ready, {reserved} reserved, {delayed} delayed, {buried} buried")
        });
        let tube = release.tube.as_ref().map_or_else(String::new, |tube| format!(", tube {tube}"));
        let workers = release.scaling.as_ref().map_or_else(String::new, |scaling| {
            format!(
                ", {} workers of {} to {}, {} wanted",
                release.workers, scaling.min, scaling.max, scaling.wanted
            )
        });
        let rest = format!("{workers}{tube}{}", jobs.unwrap_or_default());
        let said = said(release).map_or_else(String::new, |text| format!("; {text}"));
        screen.line(&[
            (Tone::Plain, &name),
            (tone(release), release.part.word()),
            (Tone::Plain, &rest),
            (tone(release), &said),
        ])?;
    }
    Ok(())
}
