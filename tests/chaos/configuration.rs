//! daemons.yml of a site, with all that its edits may change.

use std::fmt::Write as _;
use std::path::Path;

use crate::schedule::APPLICATIONS;

/// What stands in daemons.yml besides what always does.
#[derive(Debug, Clone)]
pub(crate) struct Configuration {
    /// The number of each application's workers: the least, and the most where the jobs that wait
    /// decide.
    pub(crate) workers: [(u64, Option<u64>); 3],
    /// Two daemons more.
    pub(crate) extra: bool,
    /// In an application's environment: another value makes other processes of all of it.
    pub(crate) values: [u64; 3],
    /// Seconds that a stop may take: a change of it makes no process another.
    pub(crate) patience: u64,
    /// An application that is not in it.
    pub(crate) without: Option<usize>,
}

impl Configuration {
    /// Two workers each, nothing more and nothing less.
    pub(crate) fn usual() -> Self {
        Self { workers: [(2, None); 3], extra: false, values: [0; 3], patience: 20, without: None }
    }

    /// As text: for `site`, with what the clock adds to every environment.
    pub(crate) fn text(
        &self,
        site: &Path,
        user: Option<&str>,
        queue: &str,
        clock: &[(&str, String)],
    ) -> String {
        let folder = site.display();
        let user = user.map(|user| format!("  user: {user}\n")).unwrap_or_default();
        let clock: String = clock.iter().fold(String::new(), |mut text, (name, value)| {
            let _ = write!(text, ", {name}: '{value}'");
            text
        });
        let mut text = format!(
            "beanstalk: {queue}\ndefaults:\n{user}  env: {{CHAOS: '{folder}', AYL_LIBRARY: '{folder}'{clock}}}\n  \
             backoff: {{initial: 20ms, max: 500ms}}\n  start_limit: {{count: 1000, within: 1m}}\n  \
             stop_timeout: {}s\napplications:\n",
            self.patience
        );
        for (i, name) in APPLICATIONS.into_iter().enumerate().filter(|(i, _)| self.without != Some(*i)) {
            let preload = i > 0;
            let pool = match self.workers[i] {
                (count, None) => format!("count: {count}"),
                (min, Some(max)) => format!("min: {min}, max: {max}"),
            };
            let _ = write!(
                text,
                "  {name}:\n    path: {folder}/{name}\n    env: {{VALUE: '{}'}}\n    \
                 workers: {{{pool}, preload: {preload}}}\n    daemons:\n      \
                 web: {{command: [sh, -c, 'while sleep 0.1; do echo alive; done'], log: {{file: {folder}/small/logs/{name}.log, max_size: 16KiB, keep: 1}}}}\n",
                self.values[i],
            );
            if i == 2 && self.extra {
                text.push_str("      more: {command: [sleep, infinity], count: 2}\n");
            }
            if i == 2 {
                text.push_str("    scheduler: config/schedule.yml\n");
            }
        }
        text
    }
}
