//! Why an instance is as it is, in words for an operator.

use std::fmt::Write;
use std::time::Duration;

use super::actual::{Actual, Idle, Ladder, Stage, Verdict};
use super::life::{Life, Rules};
use super::{Cause, Exit, Fault, Pause};
use crate::config::write_duration;

impl Life {
    /// Why it is in its state, as far as the instance itself knows; what it waits for it does not.
    pub fn reason(&self, rules: &Rules<'_>) -> Option<String> {
        match &self.actual {
            Actual::Idle(Idle::Backoff { pause, fault, .. }) => {
                let mut text = self.fault(*fault, rules);
                let _ = write!(
                    text,
                    ", again in {}",
                    write_duration(rounded(pause.length(&rules.policy.backoff)))
                );
                if let Pause::Failure { failures: 2.., .. } = pause {
                    let _ = write!(text, " ({} failures in a row)", self.history.failures);
                }
                Some(text)
            }
            Actual::Idle(Idle::Failed { fault, verdict }) => {
                let fault = self.fault(*fault, rules);
                Some(match verdict {
                    Verdict::Never => fault,
                    Verdict::Limit(count) => {
                        let within = write_duration(rules.policy.start_limit.within);
                        match count {
                            1 => format!("{fault}, and start_limit allows no failure within {within}"),
                            _ => format!("{count} failures within {within}, the last: {fault}"),
                        }
                    }
                })
            }
            Actual::Idle(_) | Actual::Live(_, Stage::Ready(_)) => None,
            Actual::Live(_, Stage::Reloading(_)) => Some("it reads its configuration again".to_owned()),
            Actual::Live(..) => self.said.as_ref()?.check.as_ref().map(|check| check.as_ref().to_owned()),
            Actual::Leaving(_, leave) => {
                let mut text = match &leave.cause {
                    Cause::Stop => "stopped by an operator".to_owned(),
                    Cause::Restart => "restarted by an operator".to_owned(),
                    Cause::Removed(why) | Cause::Replaced(why) => why.as_ref().to_owned(),
                    Cause::Shutdown => "the supervisor shuts down".to_owned(),
                    Cause::Own(Fault::Exit) if leave.exit.is_none() => "it stops by itself".to_owned(),
                    Cause::Own(fault) => self.fault(*fault, rules),
                };
                match leave.ladder {
                    Ladder::Killed { .. } => text.push_str("; killed"),
                    Ladder::Asked { .. } if leave.exit.is_some() => {
                        text.push_str("; what it left running is being stopped");
                    }
                    _ => {}
                }
                Some(text)
            }
        }
    }

    fn fault(&self, fault: Fault, rules: &Rules<'_>) -> String {
        match fault {
            Fault::Exit => {
                self.history.last_exit.as_ref().map_or_else(|| Exit::Unknown.to_string(), Exit::to_string)
            }
            Fault::NotReady => {
                let mut text = format!("not ready within {}", write_duration(rules.policy.ready_timeout));
                if let Some(check) = self.said.as_ref().and_then(|said| said.check.as_ref()) {
                    let _ = write!(text, ": {check}");
                }
                text
            }
            Fault::Watchdog => match rules.watchdog {
                Some(every) => format!("no sign of life within {}", write_duration(every)),
                None => "no sign of life".to_owned(),
            },
        }
    }
}

/// A wait as far as anybody wants to know: jitter makes odd numbers.
fn rounded(wait: Duration) -> Duration {
    let millis = wait.as_millis();
    let step = match millis {
        0..1_000 => 1,
        1_000..10_000 => 100,
        _ => 1_000,
    };
    Duration::from_millis(u64::try_from(millis / step * step).unwrap_or(u64::MAX))
}
