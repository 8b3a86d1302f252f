//! Whatever stands in schedule.yml: a timetable whose slots can be told, or problems with a
//! place.

#![no_main]

use std::sync::OnceLock;

use abaqis_daemons::config::SourceFile;
use abaqis_daemons::schedule::timetable::load;
use jiff::tz::TimeZoneDatabase;
use jiff::{SignedDuration, Timestamp};
use libfuzzer_sys::fuzz_target;

/// Those of the program: the same on every machine.
fn zones() -> &'static TimeZoneDatabase {
    static ZONES: OnceLock<TimeZoneDatabase> = OnceLock::new();
    ZONES.get_or_init(TimeZoneDatabase::bundled)
}

fuzz_target!(|text: &[u8]| {
    let lines = text.split(|byte| *byte == b'\n').count();
    match load(&SourceFile::new("schedule.yml", text), zones()) {
        Ok(timetable) => {
            // The night in which Denver's clocks go forward.
            let from: Timestamp = "2026-03-08T08:30:00Z".parse().unwrap();
            let to = from + SignedDuration::from_hours(1);
            let mut before = from;
            for slot in timetable.slots(from, to).take(1000) {
                assert!(before <= slot.due && slot.due < to, "{} after {before}", slot.due);
                before = slot.due;
            }
        }
        Err(problems) => {
            assert!(!problems.0.is_empty());
            for problem in &problems.0 {
                assert!((1..=lines).contains(&(problem.place.line as usize)), "{problem}");
            }
            let _ = problems.to_string();
        }
    }
});
