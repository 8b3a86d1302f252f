//! Users and groups, as the system knows them.
//!
//! Asked for when a configuration is read, never between fork and exec: the answer
//! may come from a directory on another machine.

use std::ffi::CString;
use std::io;
use std::path::PathBuf;

use nix::unistd::{self, Gid, Group, Uid};

/// A user of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name it logs in with.
    pub name: String,
    /// Its number.
    pub uid: u32,
    /// Its own group.
    pub gid: u32,
    /// Its home directory.
    pub home: PathBuf,
    /// Its shell.
    pub shell: PathBuf,
}

impl From<unistd::User> for User {
    fn from(user: unistd::User) -> Self {
        let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
        Self { name: user.name, uid, gid, home: user.dir, shell: user.shell }
    }
}

/// The user of that name; `None`: there is none.
pub fn user_by_name(name: &str) -> io::Result<Option<User>> {
    Ok(unistd::User::from_name(name)?.map(User::from))
}

/// The user of that number; `None`: it has no name.
pub fn user_by_uid(uid: u32) -> io::Result<Option<User>> {
    Ok(unistd::User::from_uid(Uid::from_raw(uid))?.map(User::from))
}

/// The number of the group of that name; `None`: there is none.
pub fn group_by_name(name: &str) -> io::Result<Option<u32>> {
    Ok(Group::from_name(name)?.map(|group| group.gid.as_raw()))
}

/// The effective user of this process.
pub fn own_uid() -> u32 {
    unistd::geteuid().as_raw()
}

/// The effective group of this process.
pub fn own_gid() -> u32 {
    unistd::getegid().as_raw()
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
    fn the_own_user_is_found_both_ways() {
        let Some(own) = user_by_uid(own_uid()).unwrap() else { return };
        assert_eq!(user_by_name(&own.name).unwrap(), Some(own.clone()));
        let identity = Identity::of(&own.name, own.uid, own.gid).unwrap();
        assert!(identity.groups.contains(&own.gid));
    }

    #[test]
    fn who_is_missing_is_no_error() {
        assert_eq!(user_by_name("no-such-user-here").unwrap(), None);
        assert_eq!(group_by_name("no-such-group-here").unwrap(), None);
        assert_eq!(group_by_name("root").unwrap(), Some(0));
    }
}
