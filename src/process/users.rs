//! As whom a process runs.
//!
//! Looked up when a configuration is applied, never between fork and exec: the answer may come from a
//! directory on another machine.

use std::ffi::CString;
use std::io;

use nix::unistd::{self, Gid};

/// The effective user of this process.
pub fn own_uid() -> u32 {
    unistd::geteuid().as_raw()
}

/// What a child becomes: everything the kernel asks for, looked up beforehand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its user: real, effective and saved.
    pub uid: u32,
    /// Its group: real, effective and saved.
    pub gid: u32,
    /// All its groups.
    pub groups: Vec<u32>,
}

impl Identity {
    /// The user of that name, in the group `gid` and those it is a member of, as
    /// initgroups(3) finds them.
    pub fn of(name: &str, uid: u32, gid: u32) -> io::Result<Self> {
        let name = CString::new(name)?;
        let groups = unistd::getgrouplist(&name, Gid::from_raw(gid))?;
        Ok(Self { uid, gid, groups: groups.into_iter().map(Gid::as_raw).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_in_the_group_it_is_given_and_in_those_of_its_own() {
        let identity = Identity::of("root", 0, 61_001).unwrap();
        assert!(identity.groups.contains(&61_001));
        assert_eq!((identity.uid, identity.gid), (0, 61_001));
        assert!(Identity::of("a\0b", 0, 0).is_err());
    }
}
