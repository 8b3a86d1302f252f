//! The manual page is true: it has every key, and its examples are accepted.

use abaqis_daemons::config::{SourceFile, load, sections};

use crate::host::TestHost;

const MANUAL: &str = include_str!("../../docs/daemons.yml.5.md");

#[test]
fn every_key_has_its_paragraph() {
    for (section, keys) in sections() {
        for key in keys {
            let key = match section {
                "backoff" | "start_limit" | "limits" | "ready" | "log" => format!("**{section}.{key}**"),
                "version" => format!("**{section}: {{{key}: "),
                _ => format!("**{key}**"),
            };
            assert!(MANUAL.contains(&key), "{key} is not in docs/daemons.yml.5.md");
        }
    }
}

#[test]
fn every_example_is_accepted() {
    let mut examples = 0;
    for block in MANUAL.split("```yaml\n").skip(1) {
        let text = block.split("```").next().unwrap();
        let loaded = load(&[SourceFile::new("daemons.yml", text)], &TestHost::root());
        assert!(loaded.is_ok(), "{}\n{text}", loaded.unwrap_err());
        examples += 1;
    }
    assert!(examples >= 3);
}
