//! Whatever stands in a job: a message or a reason; a message that is written is the same
//! when it is read; no signature but the right one is taken.

#![no_main]

use std::sync::OnceLock;

use abaqis_daemons::ayl::{KeySet, Message, Mode, Trust, verify};
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
    let written = message.to_body();
    let again = Message::parse(written.as_bytes()).map(|read| Message { signature: None, ..read });
    // A signature is any JSON until it is verified; a fraction in it may lose its last digit.
    assert_eq!(again, Ok(Message { signature: None, ..message }), "{written}");
});
