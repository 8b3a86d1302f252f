//! Every change of every zone's clocks, and clocks that are set: what no example covers.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use jiff::civil::date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use proptest::prelude::*;

use super::{CatchUp, Cron, Due, Past, Rule, due, missed, test_entry};

/// Every zone there is, looked up once.
static ZONES: LazyLock<Vec<TimeZone>> = LazyLock::new(|| {
    let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    assert!(names.len() > 400, "only {} zones", names.len());
    names.iter().map(|name| TimeZone::get(name).unwrap()).collect()
});

/// The instants from 2000 to 2060 at which the clocks of `zone` are moved, with how it moves them.
fn changes(zone: &TimeZone) -> Vec<(Timestamp, SignedDuration)> {
    let utc = |year| date(year, 1, 1).to_zoned(TimeZone::UTC).unwrap().timestamp();
    let (from, to) = (utc(2000), utc(2061));
    let mut offset = zone.to_offset(from);
    let mut found = Vec::new();
    for change in zone.following(from).take_while(|change| change.timestamp() < to) {
        let moved = offset.duration_until(change.offset());
        offset = change.offset();
        if !moved.is_zero() {
            found.push((change.timestamp(), moved));
        }
    }
    found
}

/// A daily entry whose time lies in the middle of what is left out or comes twice is due once
/// on each day of the calendar around it: at every change of every zone.
#[test]
fn a_daily_entry_within_a_change_is_due_once_a_day_in_every_zone_from_2000_to_2060() {
    let mut seen = BTreeSet::new();
    let mut tried = 0;
    for zone in ZONES.iter() {
        for (at, moved) in changes(zone) {
            // Zones that move alike at that moment have the same slots.
            let before = zone.to_offset(at - 1.second());
            if !seen.insert((at, before.seconds(), moved)) {
                continue;
            }
            let wall = before.to_datetime(at);
            let middle = wall.checked_add(moved / 2).unwrap().time();
            let cron: Cron = format!("{} {} * * *", middle.minute(), middle.hour()).parse().unwrap();
            let start = at.checked_sub(SignedDuration::from_hours(60)).unwrap();
            let end = at.checked_add(SignedDuration::from_hours(60)).unwrap();
            let slots: Vec<Timestamp> =
                std::iter::successors(cron.next(zone, start), |&s| cron.next(zone, s))
                    .take_while(|&slot| slot <= end)
                    .collect();
            assert!(slots.windows(2).all(|pair| pair[0] < pair[1]), "{:?} {at}: {slots:?}", zone.iana_name());
            // By the calendar: each day's wall time at its one instant, two at one instant once.
            let mut day = zone.to_datetime(start).date();
            let mut expected = BTreeSet::new();
            while day <= zone.to_datetime(end).date() {
                let wall = day.at(middle.hour(), middle.minute(), 0, 0);
                expected.extend(super::cron::first_instant(zone, wall).filter(|s| *s > start && *s <= end));
                day = day.tomorrow().unwrap();
            }
            assert_eq!(slots, Vec::from_iter(expected), "{:?} at {at}", zone.iana_name());
            tried += 1;
        }
    }
    assert!(tried > 1000, "only {tried} changes");
}

const EXPRESSIONS: [&str; 5] = ["30 2 * * *", "*/30 2 * * *", "0 */3 * * *", "*/20 * * * *", "0 0 * * MON"];

fn rule(zone: usize, expression: usize) -> Rule {
    let cron = EXPRESSIONS[expression].parse().unwrap();
    Rule::Cron(Box::new(cron), ZONES[zone % ZONES.len()].clone())
}

/// An instant near one of the zone's changes, from 2000 to 2060.
fn near_a_change(rule: &Rule, year: i16, hours: i64) -> Timestamp {
    let start = date(year, 1, 1).to_zoned(TimeZone::UTC).unwrap().timestamp();
    let Rule::Cron(_, zone) = rule else { return start };
    zone.following(start).next().map_or(start, |change| change.timestamp()) + hours.hours()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// After an outage around a change: `all` puts each missed slot, `last` and `none` put some
    /// of those, and what is on time is put under each of them.
    #[test]
    fn what_is_caught_up_is_what_was_missed_in_every_zone(
        zone in 0_usize..10_000,
        expression in 0..EXPRESSIONS.len(),
        year in 2000_i16..=2060,
        hours in -40_i64..20,
        outage in 1_i64..200_000,
    ) {
        let rule = rule(zone, expression);
        let last = near_a_change(&rule, year, hours);
        let now = last + outage.seconds();
        let grace = Duration::from_mins(1);
        let found = |policy| missed(&rule, last, now, grace, policy).put;
        let all: Vec<Timestamp> = rule.after(last).take_while(|&slot| slot <= now).collect();
        prop_assert_eq!(found(CatchUp::All), all.clone());
        let on_time: Vec<Timestamp> = all.iter().copied().filter(|&s| now.duration_since(s) < SignedDuration::from_mins(1)).collect();
        for policy in [CatchUp::None, CatchUp::Last] {
            let put = found(policy);
            prop_assert!(put.iter().all(|slot| all.contains(slot)), "{:?}", policy);
            prop_assert!(on_time.iter().all(|slot| put.contains(slot)), "{:?}", policy);
        }
        prop_assert_eq!(found(CatchUp::Last).last().copied(), all.last().copied());
    }

    /// A clock that is set forward and back by up to a day, in every zone: no slot comes twice,
    /// and with `catch_up: all` none is left out up to the latest that the clock has shown.
    #[test]
    fn a_clock_that_is_set_puts_no_slot_twice_and_leaves_none_out(
        zone in 0_usize..10_000,
        expression in 0..EXPRESSIONS.len(),
        year in 2000_i16..=2060,
        hours in -40_i64..20,
        steps in proptest::collection::vec(-86_400_i64..90_000, 1..12),
    ) {
        let mut entry = test_entry("every: 1h, catch_up: all");
        entry.rule = rule(zone, expression);
        let start = near_a_change(&entry.rule, year, hours);
        let mut past = Past::begin(&entry, start);
        let (mut now, mut latest, mut put) = (start, start, Vec::new());
        for step in steps {
            now = now.checked_add(step.seconds()).unwrap();
            // Further behind than that, a past is not believed.
            now = now.max(latest - 24.hours());
            latest = latest.max(now);
            while let Due::Slot { slot, .. } = due(&entry, &past, now) {
                prop_assert!(put.last().is_none_or(|before| *before < slot), "{} after {:?}", slot, put.last());
                past = past.after(slot, None);
                put.push(slot);
            }
        }
        let expected: Vec<Timestamp> = entry.rule.after(start).take_while(|&slot| slot <= latest).collect();
        prop_assert_eq!(put, expected);
    }
}
