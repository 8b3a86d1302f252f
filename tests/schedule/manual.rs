//! The manual page is true: it has every key and no other, and its examples are accepted.

use abaqis_daemons::config::SourceFile;
use abaqis_daemons::schedule::timetable::{keys, load};
use jiff::tz::TimeZoneDatabase;

const MANUAL: &str = include_str!("../../docs/schedule.yml.5.md");

#[test]
fn every_key_has_its_paragraph_and_there_is_no_other() {
    let mut paragraphs: Vec<&str> =
        MANUAL.lines().filter_map(|line| line.strip_prefix("**")?.strip_suffix("**")).collect();
    paragraphs.sort_unstable();
    assert_eq!(paragraphs, keys());
}

#[test]
fn every_example_is_accepted() {
    let mut examples = 0;
    for block in MANUAL.split("```yaml\n").skip(1) {
        let text = block.split("```").next().unwrap();
        let loaded = load(&SourceFile::new("schedule.yml", text), &TimeZoneDatabase::bundled());
        assert!(loaded.is_ok(), "{}\n{text}", loaded.unwrap_err());
        examples += 1;
    }
    assert!(examples >= 2);
}
