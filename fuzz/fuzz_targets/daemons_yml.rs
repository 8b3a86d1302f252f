//! Whatever stands in daemons.yml: a configuration or problems with a place, and what is
//! shown of a configuration is one again.

#![no_main]

use std::path::{Path, PathBuf};

use abaqis_daemons::config::{Group, Host, Privilege, SourceFile, User, load};
use libfuzzer_sys::fuzz_target;

/// Every user of a letter is there.
struct Machine;

fn user(name: &str) -> Option<User> {
    let known = matches!(name, "root" | "abaqis" | "rqi" | "a" | "b");
    let group = Group { name: name.into(), gid: 990 };
    known.then(|| User { name: name.into(), uid: 990, group, home: "/home".into(), shell: "/bin/sh".into() })
}

impl Host for Machine {
    fn privilege(&self) -> Privilege {
        Privilege::Root
    }

    fn me(&self) -> User {
        let group = Group { name: "root".into(), gid: 0 };
        User { name: "root".into(), uid: 0, group, home: "/root".into(), shell: "/bin/sh".into() }
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

    fn exists(&self, _: &Path) -> bool {
        true
    }
}

fuzz_target!(|text: &[u8]| {
    let lines = text.split(|byte| *byte == b'\n').count();
    match load(&[SourceFile::new("daemons.yml", text)], &Machine) {
        Ok(loaded) => {
            let shown = loaded.config.to_yaml();
            let again = load(&[SourceFile::new("shown.yml", shown.as_bytes())], &Machine);
            let again = again.unwrap_or_else(|problems| panic!("{problems}\nis said of\n{shown}"));
            assert_eq!(again.config.applications.len(), loaded.config.applications.len(), "{shown}");
        }
        Err(problems) => {
            assert!(!problems.0.is_empty());
            for problem in &problems.0 {
                assert!((1..=lines).contains(&(problem.place.line as usize)), "{problem}");
            }
            let _ = problems.to_string();
        }
    }
});
