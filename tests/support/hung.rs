//! A folder where nothing answers, as on a network file system whose server has gone.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};

/// A file system in user space of which nobody is the server: whoever looks at anything there waits
/// until he is killed, or until this is dropped. Then his call fails, and the folder is what it was.
pub(crate) struct Hung {
    at: PathBuf,
    /// The kernel's side of it ends when this is closed.
    _device: File,
}

impl Hung {
    /// Over the folder `at`, from now on. `None`: only root may do that, and not in every container.
    pub(crate) fn over(at: &Path) -> Option<Self> {
        let device = File::options().read(true).write(true).open("/dev/fuse");
        let mounted = device.and_then(|device| {
            let fd = device.as_raw_fd();
            let how = format!("fd={fd},rootmode=40000,user_id=0,group_id=0,allow_other");
            let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
            mount(Some("hung"), at, Some("fuse"), flags, Some(how.as_str()))?;
            Ok(Self { at: at.to_owned(), _device: device })
        });
        mounted
            .inspect_err(|error| eprintln!("no file system can be mounted here ({error}): not tested"))
            .ok()
    }
}

impl Drop for Hung {
    fn drop(&mut self) {
        let _ = umount2(&self.at, MntFlags::MNT_FORCE | MntFlags::MNT_DETACH);
    }
}
