//! Whatever stands in schedule.yml: a timetable whose slots can be told, or problems with a
//! place.

#![no_main]

use std::sync::OnceLock;
use std::time::Duration;

use abaqis_daemons::ayl::Message;
use abaqis_daemons::config::SourceFile;
use abaqis_daemons::schedule::timetable::{Timetable, load};
use abaqis_daemons::schedule::{CatchUp, missed, put_at};
use jiff::tz::TimeZoneDatabase;
use jiff::{SignedDuration, Timestamp};
use libfuzzer_sys::fuzz_target;

/// Those of the program: the same on every machine.
fn zones() -> &'static TimeZoneDatabase {
    static ZONES: OnceLock<TimeZoneDatabase> = OnceLock::new();
    ZONES.get_or_init(TimeZoneDatabase::bundled)
}

/// What was read can be told: the slots of an hour, what was missed, the job of each entry.
fn tell(timetable: &Timetable) {
    // The night in which Denver's clocks go forward.
    let from: Timestamp = "2026-03-08T08:30:00Z".parse().unwrap();
    let to = from + SignedDuration::from_hours(1);
    let mut before = from;
    for slot in timetable.slots(from, to).take(1000) {
        assert!(before <= slot.due && slot.due < to, "{} after {before}", slot.due);
        before = slot.due;
        let later = put_at(slot.entry, slot.due);
        assert!(slot.due <= later && later < slot.due + slot.entry.splay.max(Duration::from_nanos(1)));
    }
    for entry in &timetable.entries {
        let slots: Vec<Timestamp> = entry.rule.after(from).take(20).collect();
        assert!(slots.windows(2).all(|pair| pair[0] < pair[1]), "{slots:?}");
        if let Some(&last) = slots.last() {
            let missed = missed(&entry.rule, from, last, Duration::ZERO, CatchUp::Last);
            assert_eq!(missed.put, [last], "of {slots:?}");
        }
        let message = Message::new(&entry.code, None);
        assert_eq!(Message::parse(message.to_body().as_bytes()), Ok(message));
    }
}

fuzz_target!(|text: &[u8]| {
    let file = SourceFile::new("schedule.yml", text);
    let read = load(&file, zones());
    assert_eq!(read, load(&file, zones()), "the same file, read twice");
    match read {
        Ok(timetable) => tell(&timetable),
        Err(problems) => {
            assert!(!problems.0.is_empty());
            let lines = text.split(|byte| *byte == b'\n').count();
            for problem in &problems.0 {
                assert!((1..=lines).contains(&(problem.place.line as usize)), "{problem}");
                assert!(!problem.to_string().contains('\n'), "{problem:?}");
            }
            let _ = problems.to_string();
        }
    }
});
