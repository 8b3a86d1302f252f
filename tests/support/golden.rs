//! Bad files, each with the exact text that is said about it beside it.

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

/// Set to write the texts anew, then read the diff: `BLESS=1 cargo test --test config`.
const BLESS: &str = "BLESS";

/// The `.yml` files of a folder of this package by name, with what is in them.
pub(crate) fn yaml_files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let files = fs::read_dir(path(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|extension| extension == "yml")).collect();
    files.sort();
    let read =
        |path: PathBuf| (path.file_stem().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap());
    files.into_iter().map(read).collect()
}

/// Loads each file of `folder`, at least so many, and compares what is said with its `.stderr`.
pub(crate) fn every_file_is_refused<T, E: Display>(
    folder: &str,
    at_least: usize,
    load: impl Fn(Vec<u8>) -> Result<T, E>,
) {
    let files = yaml_files(folder);
    assert!(files.len() >= at_least, "only {} files in {folder}", files.len());
    let mut different = Vec::new();
    for (name, text) in files {
        let said = match load(text) {
            Ok(_) => panic!("{name}.yml is accepted"),
            Err(problems) => format!("{problems}\n"),
        };
        let expected = path(folder).join(&name).with_extension("stderr");
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

fn path(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)
}
