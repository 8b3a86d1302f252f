//! A stack for a child that shares our memory.

use std::cell::OnceCell;
use std::ffi::c_void;

use nix::errno::Errno;

/// Enough for what a child does before exec, many times over.
const SIZE: usize = 64 * 1024;

/// What lies below it, for whoever needs more to run into.
const GUARD: usize = 64 * 1024;

/// Memory of [`SIZE`] bytes above a guard.
struct Stack {
    lowest: *mut c_void,
}

impl Stack {
    fn new() -> nix::Result<Self> {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_STACK;
        // SAFETY: new memory at an address of the kernel's choice.
        let lowest = unsafe { libc::mmap(std::ptr::null_mut(), GUARD + SIZE, access, flags, -1, 0) };
        let stack = Self { lowest: Errno::result(lowest)? };
        // SAFETY: its lower part, which nobody uses yet, becomes inaccessible.
        Errno::result(unsafe { libc::mprotect(stack.lowest, GUARD, libc::PROT_NONE) })?;
        Ok(stack)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: it is ours, whole, and no child is using it: this thread stands still
        // while one does.
        unsafe { libc::munmap(self.lowest, GUARD + SIZE) };
    }
}

/// This thread's, as clone3(2) wants it: the lowest address and the size.
pub(super) fn stack() -> nix::Result<(u64, u64)> {
    thread_local! {
        static STACK: OnceCell<Stack> = const { OnceCell::new() };
    }
    STACK.with(|cell| {
        let stack = if let Some(stack) = cell.get() {
            stack
        } else {
            let stack = Stack::new()?;
            cell.get_or_init(|| stack)
        };
        Ok((stack.lowest as u64 + GUARD as u64, SIZE as u64))
    })
}
