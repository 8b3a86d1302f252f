//! Whatever stands in a job: a message or a reason; a message that is written is the same
//! when it is read; no signature but the right one is taken.

#![no_main]

use std::sync::OnceLock;

use abaqis_daemons::ayl::{Handler, KeySet, Message, Mode, Trust, sign, verify};
use abaqis_daemons::names::Tube;
use libfuzzer_sys::fuzz_target;

const TUBE: &str = "abaqis-4.2.0";
const NOW: u64 = 1_795_480_000;

/// Not the key of the documented signatures, though it has the name of one.
fn keys() -> &'static KeySet {
    static KEYS: OnceLock<KeySet> = OnceLock::new();
    let line = format!("2026-11 sign {}", "5a".repeat(32));
    KEYS.get_or_init(|| KeySet::parse(&line).unwrap())
}

/// What is signed here is trusted here, for its tube and its time; and nothing that differs is.
fn signed(message: &Message, tube: &Tube) {
    let keys = keys();
    let signature = sign(message, keys.signing().unwrap(), "jti", (NOW, NOW + 60), tube);
    let body = message.clone().signed(&signature).to_body();
    let read = Message::parse(body.as_bytes()).expect("what was signed is read");
    assert!(verify(&read, keys, tube, NOW).is_ok(), "{body}");
    assert!(verify(&read, keys, tube, NOW + 60).is_err(), "too late: {body}");
    assert!(verify(&read, keys, &"other".parse().unwrap(), NOW).is_err(), "on another tube: {body}");
    let other = Message { code: format!("{} ", read.code), ..read.clone() };
    assert!(verify(&other, keys, tube, NOW).is_err(), "other code: {body}");
    let handler = if read.handler == Some(Handler::Bury) { Handler::Delete } else { Handler::Bury };
    let other = Message { handler: Some(handler), ..read };
    assert!(verify(&other, keys, tube, NOW).is_err(), "another handler: {body}");
}

fuzz_target!(|body: &[u8]| {
    let message = match Message::parse(body) {
        Ok(message) => message,
        Err(reason) => return assert!(!reason.to_string().is_empty()),
    };
    let tube: Tube = TUBE.parse().unwrap();
    let verified = verify(&message, keys(), &tube, NOW);
    assert!(verified.is_err(), "{verified:?} without the key");
    assert!(matches!(Mode::Require.judge(&message, keys(), &tube, NOW), Trust::Refuse(_)));
    let _ = message.carried();
    signed(&message, &tube);
    let written = message.to_body();
    let again = Message::parse(written.as_bytes()).map(|read| Message { signature: None, ..read });
    // A signature is any JSON until it is verified; a fraction in it may lose its last digit.
    assert_eq!(again, Ok(Message { signature: None, ..message }), "{written}");
});
