//! What a good file comes to.

use super::*;
use crate::ayl::Handler;
use crate::names::Tube;

fn read(text: &str) -> Timetable {
    load(&SourceFile::new("schedule.yml", text), &TimeZoneDatabase::bundled())
        .unwrap_or_else(|problems| panic!("{problems}"))
}

fn only(text: &str) -> Entry {
    let mut entries = read(text).entries;
    assert_eq!(entries.len(), 1);
    entries.remove(0)
}

#[test]
fn what_is_left_out_is_at_its_default() {
    let entry = only("census: {schedule: 0 3 * * *, code: Resident.census}");
    assert_eq!((entry.name.as_str(), entry.code.as_str()), ("census", "Resident.census"));
    assert_eq!(entry.zone(), TimeZone::UTC);
    assert_eq!(entry.put, Put { priority: 512, delay: 0, time_to_run: 120, ..Put::default() });
    assert_eq!(
        (entry.catch_up, entry.overlap, entry.splay, entry.enabled),
        (CatchUp::Last, Overlap::Allow, Duration::ZERO, true)
    );
}

#[test]
fn every_key_is_taken() {
    let entry = only(
        "a:\n  schedule: '@daily'\n  timezone: America/Denver\n  class: Admin::Report\n  method: mail!\n  \
         args: [1, x]\n  priority: 0\n  delay: 5s\n  time_to_run: 1h\n  tube: 1.10\n  \
         failed_job_handler: decay\n  failed_job_count: 7\n  failed_job_delay: 2m\n  catch_up: all\n  \
         overlap: skip\n  splay: 90s\n  enabled: false\n",
    );
    assert_eq!(entry.zone().iana_name(), Some("America/Denver"));
    assert_eq!(entry.code, r#"Admin::Report.mail!(1, "x")"#);
    assert_eq!(
        entry.put,
        Put {
            priority: 0,
            delay: 5,
            time_to_run: 3600,
            tube: Some("1.10".parse().unwrap()),
            handler: Handler::Decay { count: 7, delay: 120 },
        }
    );
    assert_eq!(
        (entry.catch_up, entry.overlap, entry.splay, entry.enabled),
        (CatchUp::All, Overlap::Skip, Duration::from_secs(90), false)
    );
}

#[test]
fn arguments_are_written_as_ruby() {
    let code = |args: &str| only(&format!("a: {{every: 1h, class: A, method: b, args: {args}}}")).code;
    assert_eq!(
        code("[~, true, -3, +3, 0x1f, 0o17, 1.5, .inf, yes, '0027', \"#{exit}\"]"),
        r#"A.b(nil, true, -3, 3, 31, 15, 1.5, Float::INFINITY, "yes", "0027", "\#{exit}")"#
    );
    assert_eq!(code("[[1, [2]], {a: 1, 'b c': {d: ~}}]"), r#"A.b([1, [2]], {"a"=>1, "b c"=>{"d"=>nil}})"#);
    assert_eq!(code("[]"), "A.b()");
}

#[test]
fn jobs_go_to_the_tube_of_the_release_unless_the_entry_names_one() {
    let release: Tube = "abaqis-4.2.0".parse().unwrap();
    let tube = |entry: &str| only(entry).put.options(&release).queue_name.to_string();
    assert_eq!(tube("a: {every: 1h, code: x}"), "abaqis-4.2.0");
    assert_eq!(tube("a: {every: 1h, code: x, tube: reports}"), "reports");
}

#[test]
fn an_empty_map_schedules_nothing() {
    assert_eq!(read("{}"), Timetable::default());
}

#[test]
fn slots_of_all_entries_come_in_order_and_those_of_one_instant_in_the_order_of_the_file() {
    let table = read(
        "b: {schedule: 0 5 * * *, timezone: America/Denver, code: b}\n\
         a: {every: 6h, code: a}\n\
         off: {every: 1s, code: x, enabled: false}\n",
    );
    let at = |text: &str| text.parse().unwrap();
    let slots: Vec<String> = table
        .slots(at("2026-11-24T06:00:00Z"), at("2026-11-25T00:00:00Z"))
        .map(|slot| format!("{} {}", slot.entry.name, slot.due))
        .collect();
    assert_eq!(
        slots,
        [
            "a 2026-11-24T06:00:00Z",
            "b 2026-11-24T12:00:00Z",
            "a 2026-11-24T12:00:00Z",
            "a 2026-11-24T18:00:00Z"
        ]
    );
}
