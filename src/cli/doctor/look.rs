//! Looking at the host. What takes too long is left behind: nothing that hangs, be it
//! systemd, beanstalkd or a network's file system, keeps the others from being told.

pub(super) mod files;
pub(super) mod outside;
pub(super) mod queue;
pub(super) mod service;
pub(super) mod supervisor;

use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use nix::sys::statvfs::statvfs;

use super::disk::Room;

/// Nobody is waited for any longer than this. Whoever asks a server gives it less.
pub(super) const PATIENCE: Duration = Duration::from_secs(8);

/// Something that is being looked at.
pub(super) struct Looking<T>(Receiver<T>);

/// Has `look` looking, on a thread of its own.
pub(super) fn begin<T: Send + 'static>(look: impl FnOnce() -> T + Send + 'static) -> Looking<T> {
    let (sender, seen) = mpsc::sync_channel(1);
    // Whoever cannot start it has not seen anything, as if it had taken too long.
    let _ = thread::Builder::new().spawn(move || sender.send(look()));
    Looking(seen)
}

impl<T> Looking<T> {
    /// What was seen; `None`: it takes too long.
    pub(super) fn seen(self) -> Option<T> {
        self.seen_within(PATIENCE)
    }

    fn seen_within(self, patience: Duration) -> Option<T> {
        self.0.recv_timeout(patience).ok()
    }
}

/// How much room there is on the disk of `folder`, where `what` is written.
pub(super) fn room(folder: &Path, what: String) -> Option<Room> {
    use std::os::unix::fs::MetadataExt;
    let device = folder.metadata().ok()?.dev();
    let found = statvfs(folder).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.fragment_size());
    Some(Room {
        device,
        folder: folder.to_owned(),
        what,
        total: bytes(found.blocks()),
        free: bytes(found.blocks_available()),
    })
}
