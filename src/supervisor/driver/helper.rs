//! Programs that the supervisor runs for its own sake: a check whether a daemon is ready, the self-check
//! of the program that is to take over.
//!
//! They are children like the daemons and end like them. The supervisor reaps every child that it does not
//! know, and with it how that ended; so it has to know these.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;

use crate::process::ready_set::ReadySet;
use crate::process::{self, Child, Command, Exit, Output, Signal};

thread_local! {
    /// The numbers of those that run. Everything that starts or reaps a process is on the main thread.
    static RUNNING: RefCell<BTreeSet<i32>> = const { RefCell::new(BTreeSet::new()) };
}

/// Such a program, killed when nobody waits for it any more.
pub(super) struct Helper(Child);

impl Helper {
    pub(super) fn start(command: &Command, output: Output<'_>) -> io::Result<Self> {
        let child = process::spawn(command, output, None).map_err(io::Error::other)?;
        RUNNING.with_borrow_mut(|running| running.insert(child.pid()));
        Ok(Self(child))
    }

    /// Waits until it has ended: how it did, or why it could not be run.
    pub(super) async fn ended(mut self) -> io::Result<Exit> {
        let set = ReadySet::new()?;
        set.add(self.0.pidfd(), 0)?;
        set.ready().await?;
        if let Some(Err(error)) = self.0.started() {
            return Err(io::Error::other(error));
        }
        self.0.exit()?.ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Whether the child of this number is one.
    pub(super) fn is_one(pid: i32) -> bool {
        RUNNING.with_borrow(|running| running.contains(&pid))
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        RUNNING.with_borrow_mut(|running| running.remove(&self.0.pid()));
        // What has not ended is killed, and reaped as a stranger.
        if !matches!(self.0.reap(), Ok(Some(_))) {
            let _ = self.0.signal(Signal::KILL);
        }
    }
}
