//! Children that nobody here started: they lost their parents, and came to the supervisor.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::sleep;

use super::Table;
use crate::process::{Strangers, reap_strangers};
use crate::supervisor::driver::helper::Known;

/// What was killed in the end is looked for again after this pause,
const LOOK: Duration = Duration::from_millis(5);

/// and so often: for some seconds.
const LOOKS: usize = 1000;

impl Table {
    /// Those that lost their parents and came to us, as they were in this turn.
    pub(super) fn strangers(&self) -> &Strangers {
        self.strangers.get_or_init(|| look(&self.pids))
    }

    /// Reaps those that have ended.
    pub(in super::super) fn reap_strangers(&self) {
        if let Err(error) = reap_strangers(|pid| is_known(&self.pids, pid)) {
            tracing::warn!(%error, "cannot reap processes that have lost their parents");
        }
    }

    /// Kills what belongs to nobody, and what comes to light by that, until nothing is left or it will not die.
    pub(in super::super) async fn end_strangers(&mut self) {
        for _ in 0..LOOKS {
            self.next_turn();
            let strangers = self.strangers();
            if strangers.is_empty() {
                return;
            }
            let mut refused = 0;
            for stranger in strangers.iter() {
                if let Err(error) = stranger.kill() {
                    refused += 1;
                    let pid = stranger.pid;
                    tracing::warn!(%error, pid, "cannot end process {pid}, which is left");
                }
            }
            if refused > 0 && refused == strangers.iter().count() {
                return;
            }
            sleep(LOOK).await;
        }
    }
}

/// Whether a child was started here: as one of `pids`, or by the supervisor for itself.
fn is_known(pids: &HashSet<i32>, pid: i32) -> bool {
    pids.contains(&pid) || Known::is(pid)
}

/// Without `/proc` there are none to be found.
pub(super) fn look(pids: &HashSet<i32>) -> Strangers {
    Strangers::look(|pid| is_known(pids, pid)).unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot look for processes that have lost their parents");
        Strangers::default()
    })
}
