//! `plan`: what `reload` would do, instance by instance.

use std::io::{self, Write};

use clap::Args;

use super::ask::Supervisor;
use super::exit::{Error, Exit};
use super::json;
use super::screen::{Screen, Tone};
use super::table::{Column, Fit, Row, Table};
use crate::control::messages::{Request, Response};
use crate::control::status::{ChangeAction, PlannedChange};

/// The arguments of `plan`.
#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// Write a JSON array, an object for each instance
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    supervisor: Supervisor,
}

impl Plan {
    /// Runs the command.
    pub(crate) fn run(&self) -> Result<Exit, Error> {
        let mut screen = Screen::stdout();
        let mut changes = Vec::new();
        self.supervisor.ask("the plan", &Request::Plan, |response| {
            if let Response::Change(change) = response {
                changes.push(change);
            }
            Ok(())
        })?;
        if self.json {
            json::array(&mut screen, &changes)?;
        } else {
            table(&mut screen, &changes)?;
        }
        screen.flush()?;
        Ok(Exit::Success)
    }
}

fn table(screen: &mut Screen<'_>, changes: &[PlannedChange]) -> io::Result<()> {
    let mut table = Table::new([
        Column::left("INSTANCE", Fit::Whole),
        Column::left("ACTION", Fit::Whole),
        Column::left("REASON", Fit::Cut),
    ]);
    for PlannedChange { instance, action, reason } in changes {
        table.push(Row {
            cells: vec![
                (Tone::Plain, instance.to_string()),
                (tone(*action), word(*action).to_owned()),
                (Tone::Plain, reason.clone()),
            ],
            notes: Vec::new(),
        });
    }
    table.print(screen)?;
    if screen.terminal().is_some() {
        let counts = SUMMED.iter().filter_map(|action| {
            let count = changes.iter().filter(|change| change.action == *action).count();
            (count > 0).then(|| format!("{count} {}", word(*action)))
        });
        let counts: Vec<String> = counts.collect();
        let summary = if counts.is_empty() { "nothing to do".to_owned() } else { counts.join(", ") };
        screen.line(&[(Tone::Plain, &summary)])?;
    }
    Ok(())
}

/// In the order of the summary.
const SUMMED: [ChangeAction; 5] = [
    ChangeAction::Start,
    ChangeAction::Stop,
    ChangeAction::Replace,
    ChangeAction::Live,
    ChangeAction::Untouched,
];

fn word(action: ChangeAction) -> &'static str {
    match action {
        ChangeAction::Untouched => "untouched",
        ChangeAction::Live => "live",
        ChangeAction::Stop => "stop",
        ChangeAction::Replace => "replace",
        ChangeAction::Start => "start",
    }
}

fn tone(action: ChangeAction) -> Tone {
    match action {
        ChangeAction::Untouched => Tone::Faint,
        ChangeAction::Start | ChangeAction::Live => Tone::Good,
        ChangeAction::Replace => Tone::Moving,
        ChangeAction::Stop => Tone::Bad,
    }
}
