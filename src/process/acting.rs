//! Touching files as somebody else does.

use std::marker::PhantomData;

/// While this lives, this thread opens, renames and removes files with the rights of
/// another user and no more; back to its own when it is dropped.
#[derive(Debug)]
pub struct ActingAs {
    before: (libc::c_long, libc::c_long),
    /// It belongs to one thread.
    thread: PhantomData<*const ()>,
}

impl ActingAs {
    /// User and group. Only root can; for others it changes nothing.
    pub fn user(uid: u32, gid: u32) -> Self {
        // SAFETY: no memory is involved. Made directly, these calls change this thread
        // alone. The group first: without root's rights it could not be changed.
        let before = unsafe {
            let gid = libc::syscall(libc::SYS_setfsgid, gid);
            (libc::syscall(libc::SYS_setfsuid, uid), gid)
        };
        Self { before, thread: PhantomData }
    }
}

impl Drop for ActingAs {
    fn drop(&mut self) {
        // SAFETY: as above; the user first, who brings the rights back.
        unsafe {
            libc::syscall(libc::SYS_setfsuid, self.before.0);
            libc::syscall(libc::SYS_setfsgid, self.before.1);
        }
    }
}
