//! Follows a path step by step, as the kernel does.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::Metadata;
use std::path::{Component, Path, PathBuf};

/// How many symlinks the kernel follows in one path.
const MAX_LINKS: usize = 40;

/// One directory entry on the way.
#[derive(Debug)]
pub struct Step {
    /// The directory it is in.
    pub directory: PathBuf,
    /// Its name there.
    pub name: OsString,
    /// What it is, a symlink not followed; `None`: it is missing, or unreadable.
    pub found: Option<Metadata>,
}

impl Step {
    /// Whether it is a symlink.
    pub fn is_link(&self) -> bool {
        self.found.as_ref().is_some_and(|found| found.file_type().is_symlink())
    }
}

/// Where a path leads.
#[derive(Debug)]
pub struct Walk {
    /// Every entry from the root on, symlinks and what they lead through included.
    pub steps: Vec<Step>,
    /// The end, with no symlink left in it; `None`: the last step is missing.
    pub end: Option<PathBuf>,
}

/// Follows an absolute path from the root.
pub fn walk(path: &Path) -> Walk {
    let mut steps = Vec::new();
    let mut at = PathBuf::from("/");
    let mut links = 0;
    let mut rest = names(path);
    while let Some(name) = rest.pop_front() {
        if name == ".." {
            at.pop();
            continue;
        }
        let next = at.join(&name);
        let found = next.symlink_metadata().ok();
        let step = Step { directory: at.clone(), name, found };
        let (missing, link) = (step.found.is_none(), step.is_link());
        steps.push(step);
        if link {
            links += 1;
        }
        if missing || links > MAX_LINKS {
            return Walk { steps, end: None };
        }
        if link {
            let target = next.read_link().unwrap_or_default();
            if target.is_absolute() {
                at = PathBuf::from("/");
            }
            for name in names(&target).into_iter().rev() {
                rest.push_front(name);
            }
        } else {
            at = next;
        }
    }
    Walk { steps, end: Some(at) }
}

fn names(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir))
        .map(|part| part.as_os_str().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    #[test]
    fn the_end_is_where_the_kernel_gets() {
        let dir = TempDir::new().unwrap();
        let root = dir.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("releases/2")).unwrap();
        symlink("../releases/2", root.join("releases/latest")).unwrap();
        symlink(root.join("releases/latest"), root.join("current")).unwrap();
        assert_eq!(walk(&root.join("current")).end, Some(root.join("releases/2")));
        assert_eq!(walk(&root.join("current/../2/.")).end, Some(root.join("releases/2")));
        assert_eq!(walk(Path::new("/")).end, Some(PathBuf::from("/")));
    }

    #[test]
    fn what_is_missing_is_the_last_step() {
        let dir = TempDir::new().unwrap();
        symlink("nowhere/x", dir.path().join("current")).unwrap();
        let walk = walk(&dir.path().join("current/VERSION"));
        assert_eq!(walk.end, None);
        assert_eq!(walk.steps.last().map(|step| step.name.clone()), Some("nowhere".into()));
    }

    #[test]
    fn a_loop_of_symlinks_ends() {
        let dir = TempDir::new().unwrap();
        symlink("b", dir.path().join("a")).unwrap();
        symlink("a", dir.path().join("b")).unwrap();
        assert_eq!(walk(&dir.path().join("a/VERSION")).end, None);
    }
}
