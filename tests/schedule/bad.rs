//! Every file of `bad/` with the exact text that is said about it.

use std::fs;
use std::path::{Path, PathBuf};

use abaqis_daemons::config::SourceFile;
use abaqis_daemons::schedule::timetable::load;
use jiff::tz::TimeZoneDatabase;

/// Set to write the texts anew: `BLESS=1 cargo test --test schedule`, then read the diff.
const BLESS: &str = "BLESS";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schedule/bad")
}

/// The files of `bad/` by name, each a timetable by itself.
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
    assert!(files.len() >= 30, "only {} files in {}", files.len(), folder().display());
    // The bundled zones are the same on every machine.
    let zones = TimeZoneDatabase::bundled();
    let mut different = Vec::new();
    for (name, text) in files {
        let said = match load(&SourceFile::new("schedule.yml", text), &zones) {
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
