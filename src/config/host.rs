//! What the configuration has to ask the machine it is for.

use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is known of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: Arc<str>,
    /// The number.
    pub uid: u32,
    /// The user's own group.
    pub group: Group,
    /// The home directory.
    pub home: PathBuf,
    /// The shell.
    pub shell: PathBuf,
}

/// What is known of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The name.
    pub name: Arc<str>,
    /// The number.
    pub gid: u32,
}

/// Whose processes the supervisor can start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privilege {
    /// Anybody's: it runs as root.
    Root,
    /// Those of whoever runs it; another `user` is an error.
    Unprivileged,
    /// It runs everything as whoever runs it, whatever `user` says.
    Dev,
}

/// Answers for the machine, so that reading the configuration is a function of its
/// arguments alone.
pub trait Host {
    /// Whose processes can be started.
    fn privilege(&self) -> Privilege;
    /// Who runs this program.
    fn me(&self) -> User;
    /// The user of that name, if there is one.
    fn user(&self, name: &str) -> Option<User>;
    /// The group of that name, if there is one.
    fn group(&self, name: &str) -> Option<Group>;
    /// The folder with `ayl_worker` and `ayl_scheduler`.
    fn program_dir(&self) -> PathBuf;
    /// Whether something is at that path: for warnings, never for errors.
    fn exists(&self, path: &Path) -> bool;
}
