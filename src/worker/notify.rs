//! What the worker tells its supervisor, over the notify socket that every daemon gets.
//!
//! `X_AYL_JOB=ID CODE` while a job runs, `X_AYL_JOB=` when it does not; READY when the
//! application has booted; STATUS in words. While there is no queue it cannot become
//! ready, and asks for more time.

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
    match doing {
        Doing::NoQueue => extend(FOREVER),
        // Its time to be ready begins when there is a queue.
        Doing::Booting => extend(time_to_boot()),
        Doing::Idle | Doing::Running(_) | Doing::Leaving => {}
    }
    let state = |text: &str, job: &str, ready: bool| {
        let job = format!("X_AYL_JOB={job}");
        let mut states = vec![NotifyState::Status(text), NotifyState::Custom(&job)];
        if ready {
            states.push(NotifyState::Ready);
        }
        // Nobody listens when it was started by hand.
        let _ = sd_notify::notify(&states);
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

/// Asks for so much time, from now on, to become ready.
fn extend(time: Duration) {
    let text = format!("EXTEND_TIMEOUT_USEC={}", time.as_micros());
    let _ = sd_notify::notify(&[NotifyState::Custom(&text)]);
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
    let _ = sd_notify::notify(&[NotifyState::Status(&text)]);
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
        let _ = sd_notify::notify(&[NotifyState::Watchdog]);
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
    fn code_is_shown_on_one_line_and_not_at_length() {
        assert_eq!(first_line("a\nb\tc"), "a b c");
        assert_eq!(first_line(&"ü".repeat(100)).chars().count(), SHOWN);
    }
}
