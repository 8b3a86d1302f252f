//! What the worker tells its supervisor, over the notify socket that every daemon gets.
//!
//! `X_AYL_JOB=ID CODE` while a job runs, `X_AYL_JOB=` when it does not; READY when the
//! application has booted; STATUS in words. While there is no queue it cannot become
//! ready, and asks for more time.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use sd_notify::NotifyState;

use super::core::Doing;
use super::journal::Journal;
use crate::config::parse_duration;

/// How much of a job's code is shown, in characters.
const SHOWN: usize = 60;

/// How long a worker may wait for the queue: as long as it takes.
const FOREVER: Duration = Duration::from_hours(24 * 365);

/// How long an application may take to boot, unless the supervisor says.
const BOOT: Duration = Duration::from_secs(90);

/// Says what the worker does now. `code` is the job's, while one runs.
pub(super) fn show(doing: Doing, code: &str, journal: &Journal) {
    let time = match doing {
        Doing::NoQueue => Some(FOREVER),
        // Its time to be ready begins when there is a queue.
        Doing::Booting => Some(time_to_boot()),
        Doing::Idle | Doing::Running(_) | Doing::Leaving => None,
    };
    let time = time.map(|time| format!("EXTEND_TIMEOUT_USEC={}", time.as_micros()));
    let state = |text: &str, job: &str, ready: bool| {
        let job = format!("X_AYL_JOB={job}");
        let mut states = vec![NotifyState::Status(text), NotifyState::Custom(&job)];
        states.extend(ready.then_some(NotifyState::Ready));
        states.extend(time.as_deref().map(NotifyState::Custom));
        tell(&states);
    };
    match doing {
        Doing::NoQueue => state(journal.queue_reason().unwrap_or("waits for the queue"), "", false),
        Doing::Booting => state("boots the application", "", false),
        Doing::Idle => state(&journal.idle(), "", true),
        Doing::Running(id) => {
            let code = first_line(code);
            state(&format!("runs job {id}: {code}"), &format!("{id} {code}"), true);
        }
        Doing::Leaving => state("leaves", "", false),
    }
}

/// Tells the supervisor, if there is one.
///
/// Never waits: a supervisor that reads nothing for a while is not to hold up the loop that touches
/// jobs. What it misses is in the next message again.
pub(crate) fn tell(states: &[NotifyState<'_>]) {
    if let Some(address) = std::env::var_os("NOTIFY_SOCKET") {
        let lines: Vec<String> = states.iter().map(ToString::to_string).collect();
        let _ = send(&address, &lines.join("\n"));
    }
}

fn send(address: &OsStr, lines: &str) -> io::Result<()> {
    let to = match address.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(address)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.send_to_addr(lines.as_bytes(), &to).map(drop)
}

fn time_to_boot() -> Duration {
    let given = std::env::var("AYL_READY_TIMEOUT").ok();
    given.and_then(|text| parse_duration(&text).ok()).unwrap_or(BOOT)
}

/// The last word: why it leaves, if that is an error.
pub(super) fn leaving(reason: Option<&str>) {
    let Some(reason) = reason else { return };
    // A notification is one line a state; the first lines say most.
    let text: String = reason.chars().map(|c| if c == '\n' { ' ' } else { c }).take(2000).collect();
    tell(&[NotifyState::Status(&text)]);
}

/// How often the supervisor wants to hear that the loop turns: half of `WATCHDOG_USEC`.
pub(super) fn watchdog() -> Option<Duration> {
    let period: u64 = std::env::var("WATCHDOG_USEC").ok()?.parse().ok()?;
    Some(Duration::from_micros(period / 2)).filter(|period| !period.is_zero())
}

/// Says that the loop turns, at that period; never ends.
pub(super) async fn ping(period: Duration) {
    let mut pings = tokio::time::interval(period);
    loop {
        pings.tick().await;
        tell(&[NotifyState::Watchdog]);
    }
}

/// The first characters, without line ends.
fn first_line(code: &str) -> String {
    code.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_supervisor_that_reads_nothing_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let listens = UnixDatagram::bind(&path).unwrap();
        let full = (0..100_000).find_map(|_| send(path.as_os_str(), "READY=1\n").err());
        assert_eq!(full.unwrap().kind(), io::ErrorKind::WouldBlock);
        let mut bytes = [0; 100];
        let count = listens.recv(&mut bytes).unwrap();
        assert_eq!(&bytes[..count], b"READY=1\n");
        send(path.as_os_str(), "READY=1\n").unwrap();
    }

    #[test]
    fn a_name_that_is_no_path_is_spoken_to_as_well() {
        let name = format!("abaqis-daemons-test-{}", std::process::id());
        let listens = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        send(OsStr::new(&format!("@{name}")), "STATUS=x\n").unwrap();
        assert_eq!(listens.recv(&mut [0; 100]).unwrap(), 9);
    }

    #[test]
    fn code_is_shown_on_one_line_and_not_at_length() {
        assert_eq!(first_line("a\nb\tc"), "a b c");
        assert_eq!(first_line(&"ü".repeat(100)).chars().count(), SHOWN);
    }
}
