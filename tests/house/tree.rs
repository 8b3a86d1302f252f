//! What every file of the tree keeps to.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The longest a source file may be, in lines.
const LONGEST: usize = 420;

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files below `folder` whose name ends in `.extension`.
pub(crate) fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

pub(crate) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn a_file_can_be_read_in_one_sitting() {
    let too_long: Vec<String> = [files("src", "rs"), files("tests", "rs"), files("benches", "rs")]
        .concat()
        .iter()
        .map(|path| (path, read(path).lines().count()))
        .filter(|&(_, lines)| lines > LONGEST)
        .map(|(path, lines)| format!("{}: {lines} lines", path.display()))
        .collect();
    assert!(too_long.is_empty(), "longer than {LONGEST} lines:\n{}", too_long.join("\n"));
}

#[test]
fn unsafe_is_in_process_alone() {
    let process = root().join("src/process");
    let found: Vec<String> = files("src", "rs")
        .iter()
        .filter(|path| !path.starts_with(&process))
        .filter(|path| {
            read(path).lines().any(|line| {
                let code = line.split("//").next().unwrap_or_default();
                code.contains("unsafe ") || code.contains("unsafe{")
            })
        })
        .map(|path| path.display().to_string())
        .collect();
    assert!(found.is_empty(), "unsafe outside src/process:\n{}", found.join("\n"));
}

#[test]
fn every_module_begins_with_what_it_is_for() {
    let silent: Vec<String> = files("src", "rs")
        .iter()
        .filter(|path| !read(path).starts_with("//!"))
        .map(|path| path.display().to_string())
        .collect();
    assert!(silent.is_empty(), "no `//!` at the head of:\n{}", silent.join("\n"));
}

#[test]
fn the_shell_scripts_parse() {
    for script in ["scripts/deps", "scripts/install", "scripts/test", "demo/run"] {
        let status = Command::new("bash").arg("-n").arg(root().join(script)).status().unwrap();
        assert!(status.success(), "{script}");
    }
}
