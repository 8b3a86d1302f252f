//! A machine as the tests want it.

use std::path::{Path, PathBuf};

use abaqis_daemons::config::{Group, Host, Privilege, User};

/// Has the users `root`, `abaqis`, `rqi` and `dev`, each with a group of its name, and
/// everything below `/var/www`.
pub(crate) struct TestHost {
    pub(crate) privilege: Privilege,
    pub(crate) me: &'static str,
}

impl TestHost {
    pub(crate) fn root() -> Self {
        Self { privilege: Privilege::Root, me: "root" }
    }

    pub(crate) fn unprivileged() -> Self {
        Self { privilege: Privilege::Unprivileged, me: "dev" }
    }

    pub(crate) fn dev() -> Self {
        Self { privilege: Privilege::Dev, me: "dev" }
    }
}

fn user(name: &str) -> Option<User> {
    let uid = match name {
        "root" => 0,
        "abaqis" => 990,
        "rqi" => 991,
        "dev" => 1000,
        _ => return None,
    };
    let home = if uid == 0 { PathBuf::from("/root") } else { Path::new("/home").join(name) };
    let group = Group { name: name.into(), gid: uid };
    Some(User { name: name.into(), uid, group, home, shell: "/bin/sh".into() })
}

impl Host for TestHost {
    fn privilege(&self) -> Privilege {
        self.privilege
    }

    fn me(&self) -> User {
        user(self.me).unwrap()
    }

    fn user(&self, name: &str) -> Option<User> {
        user(name)
    }

    fn group(&self, name: &str) -> Option<Group> {
        user(name).map(|user| user.group)
    }

    fn program_dir(&self) -> PathBuf {
        "/usr/bin".into()
    }

    fn exists(&self, path: &Path) -> bool {
        path.starts_with("/var/www")
    }
}
