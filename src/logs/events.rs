//! The supervisor's own events: to the journal with fields, or as lines to stderr.
//!
//! An event's fields become the journal's by name: `instance` is `INSTANCE=`. A terminal
//! shows the text, which says it all but for the system's reason:
//! `abaqis-daemons | warning: cannot reap process 7 of a/s/1: No child processes (os error 10)`.
//! `ABAQIS_LOG` says what is written, as in `debug` or `abaqis_daemons::process=trace`;
//! who asks for that much sees the fields on a terminal, too.

use std::fmt;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::sys::socket::{UnixAddr, getpeername};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{EnvFilter, LevelFilter};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use super::entries::Entries;
use super::terminal::{Prefix, Terminal, is_colored};

/// The variable that says which events are written.
const FILTER: &str = "ABAQIS_LOG";

/// Where the journal's streams lead.
const JOURNAL: &str = "/run/systemd/journal/stdout";

/// While this lives, events are written; dropped, it waits a moment for the last of them.
#[derive(Debug)]
#[must_use]
pub struct Events;

impl Events {
    /// Begins to write as `name`: to the journal if that is what stderr is connected to,
    /// else to stderr, with the name before each line unless it is empty. An error if
    /// somebody else in this process already does.
    pub fn begin(name: &str) -> io::Result<Self> {
        let filter = filter();
        let fields = filter.max_level_hint().is_none_or(|most| most >= LevelFilter::DEBUG);
        let registry = tracing_subscriber::registry().with(filter);
        let failed = |error: TryInitError| io::Error::other(error);
        if under_journal()
            && let Ok(journal) = Entries::begin(name, self::filter())
        {
            registry.with(journal).try_init().map_err(failed)?;
            return Ok(Self);
        }
        let terminal = Terminal::get()?;
        let prefix = Prefix::new(is_colored(&io::stderr()));
        registry
            .with(Lines { name: name.to_owned(), terminal, prefix, fields })
            .try_init()
            .map_err(failed)?;
        Ok(Self)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        super::settle();
    }
}

/// Of the events that are written.
fn filter() -> EnvFilter {
    EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .with_env_var(FILTER)
        .from_env_lossy()
}

/// Whether stderr is a stream of the journal: `JOURNAL_STREAM` names its device and
/// inode, or, for a daemon that was given a stream of its own, the other end is there.
pub fn under_journal() -> bool {
    named_by_environment() || leads_to_journal()
}

fn leads_to_journal() -> bool {
    let peer = getpeername::<UnixAddr>(io::stderr().as_raw_fd());
    peer.is_ok_and(|peer| peer.path() == Some(Path::new(JOURNAL)))
}

fn named_by_environment() -> bool {
    let Some((device, inode)) = std::env::var("JOURNAL_STREAM")
        .ok()
        .and_then(|value| value.split_once(':').map(|(device, inode)| (device.to_owned(), inode.to_owned())))
    else {
        return false;
    };
    let stderr = io::stderr().as_fd().try_clone_to_owned().map(std::fs::File::from);
    stderr.and_then(|stderr| stderr.metadata()).is_ok_and(|found| {
        Ok(found.dev()) == device.parse::<u64>() && Ok(found.ino()) == inode.parse::<u64>()
    })
}

/// Events as lines on stderr.
struct Lines {
    name: String,
    terminal: Terminal,
    prefix: Prefix,
    /// Whether fields that the text has said are shown.
    fields: bool,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = match *event.metadata().level() {
            Level::ERROR => b"error: ".to_vec(),
            Level::WARN => b"warning: ".to_vec(),
            Level::INFO => Vec::new(),
            Level::DEBUG | Level::TRACE => format!("{}: ", event.metadata().target()).into_bytes(),
        };
        event.record(&mut Message(&mut text));
        event.record(&mut Fields { text: &mut text, all: self.fields });
        let mut line = Vec::new();
        if self.name.is_empty() {
            line.append(&mut text);
            line.push(b'\n');
        } else {
            self.prefix.line(&self.name, &text, &mut line);
        }
        self.terminal.err(line);
    }
}

/// Its message, which comes first.
struct Message<'t>(&'t mut Vec<u8>);

impl Visit for Message<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            // Writing to memory does not fail.
            let _ = write!(self.0, "{value:?}");
        }
    }
}

/// The fields of an event, but for its message.
struct Fields<'t> {
    text: &'t mut Vec<u8>,
    /// Not the system's reason alone.
    all: bool,
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "message" => Ok(()),
            "error" => write!(self.text, ": {value:?}"),
            name if self.all => write!(self.text, " {name}={value:?}"),
            _ => Ok(()),
        };
    }
}
