//! Any bytes: an answer, never a panic, and every error at a place that is there.

use std::sync::LazyLock;

use abaqis_daemons::config::{SourceFile, load};
use proptest::prelude::*;

use crate::bad::bad_files;
use crate::good::good_files;
use crate::host::TestHost;

/// Loads `text`; checks the places of what is wrong, and that what is right is shown
/// so that it loads to the same.
fn answer(text: &[u8]) {
    let files = [SourceFile::new("daemons.yml", text)];
    for host in [TestHost::root(), TestHost::unprivileged(), TestHost::dev()] {
        match load(&files, &host) {
            Ok(loaded) => {
                let shown = loaded.config.to_yaml();
                let again = load(&[SourceFile::new("daemons.yml", shown.clone())], &host)
                    .unwrap_or_else(|problems| panic!("{problems}\nof what is shown:\n{shown}"));
                assert_eq!(again.config, loaded.config, "{shown}");
            }
            Err(problems) => {
                assert!(!problems.0.is_empty());
                let whole = String::from_utf8_lossy(text);
                let lines: Vec<&str> = whole.strip_prefix('\u{feff}').unwrap_or(&whole).split('\n').collect();
                for problem in &problems.0 {
                    let place = problem.place;
                    let line = lines.get(place.line as usize - 1);
                    let line = line.unwrap_or_else(|| panic!("{problem}: no such line"));
                    assert!(place.column as usize <= line.chars().count() + 1, "{problem}: no such column");
                    assert!(!problem.to_string().contains('\n'), "{problem:?}");
                }
                let text = problems.to_string();
                assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
            }
        }
    }
}

/// A change of some bytes.
#[derive(Debug, Clone)]
enum Change {
    Remove(prop::sample::Index, usize),
    Insert(prop::sample::Index, String),
    Copy(prop::sample::Index, prop::sample::Index, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let index = any::<prop::sample::Index>;
    let words = prop::sample::select(vec![
        "\n",
        "  ",
        "\t",
        ": ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        "\"",
        "'",
        "&a ",
        "*a",
        "<<: ",
        "---\n",
        "...\n",
        "|\n",
        ">-\n",
        "? ",
        "!x ",
        "#",
        "~",
        "0",
        "-1",
        "1e9",
        "30",
        "none",
        "null",
        "é",
        "\u{feff}",
        "\r\n",
        "\u{85}",
        "\u{2028}",
        "{app}",
        "{{",
        ", ",
        "%YAML 1.2\n",
        "@",
        "`",
    ]);
    prop_oneof![
        (index(), 1..20_usize).prop_map(|(at, length)| Change::Remove(at, length)),
        (index(), words.prop_map(str::to_owned)).prop_map(|(at, text)| Change::Insert(at, text)),
        (index(), "\\PC{1,3}").prop_map(|(at, text)| Change::Insert(at, text)),
        (index(), index(), 1..40_usize).prop_map(|(from, to, length)| Change::Copy(from, to, length)),
    ]
}

fn apply(text: &mut Vec<u8>, change: &Change) {
    let length = text.len() + 1;
    match change {
        Change::Remove(at, count) => {
            let at = at.index(length);
            text.drain(at..(at + count).min(length - 1));
        }
        Change::Insert(at, new) => {
            let at = at.index(length);
            text.splice(at..at, new.bytes());
        }
        Change::Copy(from, to, count) => {
            let from = from.index(length);
            let part = text[from..(from + count).min(length - 1)].to_vec();
            let to = to.index(length);
            text.splice(to..to, part);
        }
    }
}

proptest! {
    // PROPTEST_CASES=100000 looks longer.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn files_with_some_bytes_changed_are_answered(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec(change(), 1..6),
    ) {
        static FILES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
            good_files().into_iter().chain(bad_files()).map(|(_, text)| text).collect()
        });
        let mut text = FILES[which.index(FILES.len())].clone();
        for change in &changes {
            apply(&mut text, change);
        }
        answer(&text);
    }

    #[test]
    fn any_text_is_answered(text in "\\PC{0,200}") {
        answer(text.as_bytes());
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        answer(&bytes);
    }

    #[test]
    fn any_value_of_a_variable_comes_back_as_it_was(value in "[ -~\\n\\té日\u{85}\u{a0}\u{2028}]{0,12}") {
        // A JSON string is a YAML string.
        let value = serde_json::to_string(&value).unwrap();
        answer(format!("applications: {{a: {{path: /a, env: {{X: {value}}}, workers: 1}}}}").as_bytes());
    }
}

#[test]
fn the_files_are_answered_as_they_are() {
    for (_, text) in good_files().into_iter().chain(bad_files()) {
        answer(&text);
    }
}
