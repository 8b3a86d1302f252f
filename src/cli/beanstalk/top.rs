//! `top`: the tubes as they fill and empty.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use serde_json::json;

use super::print;
use super::session::Session;
use crate::beanstalk::{ServerStatistics, TubeStatistics};
use crate::cli::exit::{Error, Exit};
use crate::cli::screen::{Screen, Tone};
use crate::cli::table::{Cell, Column, Fit, Row, Table};
use crate::names::Tube;

/// What the server said at one moment.
struct Look {
    server: ServerStatistics,
    tubes: Vec<TubeStatistics>,
    at: Instant,
}

/// How many jobs came and went, a second.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rates {
    put: f64,
    deleted: f64,
}

/// Runs the command: live on a terminal, once elsewhere.
pub(super) fn run(session: &mut Session) -> Result<Exit, Error> {
    let live = crate::cli::live::possible(&Screen::stdout()) && !session.json;
    if live {
        session.watch_at_least(Duration::from_secs(1));
    }
    let json = session.json;
    let mut before: Option<Look> = None;
    session.show(look, |screen, now| {
        if json {
            let tubes: Vec<_> = now.tubes.iter().map(|tube| print::json_statistics(&tube.all)).collect();
            print::json(screen, &json!({"server": print::json_statistics(&now.server.all), "tubes": tubes}))?;
        } else {
            let rates = before.as_ref().map(|before| rates(before, &now)).unwrap_or_default();
            draw(screen, &now, &rates)?;
        }
        before = Some(now);
        Ok(Exit::Success)
    })
}

fn look(session: &mut Session) -> Result<Look, Error> {
    session.ask(async |client| {
        let server = client.stats().await?;
        let tubes = client.stats_tubes().await?;
        Ok(Look { server, tubes, at: Instant::now() })
    })
}

fn rates(before: &Look, now: &Look) -> BTreeMap<Tube, Rates> {
    let seconds = now.at.duration_since(before.at).as_secs_f64().max(0.001);
    let known: BTreeMap<&Tube, &TubeStatistics> =
        before.tubes.iter().map(|tube| (&tube.name, tube)).collect();
    let rates = now.tubes.iter().filter_map(|tube| {
        let was = known.get(&tube.name)?;
        // A tube that was empty meanwhile counts anew. A rate needs no more than 32 bits.
        let rate = |now: u64, was: u64| {
            f64::from(u32::try_from(now.saturating_sub(was)).unwrap_or(u32::MAX)) / seconds
        };
        let rates = Rates { put: rate(tube.total, was.total), deleted: rate(tube.deleted, was.deleted) };
        Some((tube.name.clone(), rates))
    });
    rates.collect()
}

fn draw(screen: &mut Screen<'_>, now: &Look, rates: &BTreeMap<Tube, Rates>) -> io::Result<()> {
    let server = &now.server;
    let head = format!(
        "beanstalkd {} on {}: {} ready, {} reserved, {} delayed, {} buried; {} connections",
        server.version,
        server.hostname,
        server.ready,
        server.reserved,
        server.delayed,
        server.buried,
        server.connections
    );
    screen.line(&[(Tone::Plain, &head)])?;
    if server.draining {
        screen.line(&[(Tone::Bad, "it is draining and takes no new jobs")])?;
    }
    let mut table = Table::new([
        Column::left("TUBE", Fit::Cut),
        Column::right("READY", Fit::Whole),
        Column::right("RESERVED", Fit::Whole),
        Column::right("DELAYED", Fit::Whole),
        Column::right("BURIED", Fit::Whole),
        Column::right("WORKERS", Fit::Whole),
        Column::right("WAITING", Fit::Drop(3)),
        Column::right("PUT/S", Fit::Drop(2)),
        Column::right("DONE/S", Fit::Drop(1)),
    ]);
    for tube in &now.tubes {
        table.push(row(tube, rates.get(&tube.name)));
    }
    table.print(screen)
}

fn row(tube: &TubeStatistics, rates: Option<&Rates>) -> Row {
    let rate = |rate: Option<f64>| rate.map_or("-".to_owned(), |rate| format!("{rate:.1}"));
    let number = |tone, number: u64| -> Cell { (tone, number.to_string()) };
    // Jobs that nobody will take are what one looks for here.
    let stuck = tube.ready > 0 && tube.watching == 0;
    let bad = |is_bad| if is_bad { Tone::Bad } else { Tone::Plain };
    let mut notes = Vec::new();
    if tube.pause_left > 0 {
        notes.push((Tone::Moving, format!("paused for {} s more", tube.pause_left)));
    }
    if stuck {
        notes.push((Tone::Bad, "jobs are ready and no worker watches the tube".to_owned()));
    }
    let cells = vec![
        (Tone::Plain, tube.name.to_string()),
        number(bad(stuck), tube.ready),
        number(Tone::Plain, tube.reserved),
        number(Tone::Plain, tube.delayed),
        number(bad(tube.buried > 0), tube.buried),
        number(bad(stuck), tube.watching),
        number(Tone::Plain, tube.waiting),
        (Tone::Plain, rate(rates.map(|rates| rates.put))),
        (Tone::Plain, rate(rates.map(|rates| rates.deleted))),
    ];
    Row { cells, notes }
}
