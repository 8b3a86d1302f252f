//! Whatever stands in daemons.yml: a configuration or problems with a place. What is shown of
//! a configuration is the same one again, and going from one to the other changes nothing.

#![no_main]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use abaqis_daemons::config::{
    Account, Application, Config, Group, Host, Privilege, Problems, SourceFile, User, load,
};
use abaqis_daemons::names::Version;
use abaqis_daemons::plan::{EnvFile, EnvFiles, Found, Wanted, diff, expand};
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

/// No file beside the configuration can be read.
struct NoFiles;

impl EnvFiles for NoFiles {
    fn read(&mut self, path: &Path, _: &Account) -> Result<Arc<EnvFile>, Arc<str>> {
        Err(format!("{}: no such file", path.display()).into())
    }
}

fn read(name: &str, text: &[u8]) -> Result<Config, Problems> {
    load(&[SourceFile::new(name, text)], &Machine).map(|loaded| loaded.config)
}

/// Everything that is to run of it, if every application is deployed.
fn wanted(config: &Config) -> Wanted {
    let found = |application: &Application| Found {
        path: Ok(application.path.clone()),
        version: "4.2.0".parse::<Version>().map_err(|error| error.to_string().into()),
    };
    let found = config.applications.iter().map(|(name, application)| (name.clone(), found(application)));
    expand(config, &found.collect(), &mut NoFiles)
}

fuzz_target!(|text: &[u8]| {
    match read("daemons.yml", text) {
        Ok(config) => {
            let shown = config.to_yaml();
            let again = read("shown.yml", shown.as_bytes());
            let again = again.unwrap_or_else(|problems| panic!("{problems}\nis said of\n{shown}"));
            assert_eq!(again, config, "{shown}");
            assert_eq!(again.to_yaml(), shown);
            // An edit that says the same changes nothing.
            let running = wanted(&config);
            let plan = diff(&running, &wanted(&again));
            assert_eq!(plan.effective().count(), 0, "{shown}");
            let all = config.applications.values().flat_map(|application| application.daemons.values());
            assert_eq!(running.len(), all.map(|daemon| daemon.count as usize).sum::<usize>());
        }
        Err(problems) => {
            assert_eq!(read("daemons.yml", text).as_ref(), Err(&problems));
            assert!(!problems.0.is_empty());
            let lines = text.split(|byte| *byte == b'\n').count();
            for problem in &problems.0 {
                assert!((1..=lines).contains(&(problem.place.line as usize)), "{problem}");
                assert!(!problem.to_string().contains('\n'), "{problem:?}");
            }
            let words = problems.to_string();
            assert!(!words.chars().any(|c| c.is_control() && c != '\n'), "{words:?}");
        }
    }
});
