//! How an entry's jobs are put.

use super::Fault;
use super::reader::{Given, Reader};
use crate::ayl::{Handler, Options};
use crate::names::Tube;

/// How an entry's jobs are put; the defaults are those of every producer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// 0 is first.
    pub priority: u32,
    /// Seconds before a job may be reserved.
    pub delay: u32,
    /// Seconds a worker may hold it without a sign of life; at least 1.
    pub time_to_run: u32,
    /// The tube; `None`: that of the release.
    pub tube: Option<Tube>,
    /// What happens when it raises.
    pub handler: Handler,
}

impl Default for Put {
    fn default() -> Self {
        let Options { priority, delay, time_to_run, failed_job_handler, .. } = Options::default();
        Self { priority, delay, time_to_run, tube: None, handler: failed_job_handler }
    }
}

impl Put {
    /// The same for [`Engine`](crate::ayl::Engine), on `tube` unless the entry names one.
    pub fn options(&self, tube: &Tube) -> Options {
        Options {
            priority: self.priority,
            fuzz: 0,
            delay: self.delay,
            time_to_run: self.time_to_run,
            queue_name: self.tube.as_ref().unwrap_or(tube).clone(),
            failed_job_handler: self.handler,
        }
    }
}

/// The keys that say what happens when a job raises.
#[derive(Debug, Default)]
pub(super) struct Failed {
    pub(super) handler: Option<Given<&'static str>>,
    pub(super) count: Option<Given<u32>>,
    pub(super) delay: Option<Given<u32>>,
}

impl Failed {
    /// The words of `failed_job_handler`.
    pub(super) const WORDS: [(&'static str, &'static str); 3] =
        [("delete", "delete"), ("bury", "bury"), ("decay", "decay")];

    /// The handler they come to.
    pub(super) fn handler(self, reader: &mut Reader<'_>) -> Option<Handler> {
        let word = match self.handler {
            None => Handler::default().as_str(),
            Some(handler) => handler.value?,
        };
        if word != "decay" {
            for (name, given) in [("failed_job_count", &self.count), ("failed_job_delay", &self.delay)] {
                if let Some(given) = given {
                    reader.at(name, |reader| reader.error(given.key, Fault::DecayOnly));
                }
            }
        }
        let value = |given: Option<Given<u32>>| given.and_then(|given| given.value);
        Handler::from_word(word, value(self.count), value(self.delay))
    }
}
