//! All that belongs to one instance: its process, what that started, and what tried to
//! get away.
//!
//! With a control group of its own the kernel knows. Without one:
//!
//! ```text
//!   supervisor (subreaper)
//!    ├─ leader            pid = process group = session
//!    │   └─ helper        same group                     found by its group
//!    ├─ orphan            same group, parent gone        found by its group
//!    └─ daemonised        own session, parent gone       found by AYL_INSTANCE
//! ```
//!
//! Whoever loses its parent becomes a child of the supervisor, which is a subreaper. So
//! once the leader has ended, the children of the supervisor are the roots of all that
//! is left of it, and a look at them is enough: there is no search of all of `/proc`, and
//! a process of another supervisor on this host is never met. One that has wiped its
//! environment and left its session belongs to nobody; the supervisor ends those when it
//! ends itself.
//!
//! Signals go to the group by number. That is safe while the leader has not been
//! reaped: its number is also the group's, and a zombie's is not given away.

use std::collections::BTreeSet;
use std::io;

use nix::errno::Errno;

use super::cgroup::Cgroup;
use super::child::Child;
use super::signal::Signal;
use super::strangers::{Stranger, Strangers, any_in_group};

/// All processes of one instance.
#[derive(Debug, Clone, Copy)]
pub struct Group<'a> {
    leader: &'a Child,
    instance: &'a str,
    cgroup: Option<&'a Cgroup>,
}

impl<'a> Group<'a> {
    /// Of a process that has not been reaped, and was started with `AYL_INSTANCE` set to
    /// `instance`, in `cgroup` if there is one.
    pub fn new(leader: &'a Child, instance: &'a str, cgroup: Option<&'a Cgroup>) -> Self {
        Self { leader, instance, cgroup }
    }

    /// Sends a signal to the leader's process group. That nobody is left is no error.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        if !signal_group(self.leader.pid(), signal)? {
            // There is none yet: it is on its way to its session. What it gets now waits until then.
            self.leader.signal(signal)?;
        }
        Ok(())
    }

    /// Sends a signal to what has left the leader's process group, as far as it can be seen: all of a
    /// control group, or those of `strangers` that belong here, with their process groups.
    /// `told` remembers who had it already, by number.
    pub fn signal_strays(
        &self,
        strangers: &Strangers,
        signal: Signal,
        told: &mut BTreeSet<i32>,
    ) -> io::Result<()> {
        if let Some(cgroup) = self.cgroup {
            return cgroup.signal(signal, |pid| group_of(pid) != Some(self.leader.pid()) && told.insert(pid));
        }
        // Its group has something of it in it that is not reaped: the number is not another's.
        for group in self.untold(strangers, told).collect::<BTreeSet<_>>() {
            signal_group(group, signal)?;
            told.insert(group);
        }
        Ok(())
    }

    /// Whether some of `strangers` belong here who are not among `told`.
    pub fn has_untold(&self, strangers: &Strangers, told: &BTreeSet<i32>) -> bool {
        self.untold(strangers, told).next().is_some()
    }

    /// The process groups of strays.
    fn untold(&self, strangers: &Strangers, told: &BTreeSet<i32>) -> impl Iterator<Item = i32> {
        let owned = strangers.iter().filter(|stranger| self.owns(stranger)).map(|stranger| stranger.group);
        owned.filter(|group| *group != self.leader.pid() && !told.contains(group))
    }

    /// Ends all of it: the whole control group, or the process group and those of
    /// `strangers` that belong here. What was just being started may be left: look
    /// again until it [is empty](Self::is_empty).
    pub fn kill(&self, strangers: &Strangers) -> io::Result<()> {
        if let Some(cgroup) = self.cgroup {
            cgroup.kill()?;
        }
        self.signal(Signal::KILL)?;
        for stranger in strangers.iter().filter(|stranger| self.owns(stranger)) {
            stranger.kill()?;
        }
        Ok(())
    }

    /// Whether nothing of it runs any more. `strangers` looks them up, if that is needed, which takes the
    /// longer the more children there are; a look older than the leader's end does not do:
    /// what it leaves behind comes to us when it ends.
    pub fn is_empty<'s>(&self, strangers: impl FnOnce() -> &'s Strangers) -> io::Result<bool> {
        if self.leader.exit()?.is_none() {
            return Ok(false);
        }
        if let Some(cgroup) = self.cgroup {
            // The kernel keeps count of those; a helper may have been put elsewhere by root.
            return Ok(!cgroup.is_populated()? && !any_in_group(self.leader.pid())?);
        }
        let strangers = strangers();
        Ok(strangers.is_settled() && !strangers.iter().any(|stranger| self.owns(stranger)))
    }

    fn owns(&self, stranger: &Stranger) -> bool {
        let pid = self.leader.pid();
        stranger.group == pid || stranger.session == pid || stranger.instance() == Some(self.instance)
    }
}

fn group_of(pid: i32) -> Option<i32> {
    nix::unistd::getpgid(Some(nix::unistd::Pid::from_raw(pid))).ok().map(nix::unistd::Pid::as_raw)
}

/// Sends a signal to a process group; false: there is none of this number.
pub(super) fn signal_group(group: i32, signal: Signal) -> io::Result<bool> {
    // nix knows no real-time signals, so this is libc's.
    // SAFETY: no memory is involved.
    match Errno::result(unsafe { libc::kill(-group, signal.raw()) }) {
        Ok(_) => Ok(true),
        Err(Errno::ESRCH) => Ok(false),
        // Some of them have become another user: with one of them, everyone was tried.
        Err(errno) => Err(errno.into()),
    }
}
