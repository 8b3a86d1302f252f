//! The manual pages of the four programs and of the files they read.

use std::path::Path;
use std::process::Command;

fn said(program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
    output.stdout
}

/// Every page, in `folder`.
fn write_pages(folder: &Path) {
    for program in [
        env!("CARGO_BIN_EXE_abaqis-daemons"),
        env!("CARGO_BIN_EXE_ayl_beanstalk"),
        env!("CARGO_BIN_EXE_ayl_scheduler"),
    ] {
        said(program, &["man", "--out", folder.to_str().unwrap()]);
    }
    let page = said(env!("CARGO_BIN_EXE_ayl_worker"), &["--man"]);
    std::fs::write(folder.join("ayl_worker.1"), page).unwrap();
}

#[test]
fn groff_has_no_complaint_about_any_page() {
    let folder = tempfile::tempdir().unwrap();
    write_pages(folder.path());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        names.push(path.file_name().unwrap().to_string_lossy().into_owned());
        let output = Command::new("groff")
            .args(["-ww", "-man", "-Kutf8", "-Tutf8", "-z"])
            .arg(&path)
            .output()
            .expect("groff, from the package groff-base");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && complaint.is_empty(), "{complaint}");
    }
    for name in [
        "abaqis-daemons.1",
        "abaqis-daemons-run.1",
        "ayl_worker.1",
        "ayl_beanstalk.1",
        "ayl_scheduler.1",
        "daemons.yml.5",
        "schedule.yml.5",
    ] {
        assert!(names.iter().any(|found| found == name), "{name} in {names:?}");
    }
}

#[test]
fn the_page_of_a_file_is_asked_for_by_its_name() {
    let page = said(env!("CARGO_BIN_EXE_abaqis-daemons"), &["man", "daemons.yml"]);
    assert!(String::from_utf8(page).unwrap().contains(".TH daemons.yml 5"));
    let page = said(env!("CARGO_BIN_EXE_ayl_scheduler"), &["man", "schedule.yml"]);
    assert!(String::from_utf8(page).unwrap().contains(".TH schedule.yml 5"));
}

#[test]
fn each_program_completes_its_arguments() {
    for (program, word, begun, wanted) in [
        (env!("CARGO_BIN_EXE_abaqis-daemons"), "completions", "stat", "status"),
        (env!("CARGO_BIN_EXE_ayl_worker"), "--completions", "--max-j", "--max-jobs"),
        (env!("CARGO_BIN_EXE_ayl_beanstalk"), "completions", "peek_b", "peek_buried"),
        (env!("CARGO_BIN_EXE_ayl_scheduler"), "completions", "prev", "preview"),
    ] {
        for shell in ["bash", "zsh", "fish"] {
            assert!(!said(program, &[word, shell]).is_empty(), "{program} {shell}");
        }
        // As bash's function asks.
        let output = Command::new(program)
            .args(["--", program, begun])
            .envs([
                ("_ABAQIS_COMPLETE", "bash"),
                ("_CLAP_COMPLETE_INDEX", "1"),
                ("_CLAP_COMPLETE_COMP_TYPE", "9"),
            ])
            .envs([("_CLAP_COMPLETE_SPACE", "true"), ("_CLAP_IFS", "\n")])
            .output()
            .unwrap();
        let offered = String::from_utf8(output.stdout).unwrap();
        assert!(offered.lines().any(|line| line.trim() == wanted), "{program}: {offered}");
    }
}
