//! The machine, as the configuration asks it.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::unistd::{self, Gid, Uid};

use crate::config::{Group, Host, Privilege, User};

/// This machine.
#[derive(Debug, Clone, Copy)]
pub struct System {
    privilege: Privilege,
}

impl System {
    /// For the service: root may start processes of any user, others their own.
    pub fn service() -> Self {
        let root = Uid::effective().is_root();
        Self { privilege: if root { Privilege::Root } else { Privilege::Unprivileged } }
    }

    /// For looking at a file of the service as the supervisor does that it is for: root's,
    /// where the file belongs to root, whoever looks.
    pub fn serving(file: &Path) -> Self {
        let roots = file.metadata().is_ok_and(|found| found.uid() == 0);
        if roots { Self { privilege: Privilege::Root } } else { Self::service() }
    }

    /// For `dev`: everything runs as whoever runs it.
    pub fn dev() -> Self {
        Self { privilege: Privilege::Dev }
    }
}

impl Host for System {
    fn privilege(&self) -> Privilege {
        self.privilege
    }

    fn me(&self) -> User {
        let uid = Uid::effective();
        // In a container whoever runs it may have a number and no name.
        unistd::User::from_uid(uid).ok().flatten().map_or_else(|| nameless(uid), known)
    }

    fn user(&self, name: &str) -> Option<User> {
        unistd::User::from_name(name).ok().flatten().map(known)
    }

    fn group(&self, name: &str) -> Option<Group> {
        let group = unistd::Group::from_name(name).ok().flatten()?;
        Some(Group { name: group.name.into(), gid: group.gid.as_raw() })
    }

    fn program_dir(&self) -> PathBuf {
        // The name of a program that has been replaced since has ` (deleted)` behind it;
        // the folder is the same.
        let program = std::env::current_exe().ok();
        program.as_deref().and_then(Path::parent).map_or_else(|| "/usr/bin".into(), Path::to_owned)
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }
}

fn known(user: unistd::User) -> User {
    User {
        name: user.name.into(),
        uid: user.uid.as_raw(),
        group: group(user.gid),
        home: user.dir,
        shell: user.shell,
    }
}

fn nameless(uid: Uid) -> User {
    User {
        name: uid.to_string().into(),
        uid: uid.as_raw(),
        group: group(Gid::effective()),
        home: "/".into(),
        shell: "/bin/sh".into(),
    }
}

fn group(gid: Gid) -> Group {
    let group = unistd::Group::from_gid(gid).ok().flatten();
    let name: Arc<str> = group.map_or_else(|| gid.to_string().into(), |group| group.name.into());
    Group { name, gid: gid.as_raw() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_known_and_nobody_by_an_impossible_name() {
        let system = System::service();
        let root = system.user("root").unwrap();
        assert_eq!((root.uid, root.group.gid, root.home.as_path()), (0, 0, Path::new("/root")));
        assert_eq!(system.user("no such user"), None);
        assert_eq!(system.group("no such group"), None);
        assert_eq!(system.group("root").unwrap().gid, 0);
    }

    #[test]
    fn whoever_runs_this_is_known() {
        let me = System::dev().me();
        assert_eq!(me.uid, Uid::effective().as_raw());
        assert!(!me.name.is_empty() && !me.group.name.is_empty());
    }
}
