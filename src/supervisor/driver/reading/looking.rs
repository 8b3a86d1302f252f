//! What is being looked at, and what does not answer.
//!
//! A thread that looks at a file, or asks for a user, may wait for another machine, and nobody can
//! have it back. So it says beforehand what it is about to look at, and leaves alone what another
//! thread waits for already.

use std::fmt;
use std::path::{Path, PathBuf};

use tokio::sync::watch;

use crate::lifecycle::Time;
use crate::supervisor::driver::clock;

/// Something outside that may keep a thread waiting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum At {
    /// A file or a folder.
    Path(PathBuf),
    /// The directory of users, asked for a user or a group of that name.
    User(String),
    /// The directory of users, asked for all the groups of a user.
    Groups(String),
}

impl At {
    /// Whether who waits for `self` would wait for `other`, too.
    fn holds_up(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Path(hangs), Self::Path(path)) => path.starts_with(hangs),
            // Whoever is asked for, it is the same directory.
            (Self::User(_), Self::User(_)) | (Self::Groups(_), Self::Groups(_)) => true,
            _ => false,
        }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::User(name) => write!(f, "the directory of users, asked about {name},"),
            Self::Groups(name) => write!(f, "the directory of users, asked for the groups of {name},"),
        }
    }
}

/// It has not answered for long.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} does not answer")]
pub(in super::super) struct Silent(pub(in super::super) At);

/// What a thread looks at, and since when; `None`: it does not look at anything.
pub(super) type Look = Option<(At, Time)>;

/// Says what a thread is about to look at.
#[derive(Clone)]
pub(in super::super) struct Looking {
    tell: Option<watch::Sender<Look>>,
    /// What others wait for.
    silent: Vec<At>,
}

impl Looking {
    /// Says so to `tell`, and leaves `silent` alone.
    pub(super) fn new(tell: watch::Sender<Look>, silent: Vec<At>) -> Self {
        Self { tell: Some(tell), silent }
    }

    /// For a program that may wait.
    pub(super) fn patient() -> Self {
        Self { tell: None, silent: Vec::new() }
    }

    /// From now on only these are left alone.
    pub(super) fn leave_alone(&mut self, silent: Vec<At>) {
        self.silent = silent;
    }

    /// This is looked at next, unless it is to be left alone.
    pub(super) fn at(&self, at: At) -> Result<(), Silent> {
        if let Some(hangs) = self.silent.iter().find(|hangs| hangs.holds_up(&at)) {
            return Err(Silent(hangs.clone()));
        }
        if let Some(tell) = &self.tell {
            tell.send_replace(Some((at, clock::now())));
        }
        Ok(())
    }

    /// The same of a path.
    pub(in super::super) fn at_path(&self, path: &Path) -> Result<(), Silent> {
        self.at(At::Path(path.to_owned()))
    }

    /// Nothing is looked at now.
    pub(super) fn rest(&self) {
        if let Some(tell) = &self.tell {
            tell.send_replace(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> At {
        At::Path(text.into())
    }

    #[test]
    fn what_another_waits_for_is_left_alone_with_all_below_it() {
        let (tell, told) = watch::channel(None);
        let mut looking = Looking::new(tell, vec![path("/srv/a/current"), At::Groups("x".into())]);
        let silent = |at: At| looking.at(at).map_err(|silent| silent.to_string());
        assert_eq!(silent(path("/srv/a")), Ok(()));
        assert_eq!(silent(path("/srv/a/current2")), Ok(()));
        assert_eq!(silent(At::User("x".into())), Ok(()));
        assert_eq!(told.borrow().as_ref().map(|(at, _)| at.clone()), Some(At::User("x".into())));
        let at = "/srv/a/current does not answer".to_owned();
        assert_eq!(silent(path("/srv/a/current")), Err(at.clone()));
        assert_eq!(silent(path("/srv/a/current/VERSION")), Err(at));
        assert_eq!(
            silent(At::Groups("y".into())),
            Err("the directory of users, asked for the groups of x, does not answer".to_owned())
        );
        looking.leave_alone(Vec::new());
        assert_eq!(looking.at_path(Path::new("/srv/a/current")), Ok(()));
        looking.rest();
        assert_eq!(*told.borrow(), None);
    }
}
