//! What is copied, and when it is not.

use std::io::Write;

use super::super::file::tests::{log, text};
use super::super::turn::Holder;
use super::*;

/// Files, and what is to copy to them once somebody has it run.
pub(in crate::logs) fn idle(poller: &Arc<Poller>) -> (Files, Copier) {
    let ((queue, work), done) = (channel(), Arc::<Done>::default());
    let copier = Copier::new(work, Arc::clone(&done), Arc::clone(poller));
    (Files { queue, thread: thread::spawn(|| ()), done }, copier)
}

/// The same with one pipe: its turn, its other end, and who waits for it.
fn copier(log: &FileLog) -> (Copier, Files, Arc<Turn>, File, Arc<Poller>) {
    let poller = Arc::new(Poller::new().unwrap());
    let (files, copier) = idle(&poller);
    let (pipe, writer) = crate::process::output_pipe(None).unwrap();
    let turn = Arc::new(Turn::new());
    poller.add_once(&pipe, 7).unwrap();
    files.add(7, &"a/b/1".into(), log, Arc::new(pipe.into()), Arc::clone(&turn));
    (copier, files, turn, writer.into(), poller)
}

#[test]
fn what_is_in_a_pipe_is_copied_and_the_pipe_waited_for_again() {
    let (folder, log) = log(1000, 1);
    let (copier, files, turn, mut writer, poller) = copier(&log);
    writer.write_all(b"one\ntwo\n").unwrap();
    assert_eq!(poller.wait(None).unwrap(), [7]);
    turn.give();
    files.copy(7, Missed::default());
    assert!(files.progress().0);
    let thread = thread::spawn(|| copier.run());
    // Both the copy and the pipe's next readiness come from that thread.
    writer.write_all(b"three\n").unwrap();
    while files.progress().0 {
        thread::yield_now();
    }
    drop(writer);
    assert_eq!(poller.wait(None).unwrap(), [7]);
    turn.give();
    files.copy(7, Missed::default());
    assert_eq!(poller.wait(None).unwrap(), [7]);
    assert_eq!(turn.holder(), Holder::Ended);
    files.end(7, Missed::default());
    files.finish();
    thread.join().unwrap();
    assert_eq!(text(&folder, "a.log"), "one\ntwo\nthree\n");
}

#[test]
fn whose_turn_was_taken_copies_nothing_until_it_is_asked_again() {
    let (folder, log) = log(1000, 1);
    let (copier, files, turn, mut writer, _poller) = copier(&log);
    writer.write_all(b"one\n").unwrap();
    turn.give();
    files.copy(7, Missed::default());
    assert!(turn.take());
    let thread = thread::spawn(|| copier.run());
    while files.progress().0 {
        thread::yield_now();
    }
    assert_eq!((turn.holder(), text(&folder, "a.log").as_str()), (Holder::Idle, "entity not found"));
    let mut missed = Missed::default();
    missed.lose(b"zero\n");
    turn.give();
    files.copy(7, missed);
    files.finish();
    thread.join().unwrap();
    assert_eq!(text(&folder, "a.log"), "[1 line dropped]\none\n");
}
