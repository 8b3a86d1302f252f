//! `ayl_scheduler` at work: what is put, what a bad edit does, what an outage does.

use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan, Unit};

use crate::beanstalkd::Beanstalkd;
use crate::scene::Scene;
use crate::wait::until;

const SECONDS: &str = "tick: {every: 1s, code: Tick.run, catch_up: all}\n";

/// That there is a slot for each second between the first and the last, and none twice.
#[track_caller]
fn is_unbroken(slots: &BTreeMap<Timestamp, usize>) {
    let first = *slots.keys().next().unwrap();
    let last = *slots.keys().next_back().unwrap();
    let mut expected = first;
    while expected <= last {
        assert_eq!(slots.get(&expected), Some(&1), "{expected} in {slots:?}");
        expected = expected.checked_add(1.second()).unwrap();
    }
}

#[test]
fn each_slot_is_put_once_and_sigterm_is_the_end() {
    let scene = Scene::new(SECONDS);
    let scheduler = scene.start("one", "a-1");
    scene.until_says("one", "is put for", 3);
    assert_eq!(scheduler.stop().code(), Some(0));
    let slots = scene.slots("a-1");
    assert!(slots["tick"].len() >= 3);
    is_unbroken(&slots["tick"]);
    // Whoever comes next goes on where this one has ended.
    let last = *slots["tick"].keys().next_back().unwrap();
    let scheduler = scene.start("two", "a-1");
    scene.until_says("two", "is put for", 2);
    scheduler.stop();
    let more = scene.slots("a-1");
    assert_eq!(more["tick"].keys().next(), Some(&last.checked_add(1.second()).unwrap()));
    is_unbroken(&more["tick"]);
}

#[test]
fn a_user_who_may_watch_nothing_more_has_a_scheduler_all_the_same() {
    // For the program alone.
    let none = "echo 0 > /proc/sys/user/max_inotify_instances && exec \"$@\"";
    let through = ["unshare", "--user", "--map-root-user", "sh", "-c", none, "sh"];
    let may = std::process::Command::new(through[0]).args(&through[1..]).arg("true").output();
    if !may.is_ok_and(|output| output.status.success()) {
        eprintln!("no user of one's own here: not tested");
        return;
    }
    let scene = Scene::new(SECONDS);
    let scheduler = scene.start_through(&through, "one", "a-1");
    let why =
        "cannot see changes of the timetable: fs.inotify.max_user_instances is reached, or no more files";
    scene.until_says("one", why, 1);
    scene.until_says("one", "is put for", 2);
    scheduler.stop();
    is_unbroken(&scene.slots("a-1")["tick"]);
}

#[test]
fn what_was_missed_is_caught_up_with_at_once_beside_an_entry_of_every_second() {
    let timetable = format!("{SECONDS}other: {{every: 1s, code: Other.run}}\n");
    let mut scene = Scene::new(&timetable);
    let scheduler = scene.start("one", "a-1");
    scene.until_says("one", "entry tick: job", 1);
    scheduler.stop();
    // The queue forgets; what is remembered is of a minute ago.
    scene.queue.kill();
    scene.queue.restart();
    let now = Timestamp::now().round(Unit::Second).unwrap();
    let file = scene.path("one.json");
    let mut pasts: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    pasts["tick"]["last"] = now.checked_sub(1.minute()).unwrap().to_string().into();
    pasts["tick"]["put"] = serde_json::Value::Array(Vec::new());
    std::fs::write(&file, pasts.to_string()).unwrap();
    let scheduler = scene.start("one", "a-1");
    // One a second would never be at an end.
    until("the slots of now are put", || {
        let log = scene.log("one");
        let of_tick = log.lines().filter(|line| line.contains("entry tick: job"));
        let slots = of_tick.filter_map(|line| line.rsplit(' ').next()?.parse::<Timestamp>().ok());
        slots.max().filter(|slot| *slot > now)
    });
    scheduler.stop();
    is_unbroken(&scene.slots("a-1")["tick"]);
}

#[test]
fn two_releases_of_an_application_never_both_put() {
    let scene = Scene::new(SECONDS);
    let old = scene.start("old", "a-1");
    let new = scene.start("new", "a-2");
    until("eight slots to have been put", || {
        let count = |name| scene.log(name).matches("is put for").count();
        (count("old") + count("new") >= 8).then_some(())
    });
    old.stop();
    scene.until_says("new", "is put for", 1);
    new.stop();
    let mut all = scene.slots("a-1").remove("tick").unwrap_or_default();
    for (slot, count) in scene.slots("a-2").remove("tick").unwrap_or_default() {
        *all.entry(slot).or_default() += count;
    }
    is_unbroken(&all);
}

#[test]
fn a_bad_edit_changes_nothing_and_a_good_one_is_followed() {
    let scene = Scene::new(SECONDS);
    let scheduler = scene.start("one", "a-1");
    scene.until_says("one", "is put for", 1);
    scene.edit("tick: {every: 1s}\n");
    scene.until_says("one", "the timetable stays as it was", 1);
    assert!(scene.log("one").contains("tick: code, or class and method, is missing"), "{}", scene.log("one"));
    let before = scene.log("one").matches("entry tick: job").count();
    scene.until_says("one", "entry tick: job", before + 2);
    scene.edit("tock: {every: 1s, code: Tock.run}\n");
    scene.until_says("one", "entry tick is no longer in the timetable: removes its token", 1);
    scene.until_says("one", "entry tock: job", 1);
    // An entry that is off is as good as none.
    scene.edit("tock: {every: 1s, code: Tock.run, enabled: false}\n");
    scene.until_says("one", "entry tock is no longer in the timetable", 1);
    scheduler.stop();
}

#[test]
fn a_queue_that_is_away_is_waited_for_and_what_was_missed_is_caught_up() {
    let mut scene = Scene::new(SECONDS);
    scene.queue.kill();
    let scheduler = scene.start("one", "a-1");
    scene.until_says("one", "cannot reach beanstalkd", 1);
    scene.queue.restart();
    scene.until_says("one", "is put for", 2);
    let before = scene.slots("a-1").remove("tick").unwrap();
    // It forgets its tokens; the scheduler's memory does not.
    scene.queue.kill();
    scene.until_says("one", "trying again until it is there", 2);
    scene.queue.restart();
    let count = scene.log("one").matches("is put for").count();
    scene.until_says("one", "is put for", count + 5);
    scheduler.stop();
    let mut all = scene.slots("a-1").remove("tick").unwrap();
    assert!(before.keys().all(|slot| !all.contains_key(slot)), "{before:?} {all:?}");
    let last = *before.keys().next_back().unwrap();
    // What was put between the look at the jobs and the queue's death is gone with it.
    let (first, log) = (*all.keys().next().unwrap(), scene.log("one"));
    let mut slot = last.checked_add(1.second()).unwrap();
    while slot < first {
        assert!(log.contains(&format!("is put for {slot}")), "{slot} was lost: {log}");
        slot = slot.checked_add(1.second()).unwrap();
    }
    all.retain(|slot, _| *slot >= first);
    is_unbroken(&all);
}

#[test]
fn a_slot_is_skipped_while_the_job_before_is_in_the_queue() {
    let scene = Scene::at(Beanstalkd::durable(), "slow: {every: 1s, code: Slow.run, overlap: skip}\n");
    let scheduler = scene.start("one", "a-1");
    scene.until_says("one", "the job of an earlier one is not done", 2);
    assert_eq!(scene.slots("a-1")["slow"].len(), 1);
    scene.until_says("one", "is put for", 2);
    scheduler.stop();
}

#[test]
fn without_a_timetable_or_a_name_it_says_so() {
    let scene = Scene::new("tick: {every: 1s}\n");
    assert_eq!(scene.start("one", "a-1").ended().code(), Some(78));
    std::fs::remove_file(scene.path("config/schedule.yml")).unwrap();
    assert_eq!(scene.start("two", "a-1").ended().code(), Some(66));
    let path = scene.path("config/schedule.yml");
    let said = format!("ayl_scheduler: {}: No such file or directory (os error 2)\n", path.display());
    assert_eq!(scene.log("two"), said);
}
