//! The table of what becomes of a job, line by line.

use crate::beanstalkd::Beanstalkd;
use crate::scene::{Scene, message, until};

#[test]
fn a_job_that_returns_is_deleted() {
    let scene = Scene::new();
    let id = scene.put("bury", "Ledger.write(1 + 1)");
    let _worker = scene.worker();
    scene.until_state(id, None);
    assert_eq!(scene.ledger(), ["2"]);
}

#[test]
fn a_job_that_raises_under_delete_is_gone_and_stands_whole_in_the_log() {
    let scene = Scene::new();
    let id = scene.put("delete", "raise ArgumentError, 'no such stay'");
    let worker = scene.worker();
    scene.until_state(id, None);
    worker.until_log(&format!("job {id} is deleted, it raised, its handler is delete: {{\"type\":\"ayl\""));
    worker.until_log("ArgumentError: no such stay");
}

#[test]
fn a_job_that_raises_under_bury_is_buried() {
    let scene = Scene::new();
    let id = scene.put("bury", "raise 'boo'");
    let worker = scene.worker();
    scene.until_state(id, Some("buried"));
    worker.until_log(&format!("job {id} buried: it raised, its handler is bury"));
}

#[test]
fn a_job_that_raises_under_decay_is_tried_until_it_was_reserved_often_enough() {
    let scene = Scene::new();
    let id = scene.put("decay", "Ledger.write('try'); raise 'boo'");
    let worker = scene.worker();
    scene.until_state(id, Some("buried"));
    assert_eq!(scene.ledger(), ["try"; 3]);
    assert_eq!(scene.job(id, "reserves").as_deref(), Some("3"));
    worker.until_log("it raised and was reserved 3 times, at most 3");
}

#[test]
fn syntax_errors_and_deep_recursion_are_errors_like_others() {
    let scene = Scene::new();
    let syntax = scene.put("bury", "1 +");
    let stack = scene.put("bury", "def deep = deep; deep");
    let _worker = scene.worker();
    scene.until_state(syntax, Some("buried"));
    scene.until_state(stack, Some("buried"));
}

#[test]
fn a_job_may_ask_to_be_tried_later_or_to_be_buried_by_the_old_names() {
    let scene = Scene::new();
    let later =
        scene.put("delete", "Ledger.write('later'); raise Ayl::Beanstalk::RequiresJobDecay.new(1000)");
    let never = scene.put("delete", "raise Ayl::Beanstalk::RequiresJobBury.new");
    let _worker = scene.worker();
    scene.until_state(later, Some("delayed"));
    assert_eq!(scene.job(later, "delay").as_deref(), Some("1000"));
    assert_eq!(scene.job(later, "pri").as_deref(), Some("512"));
    scene.until_state(never, Some("buried"));
}

#[test]
fn exit_deletes_the_job_and_ends_the_worker_with_its_status() {
    let scene = Scene::new();
    let id = scene.put("bury", "Kernel.exit(3)");
    let mut worker = scene.worker();
    assert_eq!(worker.ended().code(), Some(3));
    assert_eq!(scene.state(id), None);
}

#[test]
fn what_kills_its_executor_does_not_kill_the_worker_and_is_buried_in_the_end() {
    let scene = Scene::new();
    let segfault = scene
        .put("delete", "$stderr.puts 'famous last words'; $stderr.flush; Process.kill(:KILL, $$); sleep");
    let exit = scene.put("delete", "exit!(9)");
    let mut worker = scene.worker();
    scene.until_state(segfault, Some("delayed"));
    scene.until_state(exit, Some("delayed"));
    assert_eq!(scene.job(exit, "delay").as_deref(), Some("7"));
    // Twice more, without waiting for the delays: they are what the deaths are counted by.
    for _ in 0..2 {
        for id in [segfault, exit] {
            scene.until_state(id, Some("delayed"));
            let delay: u64 = scene.job(id, "delay").unwrap().parse().unwrap();
            assert!(delay == 7 || delay == 13);
            scene.ask(&format!("use t\r\nkick-job {id}\r\n"));
            until("it ran again", || {
                scene.state(id).as_deref() == Some("buried")
                    || scene.job(id, "delay").is_some_and(|now| now != delay.to_string())
            });
        }
    }
    scene.until_state(segfault, Some("buried"));
    scene.until_state(exit, Some("buried"));
    worker.until_log("its executor died, 3 of 3 times; the executor was killed by SIGKILL, its last words:\nfamous last words");
    assert!(worker.is_running());
}

#[test]
fn what_is_no_message_is_buried_with_the_reason_and_never_run() {
    let scene = Scene::new();
    let bodies =
        ["hello", "[1]", "{\"type\":\"mail\"}", &message("explode", "Ledger.write('run')"), "\u{0}\r\n"];
    let ids: Vec<u64> = bodies.iter().map(|body| scene.put_body(body, 60)).collect();
    let worker = scene.worker();
    for id in ids {
        scene.until_state(id, Some("buried"));
    }
    worker.until_log("buried: the body is not JSON");
    worker.until_log("its \"type\" is \"mail\", expected \"ayl\"");
    worker.until_log("its \"failed_job_handler\" is \"explode\"".trim_start_matches("its "));
    assert!(scene.ledger().is_empty());
}

#[test]
fn a_job_that_is_too_large_for_an_executor_is_buried_unrun_with_the_reason_and_ends_none() {
    let scene = Scene::with(Beanstalkd::with(&["-z", "20000000"]));
    let worker = scene.worker();
    let executor = worker.executor();
    let id = scene.put("delete", &format!("Ledger.write('run') # {}", "x".repeat(17_000_000)));
    scene.until_state(id, Some("buried"));
    worker.until_log(&format!(
        "job {id} buried: it is too large to run: 17000064 bytes would go to the executor, at most 16777216; \
         put less into the message, such as where the rest is to be found"
    ));
    let next = scene.put("delete", "Ledger.write('next')");
    scene.until_state(next, None);
    assert_eq!(scene.ledger(), ["next"]);
    assert_eq!(worker.executor(), executor);
    assert_eq!(scene.job(id, "reserves").as_deref(), Some("1"));
}

#[test]
fn a_message_without_a_handler_has_the_default_one() {
    let scene = Scene::new();
    let id = scene.put_body(r#"{"type":"ayl","code":"raise 'boo'"}"#, 60);
    let _worker = scene.worker();
    scene.until_state(id, None);
}

#[test]
fn a_job_that_outlives_its_time_to_run_is_touched_and_runs_once() {
    let scene = Scene::new();
    let id = scene.put_body(&message("bury", "Ledger.write('begin'); sleep 3; Ledger.write('end')"), 1);
    let _one = scene.worker();
    let _two = scene.worker();
    scene.until_state(id, None);
    assert_eq!(scene.ledger(), ["begin", "end"]);
}

#[test]
fn a_job_that_runs_too_long_is_killed_and_its_handler_applies() {
    let scene = Scene::new();
    let id = scene.put("bury", "sleep 1000");
    let worker = scene.spawn(scene.command().args(["--max-runtime", "500ms"]));
    scene.until_state(id, Some("buried"));
    worker.until_log("it ran longer than max_runtime");
}

#[test]
fn a_job_that_asks_for_no_particular_delay_has_its_messages_and_never_none() {
    let scene = Scene::new();
    let code = "raise Ayl::Beanstalk::RequiresJobDecay.new(nil)";
    let messages = scene.put_body(&message("decay", code).replace("delay\":0", "delay\":30"), 60);
    let none = scene.put_body(&message("decay", code), 60);
    let asked = scene.put("bury", "raise Ayl::Beanstalk::RequiresJobDecay.new(2.5)");
    let _worker = scene.worker();
    for (id, delay) in [(messages, "30"), (none, "1"), (asked, "3")] {
        until("it is released with its delay", || scene.job(id, "delay").as_deref() == Some(delay));
    }
}

#[test]
fn a_segmentation_fault_is_the_jobs_alone() {
    let scene = Scene::new();
    let id = scene.put("delete", "require 'fiddle'; Fiddle::Pointer.new(8)[0, 1]");
    let mut worker = scene.worker();
    scene.until_state(id, Some("delayed"));
    worker.until_log("[BUG] Segmentation fault");
    worker.until_log(&format!("job {id} released"));
    worker.until_log("the executor was killed by SIGABRT");
    let next = scene.put("bury", "Ledger.write('next')");
    scene.until_state(next, None);
    assert!(worker.is_running());
}

#[test]
fn deaths_are_counted_over_restarts_of_the_worker_and_of_the_queue() {
    let mut scene = Scene::new();
    let id = scene.put("delete", "Ledger.write('run'); Process.kill(:KILL, $$); sleep");
    for (death, delay) in [(1, "7"), (2, "13")] {
        let _worker = scene.worker();
        scene.until_ledger(death);
        until("it is released for longer", || scene.job(id, "delay").as_deref() == Some(delay));
        scene.server.kill();
        scene.server.restart();
        scene.ask(&format!("use t\r\nkick-job {id}\r\n"));
    }
    let worker = scene.worker();
    scene.until_state(id, Some("buried"));
    worker.until_log("its executor died, 3 of 3 times");
    assert_eq!(scene.ledger(), ["run"; 3]);
}

#[test]
fn what_is_written_about_a_job_has_its_number_tube_and_application_as_fields() {
    let scene = Scene::new();
    let worker = scene.spawn(scene.command().env("AYL_APP", "abaqis").env("ABAQIS_LOG", "debug"));
    let fields = |id| format!(" job={id} tube=t application=abaqis");
    let said = [
        (scene.put("delete", "raise 'boo'"), "is deleted, it raised"),
        (scene.put("bury", "raise 'boo'"), "buried: it raised"),
        (scene.put("delete", "exit!"), "released for 7 s"),
        (scene.put_body("no message", 60), "buried: the body is not JSON"),
    ];
    for (id, text) in said {
        until("the line is there", || {
            // A line with a reason of many lines has its fields after the last.
            let log = worker.log();
            let begin = log.find(&format!("job {id} {text}"));
            begin.is_some_and(|begin| log[begin..].contains(&fields(id)))
        });
    }
}
