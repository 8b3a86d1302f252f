//! Commands are written as protocol.txt says, or not at all.

use bytes::BytesMut;

use crate::beanstalk::{Command, Delay, Invalid, JobId, Priority, Ttr, Verb};
use crate::names::Tube;

/// Hands on some command of this verb.
pub(super) fn with_command<T>(verb: Verb, then: impl FnOnce(&Command<'_>) -> T) -> T {
    let tube: Tube = "a".parse().unwrap();
    let (tube, job, priority, delay) = (&tube, JobId(7), Priority(8), Delay(9));
    then(&match verb {
        Verb::Put => Command::Put { priority, delay, ttr: Ttr(10), body: b"body" },
        Verb::Use => Command::Use(tube),
        Verb::Reserve => Command::Reserve,
        Verb::ReserveWithTimeout => Command::ReserveWithTimeout(11),
        Verb::ReserveJob => Command::ReserveJob(job),
        Verb::Delete => Command::Delete(job),
        Verb::Release => Command::Release { job, priority, delay },
        Verb::Bury => Command::Bury { job, priority },
        Verb::Touch => Command::Touch(job),
        Verb::Watch => Command::Watch(tube),
        Verb::Ignore => Command::Ignore(tube),
        Verb::Peek => Command::Peek(job),
        Verb::PeekReady => Command::PeekReady,
        Verb::PeekDelayed => Command::PeekDelayed,
        Verb::PeekBuried => Command::PeekBuried,
        Verb::Kick => Command::Kick(12),
        Verb::KickJob => Command::KickJob(job),
        Verb::StatsJob => Command::StatsJob(job),
        Verb::StatsTube => Command::StatsTube(tube),
        Verb::Stats => Command::Stats,
        Verb::ListTubes => Command::ListTubes,
        Verb::ListTubeUsed => Command::ListTubeUsed,
        Verb::ListTubesWatched => Command::ListTubesWatched,
        Verb::PauseTube => Command::PauseTube { tube, delay },
        Verb::Quit => Command::Quit,
    })
}

fn encoded(command: &Command<'_>) -> String {
    let mut out = BytesMut::new();
    command.encode(&mut out).unwrap();
    String::from_utf8(out.to_vec()).unwrap()
}

#[test]
fn every_command_is_written_as_the_protocol_says() {
    let lines: Vec<String> = Verb::ALL.iter().map(|verb| with_command(*verb, encoded)).collect();
    let expected = [
        "put 8 9 10 4\r\nbody\r\n",
        "use a\r\n",
        "reserve\r\n",
        "reserve-with-timeout 11\r\n",
        "reserve-job 7\r\n",
        "delete 7\r\n",
        "release 7 8 9\r\n",
        "bury 7 8\r\n",
        "touch 7\r\n",
        "watch a\r\n",
        "ignore a\r\n",
        "peek 7\r\n",
        "peek-ready\r\n",
        "peek-delayed\r\n",
        "peek-buried\r\n",
        "kick 12\r\n",
        "kick-job 7\r\n",
        "stats-job 7\r\n",
        "stats-tube a\r\n",
        "stats\r\n",
        "list-tubes\r\n",
        "list-tube-used\r\n",
        "list-tubes-watched\r\n",
        "pause-tube a 9\r\n",
        "quit\r\n",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn the_largest_numbers_are_written_in_full() {
    let max = u32::MAX;
    let put = Command::Put { priority: Priority(max), delay: Delay(max), ttr: Ttr(max), body: b"" };
    assert_eq!(encoded(&put), "put 4294967295 4294967295 4294967295 0\r\n\r\n");
    assert_eq!(encoded(&Command::Delete(JobId(u64::MAX))), "delete 18446744073709551615\r\n");
    assert_eq!(encoded(&Command::Kick(0)), "kick 0\r\n");
    assert_eq!(encoded(&Command::ReserveWithTimeout(2_147_483_647)), "reserve-with-timeout 2147483647\r\n");
}

#[test]
fn a_time_to_run_of_nothing_is_a_second() {
    let put = Command::Put { priority: Priority(0), delay: Delay(0), ttr: Ttr(0), body: b"\r\n" };
    assert_eq!(encoded(&put), "put 0 0 1 2\r\n\r\n\r\n");
}

#[test]
fn a_wait_the_server_refuses_is_not_written() {
    let mut out = BytesMut::from(&b"before"[..]);
    let error = Command::ReserveWithTimeout(1 << 31).encode(&mut out).unwrap_err();
    assert_eq!(error, Invalid::Timeout { seconds: 2_147_483_648, max: 2_147_483_647 });
    assert_eq!(error.to_string(), "a reserve may wait 2147483647 seconds at most, not 2147483648");
    assert_eq!(out, "before");
}
