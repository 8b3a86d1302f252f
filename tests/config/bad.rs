//! Every file of `bad/` with the exact text that is said about it.

use std::fs;
use std::path::{Path, PathBuf};

use abaqis_daemons::config::{SourceFile, load};

use crate::host::TestHost;

/// Set to write the texts anew: `BLESS=1 cargo test --test config`, then read the diff.
const BLESS: &str = "BLESS";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/bad")
}

/// The files of `bad/` by name, each a configuration by itself.
pub(crate) fn bad_files() -> Vec<(String, Vec<u8>)> {
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|extension| extension == "yml")).collect();
    files.sort();
    let read =
        |path: PathBuf| (path.file_stem().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap());
    files.into_iter().map(read).collect()
}

#[test]
fn every_bad_file_is_refused_in_exactly_these_words() {
    let files = bad_files();
    assert!(files.len() >= 60, "only {} files in {}", files.len(), folder().display());
    let mut different = Vec::new();
    for (name, text) in files {
        let said = match load(&[SourceFile::new("daemons.yml", text)], &TestHost::root()) {
            Ok(_) => panic!("{name}.yml is accepted"),
            Err(problems) => format!("{problems}\n"),
        };
        let expected = folder().join(&name).with_extension("stderr");
        if std::env::var_os(BLESS).is_some() {
            fs::write(&expected, &said).unwrap();
        }
        let expected = fs::read_to_string(expected).unwrap_or_default();
        if said != expected {
            let diff = similar::TextDiff::from_lines(expected.as_str(), said.as_str());
            different.push(format!("{name}.yml:\n{}", diff.unified_diff().header("expected", "said")));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn files_of_the_folder_add_applications_and_nothing_else() {
    let files = [
        SourceFile::new(
            "daemons.yml",
            "defaults: {user: rqi}\napplications:\n  abaqis: {path: /var/www/abaqis}\n",
        ),
        SourceFile::new("daemons.d/a.yml", "applications:\n  rqi: {path: /var/www/rqi, workers: 1}\n"),
        SourceFile::new("daemons.d/b.yml", "watch: false\napplications:\n  rqi: {path: /var/www/rqi}\n"),
        SourceFile::new("daemons.d/c.yml", ""),
    ];
    let said = load(&files, &TestHost::root()).unwrap_err().to_string();
    assert_eq!(
        said,
        "daemons.d/b.yml:1:1: watch: may only stand in daemons.yml; a file of daemons.d brings applications\n \
         1 | watch: false\n   | ^^^^^\n\
         daemons.d/b.yml:3:3: applications.rqi: rqi is configured in daemons.d/a.yml:2:3 already\n \
         3 |   rqi: {path: /var/www/rqi}\n   |   ^^^\n\
         daemons.d/c.yml:1:1: the file is empty, which is taken for an accident; \
         to run nothing, write applications: {}"
    );
    let config = load(&files[..2], &TestHost::root()).unwrap().config;
    let worker = &config.applications[&"rqi".parse().unwrap()].daemons[&"worker".parse().unwrap()];
    assert_eq!(&*worker.process.account.user, "rqi");
}

#[test]
fn a_default_user_that_is_not_there_is_said_where_it_is_needed() {
    struct Bare(TestHost);
    impl abaqis_daemons::config::Host for Bare {
        fn privilege(&self) -> abaqis_daemons::config::Privilege {
            self.0.privilege()
        }
        fn me(&self) -> abaqis_daemons::config::User {
            self.0.me()
        }
        fn user(&self, _: &str) -> Option<abaqis_daemons::config::User> {
            None
        }
        fn group(&self, _: &str) -> Option<abaqis_daemons::config::Group> {
            None
        }
        fn program_dir(&self) -> PathBuf {
            "/usr/bin".into()
        }
        fn exists(&self, _: &Path) -> bool {
            true
        }
    }
    let files = [SourceFile::new("daemons.yml", "applications:\n  a: {path: /a, workers: 1}\n")];
    let said = load(&files, &Bare(TestHost::root())).unwrap_err().to_string();
    assert_eq!(
        said,
        "daemons.yml:2:26: applications.a.workers: there is no user abaqis on this host (the default); \
         create it or set user\n 2 |   a: {path: /a, workers: 1}\n   |                          ^"
    );
}
