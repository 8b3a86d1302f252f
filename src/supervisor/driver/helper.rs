//! Programs that the supervisor runs for its own sake: a check whether a daemon is ready, the self-check
//! of the program that is to take over, the queue of `dev`.
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

/// While this lives, the child with this number is known: neither reaped nor killed as a stranger.
#[derive(Debug)]
pub struct Known(i32);

impl Known {
    /// To be called on the thread that starts it, before anything else is done there.
    pub fn new(pid: i32) -> Self {
        RUNNING.with_borrow_mut(|running| running.insert(pid));
        Self(pid)
    }

    /// Whether the child of this number is.
    pub(super) fn is(pid: i32) -> bool {
        RUNNING.with_borrow(|running| running.contains(&pid))
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        RUNNING.with_borrow_mut(|running| running.remove(&self.0));
    }
}

/// Such a program, killed when nobody waits for it any more.
pub(super) struct Helper {
    child: Child,
    _known: Known,
}

impl Helper {
    pub(super) fn start(command: &Command, output: Output<'_>) -> io::Result<Self> {
        let child = process::spawn(command, output, None).map_err(io::Error::other)?;
        let known = Known::new(child.pid());
        Ok(Self { child, _known: known })
    }

    /// Waits until it has ended: how it did, or why it could not be run.
    pub(super) async fn ended(mut self) -> io::Result<Exit> {
        let set = ReadySet::new()?;
        set.add(self.child.pidfd(), 0)?;
        set.ready().await?;
        if let Some(Err(error)) = self.child.started() {
            return Err(io::Error::other(error));
        }
        self.child.exit()?.ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // What has not ended is killed, and reaped as a stranger.
        if !matches!(self.child.reap(), Ok(Some(_))) {
            let _ = self.child.signal(Signal::KILL);
        }
    }
}
