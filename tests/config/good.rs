//! Files that are accepted: what `show` makes of them, and who runs them.

use std::fs;
use std::path::{Path, PathBuf};

use abaqis_daemons::config::{SourceFile, load};
use abaqis_daemons::names::DaemonName;

use crate::host::TestHost;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/good")
}

/// The files of `good/`, and the one that is packaged, by name.
pub(crate) fn good_files() -> Vec<(String, Vec<u8>)> {
    let packaged = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/daemons.yml");
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yml"));
    files.push(packaged);
    files.sort();
    let read =
        |path: PathBuf| (path.file_stem().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap());
    files.into_iter().map(read).collect()
}

/// `BLESS=1 cargo test --test config` writes what is shown anew.
#[test]
fn every_good_file_is_shown_in_exactly_this_form_which_loads_to_the_same() {
    for (name, text) in good_files() {
        let load = |text: Vec<u8>| {
            load(&[SourceFile::new("daemons.yml", text)], &TestHost::root())
                .unwrap_or_else(|problems| panic!("{name}.yml: {problems}"))
                .config
        };
        let config = load(text);
        let shown = config.to_yaml();
        assert_eq!(load(shown.clone().into_bytes()), config, "{name}.yml, shown:\n{shown}");
        let expected = folder().join(&name).with_extension("shown");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&expected, &shown).unwrap();
        }
        let expected = fs::read_to_string(&expected).unwrap_or_default();
        assert!(
            shown == expected,
            "{name}.yml:\n{}",
            similar::TextDiff::from_lines(expected.as_str(), shown.as_str()).unified_diff()
        );
    }
}

#[test]
fn the_packaged_file_runs_nothing_and_says_so() {
    let text = include_str!("../../config/daemons.yml");
    let loaded = load(&[SourceFile::new("daemons.yml", text)], &TestHost::root()).unwrap();
    let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings, ["daemons.yml:17:15: warning: applications: no applications, so nothing is run"]);
}

#[test]
fn what_the_packaged_file_proposes_is_accepted() {
    let text = include_str!("../../config/daemons.yml");
    let example = text.lines().skip_while(|line| *line != "# applications:");
    let example: Vec<&str> = example.map(|line| line.strip_prefix("# ").unwrap_or_default()).collect();
    let example = example.join("\n");
    let loaded = load(&[SourceFile::new("daemons.yml", example)], &TestHost::root()).unwrap();
    assert_eq!(loaded.warnings, []);
    let application = loaded.config.applications.values().next().unwrap();
    let daemons: Vec<&str> = application.daemons.keys().map(DaemonName::as_str).collect();
    assert_eq!(daemons, ["scheduler", "solr", "worker"]);
}

#[test]
fn another_user_is_for_root_alone_and_dev_runs_as_whoever_runs_it() {
    let text = "applications: {a: {path: /var/www/a, user: rqi, daemons: {x: {command: x}}}}";
    let files = [SourceFile::new("daemons.yml", text)];
    let user = |host: &TestHost| {
        load(&files, host).map(|loaded| {
            let application = loaded.config.applications.into_values().next().unwrap();
            let daemon = application.daemons.values().next().unwrap().clone();
            (
                daemon.process.account.user.to_string(),
                loaded.warnings.iter().map(ToString::to_string).collect(),
            )
        })
    };
    assert_eq!(user(&TestHost::root()), Ok(("rqi".to_owned(), vec![])));
    let error = user(&TestHost::unprivileged()).unwrap_err().to_string();
    let first = error.lines().next().unwrap();
    assert_eq!(first, "daemons.yml:1:44: applications.a.user: only root can run daemons as rqi; this is dev");
    let said = "daemons.yml:1:44: warning: everything runs as dev, not as rqi";
    assert_eq!(user(&TestHost::dev()), Ok(("dev".to_owned(), vec![said.to_owned()])));
}

#[test]
fn a_thousand_daemons_share_what_is_the_same() {
    use std::fmt::Write as _;
    use std::sync::Arc;
    let mut text = "applications:\n  a:\n    path: /var/www/a\n    env: {A: b}\n    daemons:\n".to_owned();
    for n in 0..1000 {
        let _ = writeln!(text, "      d{n}: {{command: [sleep, infinity, '{n}']}}");
    }
    let loaded = load(&[SourceFile::new("daemons.yml", text)], &TestHost::root()).unwrap();
    let application = loaded.config.applications.values().next().unwrap();
    let mut daemons = application.daemons.values();
    let first = daemons.next().unwrap();
    for other in daemons {
        assert!(Arc::ptr_eq(&first.policy, &other.policy));
        assert!(Arc::ptr_eq(&first.process.env, &other.process.env));
        assert!(Arc::ptr_eq(&first.process.account, &other.process.account));
        let words = |daemon: &abaqis_daemons::config::Daemon| daemon.process.command[0].as_str().as_ptr();
        assert_eq!(words(first), words(other), "even the word `sleep` is one");
    }
}
