//! Any bytes are an answer, never a panic; a problem's place is in the file.

use abaqis_daemons::config::SourceFile;
use abaqis_daemons::schedule::timetable::load;
use jiff::tz::TimeZoneDatabase;
use proptest::prelude::*;

use crate::bad::bad_files;

fn read(text: Vec<u8>) {
    let lines = text.split(|byte| *byte == b'\n').count();
    if let Err(problems) = load(&SourceFile::new("schedule.yml", text), &TimeZoneDatabase::bundled()) {
        assert!(!problems.0.is_empty());
        for problem in &problems.0 {
            assert!((1..=lines).contains(&(problem.place.line as usize)), "{problem}");
        }
        let _ = problems.to_string();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_answered(text in proptest::collection::vec(any::<u8>(), 0..200)) {
        read(text);
    }

    #[test]
    fn any_five_words_are_a_rule_or_not(text in "[0-9*/,#LW? -]{1,20}") {
        read(format!("a: {{schedule: '{text}', code: x}}").into_bytes());
    }

    #[test]
    fn a_bad_file_cut_off_anywhere_is_answered(file in 0_usize..1000, at in 0_usize..400) {
        let files = bad_files();
        let (_, mut text) = files[file % files.len()].clone();
        text.truncate(at);
        read(text);
    }
}
