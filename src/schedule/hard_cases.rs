//! The days on which clocks do what nobody expects.

use jiff::civil::date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};
use proptest::prelude::*;

use super::{Cron, CronError};

/// The due instants within a day of a zone, as wall time with offset.
fn day(zone: &str, expression: &str, year: i16, month: i8, day: i8) -> Vec<String> {
    let zone = TimeZone::get(zone).unwrap();
    let cron: Cron = expression.parse().unwrap();
    let start = date(year, month, day).to_zoned(zone.clone()).unwrap().timestamp();
    let end =
        date(year, month, day).checked_add(1.day()).unwrap().to_zoned(zone.clone()).unwrap().timestamp();
    std::iter::successors(cron.next(&zone, start - 1.second()), |&due| cron.next(&zone, due))
        .take_while(|&due| due < end)
        .map(|due| Zoned::new(due, zone.clone()).strftime("%H:%M%:z").to_string())
        .collect()
}

#[test]
fn berlin_leaves_out_an_hour_in_march() {
    let day = |expression| day("Europe/Berlin", expression, 2026, 3, 29);
    assert_eq!(day("10 2 * * *"), ["03:00+02:00"]);
    assert_eq!(day("*/30 2 * * *"), ["03:00+02:00"]);
    assert_eq!(day("0 2,3 * * *"), ["03:00+02:00"]);
    assert_eq!(day("0 1,2,4 * * *"), ["01:00+01:00", "03:00+02:00", "04:00+02:00"]);
    assert_eq!(day("30 * * * *").len(), 23);
    assert_eq!(day("30 * * * *")[..3], ["00:30+01:00", "01:30+01:00", "03:30+02:00"]);
}

#[test]
fn berlin_has_an_hour_twice_in_october() {
    let day = |expression| day("Europe/Berlin", expression, 2026, 10, 25);
    assert_eq!(day("10 2 * * *"), ["02:10+02:00"]);
    assert_eq!(day("*/30 2 * * *"), ["02:00+02:00", "02:30+02:00"]);
    assert_eq!(day("0 2,3 * * *"), ["02:00+02:00", "03:00+01:00"]);
    assert_eq!(day("30 * * * *").len(), 25);
    assert_eq!(day("30 * * * *")[1..5], ["01:30+02:00", "02:30+02:00", "02:30+01:00", "03:30+01:00"]);
}

#[test]
fn lord_howe_moves_by_half_an_hour() {
    // 2026-10-04 02:00 -> 02:30, 2026-04-05 02:00 -> 01:30
    assert_eq!(day("Australia/Lord_Howe", "10 2 * * *", 2026, 10, 4), ["02:30+11:00"]);
    assert_eq!(day("Australia/Lord_Howe", "45 1 * * *", 2026, 4, 5), ["01:45+11:00"]);
    assert_eq!(day("Australia/Lord_Howe", "*/15 1 * * *", 2026, 4, 5).len(), 4);
    assert_eq!(day("Australia/Lord_Howe", "*/15 * * * *", 2026, 4, 5).len(), 98);
}

#[test]
fn apia_left_out_a_whole_day() {
    // There was no 2011-12-30: its slots are due when the 31st begins.
    let apia = TimeZone::get("Pacific/Apia").unwrap();
    let cron: Cron = "0 3 * * *".parse().unwrap();
    let start: Timestamp = "2011-12-29T00:00:00-10:00".parse().unwrap();
    let due: Vec<String> = std::iter::successors(cron.next(&apia, start), |&due| cron.next(&apia, due))
        .take(4)
        .map(|due| Zoned::new(due, apia.clone()).strftime("%m-%d %H:%M%:z").to_string())
        .collect();
    assert_eq!(due, ["12-29 03:00-10:00", "12-31 00:00+14:00", "12-31 03:00+14:00", "01-01 03:00+14:00"]);
}

#[test]
fn casablanca_goes_back_for_ramadan() {
    // 2026-02-15 03:00 -> 02:00, 2026-03-22 02:00 -> 03:00
    assert_eq!(day("Africa/Casablanca", "30 2 * * *", 2026, 2, 15), ["02:30+01:00"]);
    assert_eq!(day("Africa/Casablanca", "30 2 * * *", 2026, 3, 22), ["03:00+01:00"]);
}

#[test]
fn st_johns_once_changed_a_minute_after_midnight() {
    // 2006-04-02 00:01 -> 01:01, 2006-10-29 00:01 -> 23:01 on the day before
    assert_eq!(day("America/St_Johns", "30 0 * * *", 2006, 4, 2), ["01:01-02:30"]);
    assert_eq!(day("America/St_Johns", "30 23 * * *", 2006, 10, 28), ["23:30-02:30"]);
    assert_eq!(day("America/St_Johns", "0 0 * * *", 2006, 10, 29), ["00:00-02:30"]);
}

#[test]
fn dublin_calls_its_winter_the_exception() {
    assert_eq!(day("Europe/Dublin", "30 1 * * *", 2026, 3, 29), ["02:00+01:00"]);
    assert_eq!(day("Europe/Dublin", "30 1 * * *", 2026, 10, 25), ["01:30+01:00"]);
}

#[test]
fn seconds_names_last_days_and_nth_weekdays() {
    let utc = |expression: &str| {
        let cron: Cron = expression.parse().unwrap();
        cron.next(&TimeZone::UTC, "2026-11-24T06:11:23Z".parse().unwrap()).unwrap().to_string()
    };
    assert_eq!(utc("*/10 * * * * *"), "2026-11-24T06:11:30Z");
    assert_eq!(utc("0 9 * JAN MON"), "2027-01-04T09:00:00Z");
    assert_eq!(utc("0 0 L * *"), "2026-11-30T00:00:00Z");
    assert_eq!(utc("0 0 * * FRI#2"), "2026-12-11T00:00:00Z");
    assert_eq!(utc("@daily"), "2026-11-25T00:00:00Z");
    assert_eq!(utc("0 0 29 2 *"), "2028-02-29T00:00:00Z");
}

#[test]
fn what_is_never_due_is_an_error() {
    for text in ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "* * * 30,31 FEB *"] {
        assert_eq!(text.parse::<Cron>(), Err(CronError::Impossible(text.into())));
    }
    for text in ["0 0 29 2 *", "0 0 29 2 +MON", "0 0 LW FEB *", "0 0 31W 12 *", "0 0 * 2 SUN#5"] {
        assert!(text.parse::<Cron>().is_ok(), "{text}");
    }
    for text in ["", "* * *", "61 * * * *", "x", "* * * * * * 2026"] {
        assert!(
            matches!(text.parse::<Cron>(), Err(CronError::Syntax { .. } | CronError::Field { .. })),
            "{text:?}"
        );
    }
}

fn zones() -> Vec<String> {
    let mut zones: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    zones.sort();
    assert!(zones.len() > 400, "only {} zones", zones.len());
    zones
}

/// An instant within 40 hours of one of the zone's changes, or any where it has none.
fn near_a_change(zone: &TimeZone, year: i16, pick: usize, hours: i64) -> Timestamp {
    let start = date(year, 1, 1).to_zoned(TimeZone::UTC).unwrap().timestamp();
    let changes: Vec<Timestamp> = zone.following(start).take(4).map(|change| change.timestamp()).collect();
    let base = if changes.is_empty() { start } else { changes[pick % changes.len()] };
    base + hours.hours()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Over all zones and the years 2000 to 2060: due instants strictly increase, and
    /// a daily entry is due once on each day of the calendar.
    #[test]
    fn no_day_is_lost_and_none_comes_twice(
        zone in proptest::sample::select(zones()),
        year in 2000_i16..=2060,
        pick in 0_usize..4,
        hours in -40_i64..0,
        hour in 0_i8..24,
        minute in 0_i8..60,
    ) {
        let zone = TimeZone::get(&zone).unwrap();
        let start = near_a_change(&zone, year, pick, hours);
        let cron: Cron = format!("{minute} {hour} * * *").parse().unwrap();
        let mut last = start;
        // The wall times of the days that follow, by the rule itself.
        let first = cron.next(&zone, start).unwrap();
        let mut wall = zone.to_datetime(start).date().at(hour, minute, 0, 0);
        while super::cron::first_instant(&zone, wall).unwrap() <= start {
            wall = wall.checked_add(1.day()).unwrap();
        }
        while wall.checked_sub(1.day()).ok().and_then(|w| super::cron::first_instant(&zone, w)).unwrap() > start {
            wall = wall.checked_sub(1.day()).unwrap();
        }
        prop_assert_eq!(first, super::cron::first_instant(&zone, wall).unwrap());
        for _ in 0..5 {
            let due = cron.next(&zone, last).unwrap();
            prop_assert!(due > last);
            prop_assert_eq!(due, super::cron::first_instant(&zone, wall).unwrap());
            last = due;
            // Two days that are due at one instant (a day left out, at midnight) are one slot.
            while super::cron::first_instant(&zone, wall).unwrap() <= last {
                wall = wall.checked_add(1.day()).unwrap();
            }
        }
    }

    /// An entry of every hour keeps its pace in elapsed time, whatever the clocks do.
    #[test]
    fn an_entry_of_every_hour_strictly_increases(
        zone in proptest::sample::select(zones()),
        year in 2000_i16..=2060,
        pick in 0_usize..4,
        hours in -40_i64..0,
        expression in proptest::sample::select(vec!["*/15 * * * *", "30 * * * *", "*/7 2 * * *", "0 */2 * * *"]),
    ) {
        let zone = TimeZone::get(&zone).unwrap();
        let cron: Cron = expression.parse().unwrap();
        let mut last = near_a_change(&zone, year, pick, hours);
        for _ in 0..20 {
            let due = cron.next(&zone, last).unwrap();
            prop_assert!(due > last, "{} then {}", last, due);
            last = due;
        }
    }
}
