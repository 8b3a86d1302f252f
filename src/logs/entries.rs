//! The supervisor's own events as entries of the journal, with their fields.
//!
//! ```text
//!     event ─► Entry ─► queue ─► thread ─► journald
//! ```
//!
//! Whoever has something to say never waits for journald, which may hang. While it does, the queue fills;
//! what is said beyond that is dropped, counted, and told of afterwards. The bytes are those of
//! <https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>.

use std::fmt;
use std::io::{self, IoSlice};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use nix::sys::socket::{ControlMessage, MsgFlags, UnixAddr, sendmsg};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use crate::process::hold_signals;
use crate::process::memory::leave_message;

/// Where journald takes entries.
const SOCKET: &str = "/run/systemd/journal/socket";

/// How many entries may wait for journald.
const QUEUE: usize = 1024;

/// What the thread is given.
enum Piece {
    Entry(Vec<u8>),
    Flush(SyncSender<()>),
}

/// A way to journald.
#[derive(Debug, Clone)]
pub(super) struct Entries {
    /// Who speaks: `SYSLOG_IDENTIFIER`.
    name: String,
    queue: SyncSender<Piece>,
    /// How many entries found no room since that was last said.
    dropped: Arc<AtomicU64>,
}

/// The one of this process, once there is one.
static OWN: OnceLock<Entries> = OnceLock::new();

impl Entries {
    /// For this process, which speaks as `name`. An error if there is no journald.
    pub(super) fn begin(name: &str) -> io::Result<Self> {
        let entries = Self::at(SOCKET.into(), name)?;
        Ok(OWN.get_or_init(|| entries).clone())
    }

    fn at(socket: PathBuf, name: &str) -> io::Result<Self> {
        let own = UnixDatagram::unbound()?;
        own.set_nonblocking(true)?;
        // An entry of no fields is none. One that finds no room shows that journald is there.
        match own.send_to(&[], &socket) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            _ => own.set_nonblocking(false)?,
        }
        let (queue, pieces) = sync_channel(QUEUE);
        let entries = Self { name: name.to_owned(), queue, dropped: Arc::default() };
        let (dropped, name) = (entries.dropped.clone(), entries.name.clone());
        let thread = thread::Builder::new().name("journal".to_owned()).stack_size(64 * 1024);
        thread.spawn(move || {
            hold_signals();
            write(&pieces, &dropped, &name, |entry| send(&own, &socket, entry));
        })?;
        Ok(entries)
    }

    /// Waits until journald has all that was said before, but no longer than this.
    pub(super) fn flush(&self, at_most: Duration) {
        super::flush(|done| self.queue.try_send(Piece::Flush(done)).is_ok(), at_most);
    }
}

/// Waits until journald has all that this process said, but no longer than this.
pub(super) fn flush(at_most: Duration) {
    if let Some(entries) = OWN.get() {
        entries.flush(at_most);
    }
}

fn write(pieces: &Receiver<Piece>, dropped: &AtomicU64, name: &str, mut send: impl FnMut(&[u8])) {
    while let Ok(first) = pieces.recv() {
        for piece in std::iter::once(first).chain(pieces.try_iter()) {
            match piece {
                Piece::Entry(entry) => send(&entry),
                Piece::Flush(done) => drop(done.try_send(())),
            }
        }
        // They came after those that found room.
        let missing = dropped.swap(0, Ordering::Relaxed);
        if missing > 0 {
            let mut note = Entry::new(name, Level::WARN);
            note.add("MESSAGE", &format!("entries dropped, for the journal did not keep up: {missing}"));
            send(&note.0);
        }
    }
}

/// Gives journald an entry; one that fits into no datagram in a sealed file. While journald is away nobody
/// can be told.
fn send(own: &UnixDatagram, socket: &Path, entry: &[u8]) {
    match own.send_to(entry, socket) {
        Err(error) if error.raw_os_error() == Some(libc::EMSGSIZE) => {
            let Ok(file) = leave_message(entry) else { return };
            let Ok(address) = UnixAddr::new(socket) else { return };
            let file = [file.as_raw_fd()];
            let with = [ControlMessage::ScmRights(&file)];
            let _ = sendmsg(own.as_raw_fd(), &[IoSlice::new(&[])], &with, MsgFlags::empty(), Some(&address));
        }
        _ => {}
    }
}

/// The bytes of an entry.
struct Entry(Vec<u8>);

impl Entry {
    fn new(name: &str, level: Level) -> Self {
        let mut entry = Self(Vec::with_capacity(512));
        let priority = match level {
            Level::ERROR => "3",
            Level::WARN => "4",
            Level::INFO => "6",
            Level::DEBUG | Level::TRACE => "7",
        };
        entry.add("PRIORITY", priority);
        entry.add("SYSLOG_IDENTIFIER", name);
        entry
    }

    fn add(&mut self, name: &str, value: &str) {
        self.0.extend_from_slice(name.as_bytes());
        if value.contains('\n') {
            self.0.push(b'\n');
            self.0.extend_from_slice(&(value.len() as u64).to_le_bytes());
        } else {
            self.0.push(b'=');
        }
        self.0.extend_from_slice(value.as_bytes());
        self.0.push(b'\n');
    }
}

/// `instance` is `INSTANCE=`, and so on.
impl Visit for Entry {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(&field.name().to_ascii_uppercase(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

impl<S: Subscriber> Layer<S> for Entries {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let mut entry = Entry::new(&self.name, *metadata.level());
        entry.add("TARGET", metadata.target());
        if let (Some(file), Some(line)) = (metadata.file(), metadata.line()) {
            entry.add("CODE_FILE", file);
            entry.add("CODE_LINE", &line.to_string());
        }
        event.record(&mut entry);
        if self.queue.try_send(Piece::Entry(entry.0)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    fn read(journald: &UnixDatagram) -> String {
        let mut bytes = vec![0; 4096];
        journald.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        let n = journald.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..n].to_vec()).unwrap()
    }

    #[test]
    fn an_event_is_an_entry_with_its_fields() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let journald = UnixDatagram::bind(&path).unwrap();
        let entries = Entries::at(path, "abaqis-daemons").unwrap();
        assert_eq!(read(&journald), "", "whether it is there");
        let said = tracing_subscriber::registry().with(entries.clone());
        tracing::subscriber::with_default(said, || {
            tracing::error!(instance = "a/s/1", pid = 7, exit = %"exit 1", "a/s/1 failed: {}", "exit 1");
            tracing::info!("two\nlines");
        });
        entries.flush(Duration::from_mins(1));
        let line = |entry: &str, line: &str| assert!(entry.lines().any(|found| found == line), "{entry}");
        let first = read(&journald);
        for field in [
            "PRIORITY=3",
            "SYSLOG_IDENTIFIER=abaqis-daemons",
            "TARGET=abaqis_daemons::logs::entries::tests",
            "CODE_FILE=src/logs/entries.rs",
            "MESSAGE=a/s/1 failed: exit 1",
            "INSTANCE=a/s/1",
            "PID=7",
            "EXIT=exit 1",
        ] {
            line(&first, field);
        }
        let second = read(&journald);
        line(&second, "PRIORITY=6");
        assert!(second.ends_with("MESSAGE\n\u{9}\0\0\0\0\0\0\0two\nlines\n"), "{second:?}");
    }

    #[test]
    fn who_speaks_to_a_journal_that_hangs_does_not_wait_and_what_is_missing_is_told() {
        let (queue, pieces) = sync_channel(2);
        let entries = Entries { name: "a".to_owned(), queue, dropped: Arc::default() };
        let said = tracing_subscriber::registry().with(entries.clone());
        tracing::subscriber::with_default(said, || {
            for n in 0..5 {
                tracing::info!("event {n}");
            }
        });
        entries.flush(Duration::from_millis(5));
        let dropped = entries.dropped.clone();
        drop(entries);
        let mut messages = Vec::new();
        write(&pieces, &dropped, "a", |entry| {
            let text = String::from_utf8(entry.to_vec()).unwrap();
            messages.extend(text.lines().find_map(|line| line.strip_prefix("MESSAGE=")).map(str::to_owned));
        });
        let missing = "entries dropped, for the journal did not keep up: 3";
        assert_eq!(messages, ["event 0", "event 1", missing]);
    }

    #[test]
    fn an_entry_too_large_for_a_datagram_comes_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let journald = UnixDatagram::bind(&path).unwrap();
        let own = UnixDatagram::unbound().unwrap();
        send(&own, &path, &vec![b'x'; 8 << 20]);
        journald.set_nonblocking(true).unwrap();
        let mut space = nix::cmsg_space!(i32);
        let received = nix::sys::socket::recvmsg::<()>(
            journald.as_raw_fd(),
            &mut [],
            Some(&mut space),
            MsgFlags::MSG_CMSG_CLOEXEC,
        );
        let with = received.unwrap().cmsgs().unwrap().next();
        let Some(nix::sys::socket::ControlMessageOwned::ScmRights(files)) = with else { panic!("{with:?}") };
        let size = std::fs::metadata(format!("/proc/self/fd/{}", files[0])).unwrap().len();
        assert_eq!(size, 8 << 20);
    }

    #[test]
    fn without_a_journal_there_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = Entries::at(folder.path().join("none"), "a").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
