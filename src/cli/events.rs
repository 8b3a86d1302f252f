//! `events`: every change of state, one line each.

use std::io::{self, Write};

use clap::Args;
use clap_complete::ArgValueCompleter;
use jiff::tz::TimeZone;

use super::ask::Supervisor;
use super::completions::selectors;
use super::exit::{Error, Exit};
use super::json;
use super::screen::{Screen, Tone};
use crate::control::messages::{Request, Response};
use crate::control::status::{Event, rfc3339};
use crate::names::Selector;

/// The arguments of `events`.
#[derive(Debug, Args)]
pub(crate) struct Events {
    /// Whose: all (with the supervisor's own), APPLICATION, APPLICATION/DAEMON or APPLICATION/DAEMON/NUMBER
    #[arg(default_value = "all", hide_default_value = true, add = ArgValueCompleter::new(selectors))]
    selector: Selector,
    /// Keep following as they happen, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
    /// Begin with this many past ones
    #[arg(long, short = 'n', value_name = "NUMBER", default_value_t = 50)]
    lines: u32,
    /// Write a JSON object for each, one a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    supervisor: Supervisor,
}

impl Events {
    /// Runs the command.
    pub(crate) fn run(&self) -> Result<Exit, Error> {
        let mut screen = Screen::stdout();
        let request =
            Request::Events { selector: self.selector.clone(), recent: self.lines, follow: self.follow };
        let zone = TimeZone::system();
        self.supervisor.ask("following events", &request, |response| {
            let Response::Event(event) = response else { return Ok(()) };
            if self.json {
                json::line(&mut screen, &event)?;
            } else {
                line(&mut screen, &event, &zone)?;
            }
            // Someone is watching as they come.
            if self.follow { Ok(screen.flush()?) } else { Ok(()) }
        })?;
        screen.flush()?;
        Ok(Exit::Success)
    }
}

/// `06:24:31 abaqis/worker/2 ready -> backoff (exit 1): …`; in a pipe with the date, in UTC.
fn line(screen: &mut Screen<'_>, event: &Event, zone: &TimeZone) -> io::Result<()> {
    let at = match screen.terminal() {
        Some(_) => event.at.to_zoned(zone.clone()).strftime("%H:%M:%S").to_string(),
        None => rfc3339::text(event.at),
    };
    let application = event.application.as_ref().map(ToString::to_string);
    let who = event.instance.as_ref().map(ToString::to_string).or(application);
    let who = who.unwrap_or_else(|| "supervisor".to_owned());
    let from = event.from.map_or_else(String::new, |state| format!("{state} -> "));
    let gone = if event.from.is_some() { "gone" } else { "" };
    let to = event.to.map_or_else(|| gone.to_owned(), |state| state.to_string());
    let pid = event.pid.map_or_else(String::new, |pid| format!(" pid {pid}"));
    // A reason that begins with the exit does not need it said before.
    let told = |exit: &&String| !event.reason.as_ref().is_some_and(|reason| reason.contains(exit.as_str()));
    let exit = event.exit.as_ref().filter(told).map_or_else(String::new, |exit| format!(" ({exit})"));
    let reason = event.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
    let reason = if to.is_empty() { reason.trim_start_matches(": ") } else { &reason };
    screen.line(&[
        (Tone::Faint, &at),
        (Tone::Plain, " "),
        (Tone::Strong, &who),
        (Tone::Plain, " "),
        (Tone::Faint, &from),
        (event.to.map_or(Tone::Plain, Tone::of), &to),
        (Tone::Faint, &pid),
        (Tone::Plain, &exit),
        (Tone::Plain, reason),
    ])
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::cli::screen::Size;
    use crate::control::status::State;

    fn shown(event: &Event, terminal: Option<Size>) -> String {
        let mut bytes = Vec::new();
        line(&mut Screen::new(&mut bytes, terminal, false), event, &TimeZone::UTC).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    fn event() -> Event {
        Event {
            at: Timestamp::from_millisecond(1_700_000_000_125).unwrap(),
            instance: Some("abaqis/worker/2".parse().unwrap()),
            from: Some(State::Ready),
            to: Some(State::Backoff),
            pid: None,
            exit: Some("exit 1".into()),
            reason: Some("again in 200ms".into()),
            application: None,
            resized: None,
        }
    }

    #[test]
    fn a_pipe_gets_the_whole_instant() {
        assert_eq!(
            shown(&event(), None),
            "2023-11-14T22:13:20.125Z abaqis/worker/2 ready -> backoff (exit 1): again in 200ms\n"
        );
    }

    #[test]
    fn a_terminal_gets_the_time_of_day() {
        let size = Size { columns: 45, rows: 24 };
        assert_eq!(shown(&event(), Some(size)), "22:13:20 abaqis/worker/2 ready -> backoff (e…\n");
    }

    #[test]
    fn an_instance_that_is_no_longer_wanted_is_gone() {
        let event = Event { to: None, exit: Some("exit 0".into()), reason: None, ..event() };
        assert_eq!(shown(&event, None), "2023-11-14T22:13:20.125Z abaqis/worker/2 ready -> gone (exit 0)\n");
    }

    #[test]
    fn the_supervisor_speaks_of_itself_in_words() {
        let event = Event {
            instance: None,
            from: None,
            to: None,
            exit: None,
            reason: Some("reloaded: 2 started".into()),
            ..event()
        };
        assert_eq!(shown(&event, None), "2023-11-14T22:13:20.125Z supervisor reloaded: 2 started\n");
    }
}
