//! Bodies, good and hostile.

use proptest::prelude::*;

use super::*;

fn reason(body: &str) -> String {
    Message::parse(body.as_bytes()).unwrap_err().to_string()
}

#[test]
fn what_is_written_is_read() {
    for handler in
        [None, Some(Handler::Delete), Some(Handler::Bury), Some(Handler::Decay { count: 0, delay: 7 })]
    {
        let message = Message::new("puts \"ü\\n\"", handler);
        assert_eq!(Message::parse(message.to_body().as_bytes()).unwrap(), message);
    }
}

#[test]
fn order_space_and_unknown_keys_do_not_matter() {
    let body = r#" { "x": [[1], {"code": 5}], "code" : "a", "type":"ayl" } "#;
    assert_eq!(Message::parse(body.as_bytes()).unwrap(), Message::new("a", None));
}

#[test]
fn null_counts_as_absent() {
    let body = r#"{"type":"ayl","code":"a","failed_job_handler":null,"signature":null,"active_job":null}"#;
    assert_eq!(Message::parse(body.as_bytes()).unwrap(), Message::new("a", None));
    assert_eq!(reason(r#"{"type":"ayl","code":null}"#), "the message has no \"code\"");
}

#[test]
fn what_decay_leaves_out_is_at_its_default() {
    let body = r#"{"type":"ayl","code":"a","failed_job_handler":"decay","failed_job_delay":5}"#;
    let handler = Message::parse(body.as_bytes()).unwrap().handler;
    assert_eq!(handler, Some(Handler::Decay { count: 3, delay: 5 }));
}

#[test]
fn the_numbers_are_not_looked_at_without_decay() {
    let body = r#"{"type":"ayl","code":"a","failed_job_handler":"bury","failed_job_count":"x"}"#;
    assert_eq!(Message::parse(body.as_bytes()).unwrap().handler, Some(Handler::Bury));
}

#[test]
fn what_is_no_message_says_why() {
    let ayl = |rest: &str| format!(r#"{{"type":"ayl","code":"a",{rest}}}"#);
    let decay = |rest: &str| ayl(&format!(r#""failed_job_handler":"decay",{rest}"#));
    let integer = "expected an integer from 0 to 4294967295";
    for (body, text) in [
        (String::new(), "the body is not JSON: EOF while parsing a value at line 1 column 0".to_owned()),
        ("hello".into(), "the body is not JSON: expected value at line 1 column 1".into()),
        ("{} {}".into(), "the body is not JSON: trailing characters at line 1 column 4".into()),
        ("[1]".into(), "the body is JSON but not a message: expected an object, found an array".into()),
        ("5".into(), "the body is JSON but not a message: expected an object, found 5".into()),
        (r#""x""#.into(), r#"the body is JSON but not a message: expected an object, found "x""#.into()),
        (r#"{"code":"x"}"#.into(), "the body is JSON but not a message: it has no \"type\"".into()),
        (
            r#"{"type":"mail"}"#.into(),
            r#"the body is JSON but not a message: its "type" is "mail", expected "ayl""#.into(),
        ),
        (
            r#"{"type":{"a":1}}"#.into(),
            r#"the body is JSON but not a message: its "type" is an object, expected "ayl""#.into(),
        ),
        (r#"{"type":"ayl"}"#.into(), "the message has no \"code\"".into()),
        (r#"{"type":"ayl","code":5}"#.into(), "the message's \"code\" is 5, expected a string".into()),
        (
            ayl(r#""failed_job_handler":"explode""#),
            r#"the message's "failed_job_handler" is "explode", expected delete, bury or decay"#.into(),
        ),
        (
            ayl(r#""failed_job_handler":true"#),
            r#"the message's "failed_job_handler" is true, expected delete, bury or decay"#.into(),
        ),
        (
            decay(r#""failed_job_count":"3""#),
            format!(r#"the message's "failed_job_count" is "3", {integer}"#),
        ),
        (decay(r#""failed_job_delay":-1"#), format!(r#"the message's "failed_job_delay" is -1, {integer}"#)),
        (
            decay(r#""failed_job_delay":1.5"#),
            format!(r#"the message's "failed_job_delay" is 1.5, {integer}"#),
        ),
        (
            decay(r#""failed_job_count":4294967296"#),
            format!(r#"the message's "failed_job_count" is 4294967296, {integer}"#),
        ),
        (ayl(r#""code":"b""#), r#"the message has "code" twice"#.into()),
        (
            ayl(r#""active_job":"CensusJob""#),
            "the message has \"active_job\" but its \"code\" does not carry one".into(),
        ),
    ] {
        assert_eq!(reason(&body), text, "{body}");
    }
}

#[test]
fn a_value_is_shown_shortened() {
    let long = "x".repeat(100_000);
    let text = reason(&format!(r#"{{"type":"{long}"}}"#));
    assert!(text.len() < 200 && text.contains("xxx\"…"), "{text}");
}

#[test]
fn bytes_outside_utf_8_and_lone_surrogates_are_no_json() {
    assert!(matches!(Message::parse(b"{\"type\":\"ayl\",\"code\":\"\xff\"}"), Err(Unreadable::NotJson(_))));
    assert!(matches!(Message::parse(br#"{"type":"ayl","code":"\ud800"}"#), Err(Unreadable::NotJson(_))));
}

#[test]
fn depth_is_no_danger() {
    let deep = "[".repeat(1_000_000);
    assert!(matches!(Message::parse(deep.as_bytes()), Err(Unreadable::NotJson(_))));
    for key in ["code", "signature", "other"] {
        let body = format!(r#"{{"type":"ayl","{key}":{deep}"#);
        assert!(matches!(Message::parse(body.as_bytes()), Err(Unreadable::NotJson(_))), "{key}");
    }
}

#[test]
fn a_body_of_ten_megabytes_is_read() {
    let message = Message::new("x".repeat(10 << 20), Some(Handler::Delete));
    assert_eq!(Message::parse(message.to_body().as_bytes()).unwrap(), message);
}

proptest! {
    #[test]
    fn no_body_is_a_danger(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Message::parse(&body);
    }

    #[test]
    fn any_code_comes_back(code in any::<String>(), count in any::<u32>(), delay in any::<u32>()) {
        let message = Message::new(code, Some(Handler::Decay { count, delay }));
        prop_assert_eq!(Message::parse(message.to_body().as_bytes()).unwrap(), message);
    }
}
