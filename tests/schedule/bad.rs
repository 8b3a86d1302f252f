//! Every file of `bad/` with the exact text that is said about it.

use abaqis_daemons::config::SourceFile;
use abaqis_daemons::schedule::timetable::load;
use jiff::tz::TimeZoneDatabase;

use crate::golden::{every_file_is_refused, yaml_files};

const FOLDER: &str = "tests/schedule/bad";

/// The files of `bad/` by name, each a timetable by itself.
pub(crate) fn bad_files() -> Vec<(String, Vec<u8>)> {
    yaml_files(FOLDER)
}

#[test]
fn every_bad_file_is_refused_in_exactly_these_words() {
    // The bundled zones are the same on every machine.
    let zones = TimeZoneDatabase::bundled();
    every_file_is_refused(FOLDER, 30, |text| load(&SourceFile::new("schedule.yml", text), &zones));
}
