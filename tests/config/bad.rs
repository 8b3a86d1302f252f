//! Every file of `bad/` with the exact text that is said about it.

use std::path::{Path, PathBuf};

use abaqis_daemons::config::{SourceFile, load};

use crate::golden::{every_file_is_refused, yaml_files};
use crate::host::TestHost;

const FOLDER: &str = "tests/config/bad";

/// The files of `bad/` by name, each a configuration by itself.
pub(crate) fn bad_files() -> Vec<(String, Vec<u8>)> {
    yaml_files(FOLDER)
}

#[test]
fn every_bad_file_is_refused_in_exactly_these_words() {
    every_file_is_refused(FOLDER, 60, |text| {
        load(&[SourceFile::new("daemons.yml", text)], &TestHost::root())
    });
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
