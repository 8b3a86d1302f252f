//! The supervisor's own events on their way to the journal.
//!
//! ```text
//!     event ─► its values ─► queue ─► thread: the same event again ─► tracing-journald ─► journald
//! ```
//!
//! Whoever has something to say never waits for journald, which may hang. While it does, the queue fills;
//! what is said beyond that is dropped, counted, and told of afterwards.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use tracing::field::{Field, Value, Visit};
use tracing::{Dispatch, Event, Metadata, Subscriber, dispatcher};
use tracing_journald::{Priority, PriorityMappings};
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::process::hold_signals;

/// How many events may wait for journald.
const QUEUE: usize = 1024;

/// How many fields of an event are passed on; none has as many.
const FIELDS: usize = 16;

/// How long journald may take to show that it is there.
const MOMENT: Duration = Duration::from_secs(1);

/// What the thread is given.
enum Piece {
    Event(Said),
    Flush(SyncSender<()>),
}

/// An event that outlives the moment: `tracing`'s own does not.
struct Said {
    of: &'static Metadata<'static>,
    values: Vec<(Field, String)>,
}

impl Said {
    fn new(event: &Event<'_>) -> Self {
        let mut said = Self { of: event.metadata(), values: Vec::new() };
        event.record(&mut said);
        said
    }

    /// Says it again.
    fn to(&self, journal: &Dispatch) {
        let Some((any, _)) = self.values.first() else { return };
        let mut values: [(&Field, Option<&dyn Value>); FIELDS] = [(any, None); FIELDS];
        for (place, (field, value)) in values.iter_mut().zip(&self.values) {
            *place = (field, Some(value));
        }
        // As `tracing-log` does it for events of another library.
        journal.event(&Event::new(self.of, &self.of.fields().value_set(&values)));
    }
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.values.push((field.clone(), value.to_owned()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

/// A way to the journal.
#[derive(Debug, Clone)]
pub(super) struct Entries {
    queue: SyncSender<Piece>,
    /// How many events found no room since that was last said.
    dropped: Arc<AtomicU64>,
}

/// The one of this process, once there is one.
static OWN: OnceLock<Entries> = OnceLock::new();

impl Entries {
    /// For this process, which speaks as `name`; `filter` is that of its events. An error if there is no
    /// journald.
    pub(super) fn begin(name: &str, filter: EnvFilter) -> io::Result<Self> {
        let (queue, pieces) = sync_channel(QUEUE);
        let entries = Self { queue, dropped: Arc::default() };
        let (dropped, name) = (Arc::clone(&entries.dropped), name.to_owned());
        let (there, is_there) = sync_channel(1);
        let thread = thread::Builder::new().name("journal".to_owned()).stack_size(128 * 1024);
        thread.spawn(move || {
            hold_signals();
            match tracing_journald::layer() {
                Ok(journal) => {
                    let _ = there.send(Ok(()));
                    let journal = fields_as_they_are(journal, name);
                    write(
                        &pieces,
                        &dropped,
                        &tracing_subscriber::registry().with(filter).with(journal).into(),
                    );
                }
                Err(error) => drop(there.send(Err(error))),
            }
        })?;
        // One that takes longer is there, and busy.
        is_there.recv_timeout(MOMENT).unwrap_or(Ok(()))?;
        Ok(OWN.get_or_init(|| entries).clone())
    }

    /// Waits until journald has all that was said before, but no longer than this.
    fn flush(&self, at_most: Duration) {
        super::flush(|done| self.queue.try_send(Piece::Flush(done)).is_ok(), at_most);
    }
}

/// Waits until journald has all that this process said, but no longer than this.
pub(super) fn flush(at_most: Duration) {
    if let Some(entries) = OWN.get() {
        entries.flush(at_most);
    }
}

/// `instance` is `INSTANCE=`, and so on; information is no notice.
fn fields_as_they_are(journal: tracing_journald::Layer, name: String) -> tracing_journald::Layer {
    let priorities = PriorityMappings {
        info: Priority::Informational,
        debug: Priority::Debug,
        trace: Priority::Debug,
        ..PriorityMappings::new()
    };
    journal.with_syslog_identifier(name).with_field_prefix(None).with_priority_mappings(priorities)
}

fn write(pieces: &Receiver<Piece>, dropped: &AtomicU64, journal: &Dispatch) {
    while let Ok(first) = pieces.recv() {
        for piece in std::iter::once(first).chain(pieces.try_iter()) {
            match piece {
                Piece::Event(said) => said.to(journal),
                Piece::Flush(done) => drop(done.try_send(())),
            }
        }
        // They came after those that found room.
        let missing = dropped.swap(0, Ordering::Relaxed);
        if missing > 0 {
            dispatcher::with_default(journal, || {
                tracing::warn!("entries dropped, for the journal did not keep up: {missing}");
            });
        }
    }
}

impl<S: Subscriber> Layer<S> for Entries {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if self.queue.try_send(Piece::Event(Said::new(event))).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    /// In the journal's place: each event with its level, and its fields in the order they come in.
    struct Heard(Sender<String>);

    impl<S: Subscriber> Layer<S> for Heard {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let said = Said::new(event);
            let fields: Vec<String> =
                said.values.iter().map(|(field, value)| format!("{}={value}", field.name())).collect();
            let of = event.metadata();
            let _ = self.0.send(format!("{} {} {}", of.level(), of.target(), fields.join(" ")));
        }
    }

    /// What the journal hears of what is said while it hangs, with room for so many.
    fn heard(room: usize, say: impl FnOnce()) -> Vec<String> {
        let (queue, pieces) = sync_channel(room);
        let entries = Entries { queue, dropped: Arc::default() };
        let own: Dispatch = tracing_subscriber::registry().with(entries.clone()).into();
        dispatcher::with_default(&own, say);
        drop(own);
        entries.flush(Duration::from_millis(5));
        let dropped = Arc::clone(&entries.dropped);
        drop(entries);
        let (sender, heard) = channel();
        write(&pieces, &dropped, &tracing_subscriber::registry().with(Heard(sender)).into());
        heard.try_iter().collect()
    }

    #[test]
    fn an_event_comes_to_the_journal_with_its_fields() {
        let heard = heard(8, || {
            tracing::error!(instance = "a/s/1", pid = 7, exit = %"exit 1", job = None::<u64>, "a/s/1 failed: {}", "exit 1");
            tracing::info!("two\nlines");
        });
        let target = module_path!();
        let first = format!("ERROR {target} message=a/s/1 failed: exit 1 instance=a/s/1 pid=7 exit=exit 1");
        assert_eq!(heard, [first, format!("INFO {target} message=two\nlines")]);
    }

    #[test]
    fn who_speaks_to_a_journal_that_hangs_does_not_wait_and_what_is_missing_is_told() {
        let heard = heard(2, || {
            for n in 0..5 {
                tracing::info!("event {n}");
            }
        });
        let messages: Vec<&str> =
            heard.iter().filter_map(|said| said.split_once("message=")).map(|(_, text)| text).collect();
        let missing = "entries dropped, for the journal did not keep up: 3";
        assert_eq!(messages, ["event 0", "event 1", missing]);
    }
}
