//! Replies are read as protocol.txt says, and nothing else is.

use bytes::BytesMut;

use super::{answer, decoded};
use crate::beanstalk::{Conversation, Decoder, Job, JobId, MAX_BODY, MAX_LINE, Refusal, Reply, Verb};

/// Every reply there is, on the wire and read.
fn every_reply() -> Vec<(&'static str, Reply)> {
    let job = |body: &'static str| Job { id: JobId(1), body: body.into() };
    vec![
        ("INSERTED 18446744073709551615\r\n", Reply::Inserted(JobId(u64::MAX))),
        ("BURIED 1\r\n", Reply::Buried(Some(JobId(1)))),
        ("BURIED\r\n", Reply::Buried(None)),
        ("USING 1.10\r\n", Reply::Using("1.10".parse().unwrap())),
        ("RESERVED 1 4\r\na\r\nb\r\n", Reply::Reserved(job("a\r\nb"))),
        ("RESERVED 1 0\r\n\r\n", Reply::Reserved(job(""))),
        ("DEADLINE_SOON\r\n", Reply::DeadlineSoon),
        ("TIMED_OUT\r\n", Reply::TimedOut),
        ("DELETED\r\n", Reply::Deleted),
        ("RELEASED\r\n", Reply::Released),
        ("TOUCHED\r\n", Reply::Touched),
        ("WATCHING 2\r\n", Reply::Watching(2)),
        ("NOT_IGNORED\r\n", Reply::NotIgnored),
        ("FOUND 1 9\r\nDELETED\r\n\r\n", Reply::Found(job("DELETED\r\n"))),
        ("NOT_FOUND\r\n", Reply::NotFound),
        ("KICKED 3\r\n", Reply::Kicked(Some(3))),
        ("KICKED\r\n", Reply::Kicked(None)),
        ("OK 4\r\n---\n\r\n", Reply::Data("---\n".into())),
        ("PAUSED\r\n", Reply::Paused),
        ("OUT_OF_MEMORY\r\n", Reply::Refused(Refusal::OutOfMemory)),
        ("INTERNAL_ERROR\r\n", Reply::Refused(Refusal::InternalError)),
        ("BAD_FORMAT\r\n", Reply::Refused(Refusal::BadFormat)),
        ("UNKNOWN_COMMAND\r\n", Reply::Refused(Refusal::UnknownCommand)),
        ("EXPECTED_CRLF\r\n", Reply::Refused(Refusal::ExpectedCrlf)),
        ("JOB_TOO_BIG\r\n", Reply::Refused(Refusal::JobTooBig)),
        ("DRAINING\r\n", Reply::Refused(Refusal::Draining)),
    ]
}

#[test]
fn every_reply_is_read() {
    for (bytes, reply) in every_reply() {
        assert_eq!(decoded(bytes.as_bytes()), Ok(reply.clone()), "{bytes:?}");
        assert!(bytes.starts_with(reply.word()), "{bytes:?}");
    }
}

#[test]
fn replies_may_be_split_at_any_byte() {
    let all = every_reply();
    let stream: Vec<u8> = all.iter().flat_map(|(bytes, _)| bytes.bytes()).collect();
    let mut decoder = Decoder::new(MAX_BODY);
    let (mut input, mut found) = (BytesMut::new(), Vec::new());
    for byte in stream {
        input.extend_from_slice(&[byte]);
        found.extend(decoder.decode(&mut input).unwrap());
    }
    assert_eq!(found, all.into_iter().map(|(_, reply)| reply).collect::<Vec<_>>());
    assert!(input.is_empty());
}

#[test]
fn what_is_no_reply_says_why() {
    let error = |bytes: &str| decoded(bytes.as_bytes()).unwrap_err().to_string();
    assert_eq!(
        error("HTTP/1.1 400 Bad Request\r\n"),
        r#"not a reply of beanstalkd: "HTTP/1.1 400 Bad Request""#
    );
    assert_eq!(error("DELETED\n"), r#"not a reply of beanstalkd: "DELETED\n""#);
    assert_eq!(error("\r\n"), r#"not a reply of beanstalkd: """#);
    assert_eq!(error("DELETED 1\r\n"), r#"not a reply of beanstalkd: "DELETED 1""#);
    assert_eq!(error("USING a b\r\n"), r#"not a reply of beanstalkd: "USING a b""#);
    assert_eq!(error("USING \u{fc}\r\n"), r#"not a reply of beanstalkd: "USING \xc3\xbc""#);
    assert_eq!(error("RESERVED -1 4\r\n"), r#"the reply has "-1" where a number belongs: "RESERVED -1 4""#);
    assert_eq!(
        error("INSERTED 18446744073709551616\r\n"),
        r#"the reply has "18446744073709551616" where a number belongs: "INSERTED 18446744073709551616""#
    );
    assert_eq!(error("OK \r\n"), r#"the reply has "" where a number belongs: "OK ""#);
    assert_eq!(
        error("FOUND 1 67108865\r\n"),
        r#"the reply announces a body of 67108865 bytes, at most 67108864 are taken: "FOUND 1 67108865""#
    );
    assert_eq!(error("OK 1\r\nabc"), r#"the reply's body is not followed by a line end but by "bc""#);
    assert_eq!(
        error(&"x".repeat(MAX_LINE)),
        format!("the reply has no line end within 256 bytes: \"{}\"…", "x".repeat(80))
    );
}

#[test]
fn nothing_is_allocated_for_a_body_that_is_only_announced() {
    let mut input = BytesMut::from(&b"RESERVED 1 67108864\r\nabc"[..]);
    let mut decoder = Decoder::new(MAX_BODY);
    assert_eq!(decoder.decode(&mut input), Ok(None));
    assert!(input.capacity() < 1024, "{}", input.capacity());
    assert_eq!(decoder.wanting(&input), 67_108_864 + 2 - 3);
}

#[test]
fn the_longest_line_of_the_protocol_is_taken() {
    let tube = "x".repeat(200);
    assert_eq!(decoded(format!("USING {tube}\r\n").as_bytes()), Ok(Reply::Using(tube.parse().unwrap())));
}

#[test]
fn each_command_takes_its_own_replies_alone() {
    let everybody = "OUT_OF_MEMORY INTERNAL_ERROR BAD_FORMAT UNKNOWN_COMMAND";
    let own = |verb: Verb| match verb {
        Verb::Put => "INSERTED BURIED+ EXPECTED_CRLF JOB_TOO_BIG DRAINING",
        Verb::Use | Verb::ListTubeUsed => "USING",
        Verb::Reserve | Verb::ReserveWithTimeout => "RESERVED DEADLINE_SOON TIMED_OUT",
        Verb::ReserveJob => "RESERVED NOT_FOUND",
        Verb::Delete => "DELETED NOT_FOUND",
        Verb::Release => "RELEASED BURIED NOT_FOUND",
        Verb::Bury => "BURIED NOT_FOUND",
        Verb::Touch => "TOUCHED NOT_FOUND",
        Verb::Watch => "WATCHING",
        Verb::Ignore => "WATCHING NOT_IGNORED",
        Verb::Peek | Verb::PeekReady | Verb::PeekDelayed | Verb::PeekBuried => "FOUND NOT_FOUND",
        Verb::Kick => "KICKED+",
        Verb::KickJob => "KICKED NOT_FOUND",
        Verb::StatsJob | Verb::StatsTube => "OK NOT_FOUND",
        Verb::Stats | Verb::ListTubes | Verb::ListTubesWatched => "OK",
        Verb::PauseTube => "PAUSED NOT_FOUND",
        Verb::Quit => "",
    };
    for &verb in Verb::ALL {
        for (bytes, reply) in every_reply() {
            let plus = matches!(reply, Reply::Buried(Some(_)) | Reply::Kicked(Some(_)));
            let word = format!("{}{}", reply.word(), if plus { "+" } else { "" });
            let mut fitting = own(verb).split(' ').chain(everybody.split(' '));
            let fits = verb != Verb::Quit && fitting.any(|fitting| fitting == word);
            assert_eq!(answer(verb, bytes.as_bytes()).is_ok(), fits, "{verb:?} {bytes:?}");
        }
    }
}

#[test]
fn a_reply_to_another_command_is_an_error() {
    let error = |verb, bytes: &str| answer(verb, bytes.as_bytes()).unwrap_err().to_string();
    assert_eq!(error(Verb::Delete, "INSERTED 1\r\n"), "INSERTED is no reply to `delete`");
    assert_eq!(error(Verb::Quit, "DELETED\r\n"), "DELETED came though nothing had been asked");
}

#[test]
fn replies_come_in_the_order_of_the_commands() {
    let mut conversation = Conversation::new(MAX_BODY);
    let mut out = BytesMut::new();
    for verb in [Verb::Use, Verb::Delete, Verb::Quit, Verb::Kick] {
        super::commands::with_command(verb, |command| conversation.ask(command, &mut out).unwrap());
    }
    assert_eq!(conversation.pending(), 3);
    let mut input = BytesMut::from(&b"USING a\r\nNOT_FOUND\r\nKIC"[..]);
    let mut next = |input: &mut BytesMut| conversation.answer(input).unwrap();
    assert_eq!(next(&mut input).unwrap().0, Verb::Use);
    assert_eq!(next(&mut input), Some((Verb::Delete, Reply::NotFound)));
    assert_eq!(next(&mut input), None);
    input.extend_from_slice(b"KED 0\r\n");
    assert_eq!(next(&mut input), Some((Verb::Kick, Reply::Kicked(Some(0)))));
    assert_eq!(conversation.oldest(), None);
}

#[test]
fn a_refusal_casts_doubt_where_the_server_may_have_read_something_else() {
    let doubtful = |refusal: Refusal| Verb::ALL.iter().filter(|verb| refusal.casts_doubt(**verb)).count();
    assert_eq!(doubtful(Refusal::BadFormat), Verb::ALL.len());
    assert_eq!(doubtful(Refusal::ExpectedCrlf), Verb::ALL.len());
    assert_eq!(doubtful(Refusal::UnknownCommand), 1);
    assert_eq!(doubtful(Refusal::JobTooBig) + doubtful(Refusal::Draining), 0);
}
