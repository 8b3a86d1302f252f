//! The table of `status`.
//!
//! On a terminal each instance has a short row; what is to be said of it (why it does not
//! run, which job it runs) stands below, and once for a group that has it in common. In a
//! pipe each instance has one line with everything whole.

use std::io;

use jiff::Timestamp;

use crate::cli::human::{age, bytes};
use crate::cli::screen::{Screen, Tone};
use crate::cli::table::{Cell, Column, Fit, Row, Table, fold, note_width, optional};
use crate::control::status::{InstanceStatus, SUMMED, State, rfc3339};

/// The most lines a reason has on a terminal: enough for an error and where it comes from.
const REASON_LINES: usize = 8;

/// Prints `instances` as they are at `now`, and on a terminal how many are in which state.
pub(super) fn table(screen: &mut Screen<'_>, instances: &[InstanceStatus], now: Timestamp) -> io::Result<()> {
    let Some(size) = screen.terminal() else { return plain(screen, instances, now) };
    let mut table = Table::new([
        Column::left("INSTANCE", Fit::Cut),
        Column::left("STATE", Fit::Whole),
        Column::right("PID", Fit::Whole),
        Column::right("SINCE", Fit::Whole),
        Column::right("RESTARTS", Fit::Drop(1)),
        Column::right("MEMORY", Fit::Drop(2)),
        Column::left("VERSION", Fit::Drop(3)),
    ]);
    for (i, instance) in instances.iter().enumerate() {
        let reason = reason(instance);
        let shared = instances.get(i + 1).is_some_and(|next| same_trouble(instance, next));
        let mut notes = Vec::new();
        if let Some(reason) = reason.filter(|_| !shared) {
            let tone = Tone::of(instance.state);
            let tone = if tone == Tone::Good { Tone::Faint } else { tone };
            let lines = fold(&reason, note_width(size.columns), REASON_LINES);
            notes.extend(lines.into_iter().map(|line| (tone, line)));
        }
        notes.extend(doing(instance, now).map(|text| (Tone::Faint, text)));
        table.push(Row { cells: cells(instance, now), notes });
    }
    table.print(screen)?;
    if instances.is_empty() {
        return screen.line(&[(Tone::Faint, "no instances: the configuration has no daemons")]);
    }
    summary(screen, instances)
}

fn cells(instance: &InstanceStatus, now: Timestamp) -> Vec<Cell> {
    vec![
        (Tone::Plain, instance.instance.to_string()),
        (Tone::of(instance.state), instance.state.to_string()),
        optional(instance.pid),
        (Tone::Plain, age(instance.since, now)),
        (Tone::Plain, instance.restarts.to_string()),
        optional(instance.memory.map(bytes)),
        optional(instance.version.as_ref().map(|version| crate::cli::screen::cut(version.as_str(), 12))),
    ]
}

/// One line each, everything whole.
fn plain(screen: &mut Screen<'_>, instances: &[InstanceStatus], now: Timestamp) -> io::Result<()> {
    let mut table = Table::new([
        Column::left("INSTANCE", Fit::Whole),
        Column::left("STATE", Fit::Whole),
        Column::right("PID", Fit::Whole),
        Column::left("SINCE", Fit::Whole),
        Column::right("RESTARTS", Fit::Whole),
        Column::right("MEMORY", Fit::Whole),
        Column::left("VERSION", Fit::Whole),
        Column::left("TUBE", Fit::Whole),
        Column::left("REASON", Fit::Whole),
    ]);
    for instance in instances {
        let said: Vec<String> = [reason(instance), doing(instance, now)].into_iter().flatten().collect();
        let said = Some(said.join("; ")).filter(|said| !said.is_empty());
        table.push(Row {
            cells: vec![
                (Tone::Plain, instance.instance.to_string()),
                (Tone::Plain, instance.state.to_string()),
                optional(instance.pid),
                (Tone::Plain, rfc3339::text(instance.since)),
                (Tone::Plain, instance.restarts.to_string()),
                optional(instance.memory),
                optional(instance.version.as_ref()),
                optional(instance.tube.as_ref()),
                optional(said),
            ],
            notes: Vec::new(),
        });
    }
    table.print(screen)
}

/// Why it is not as it should be; of one that is not up, at least how it ended.
fn reason(instance: &InstanceStatus) -> Option<String> {
    let ended = || {
        let restless = matches!(instance.state, State::Backoff | State::Failed | State::Starting);
        instance.last_exit.as_ref().filter(|_| restless).map(|exit| format!("last exit: {exit}"))
    };
    instance.reason.clone().or_else(ended)
}

/// Whether what is wrong with both needs to be said only once.
fn same_trouble(one: &InstanceStatus, next: &InstanceStatus) -> bool {
    one.state == next.state
        && one.application == next.application
        && one.reason.is_some()
        && one.reason == next.reason
        && one.job.is_none()
        && one.status.is_none()
}

/// The job it runs, else what it says of itself.
fn doing(instance: &InstanceStatus, now: Timestamp) -> Option<String> {
    match (&instance.job, instance.job_since) {
        (Some(job), Some(since)) => Some(format!("job {job}, for {}", age(since, now))),
        (Some(job), None) => Some(format!("job {job}")),
        (None, _) => instance.status.clone(),
    }
}

/// `12 ready, 1 failed`.
fn summary(screen: &mut Screen<'_>, instances: &[InstanceStatus]) -> io::Result<()> {
    let mut pieces = Vec::new();
    for state in SUMMED {
        let count = instances.iter().filter(|instance| instance.state == state).count();
        if count > 0 {
            let comma = if pieces.is_empty() { "" } else { ", " };
            pieces.extend([(Tone::Plain, comma.to_owned()), (Tone::of(state), format!("{count} {state}"))]);
        }
    }
    let pieces: Vec<(Tone, &str)> = pieces.iter().map(|(tone, text)| (*tone, text.as_str())).collect();
    screen.line(&pieces)
}
