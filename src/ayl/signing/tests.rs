//! The vectors both languages read, and what must not pass.

use super::*;

const VECTORS: &str = include_str!("../../../tests/vectors/signing.json");
const HEX: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const NOW: u64 = 1_795_478_400;

fn keys() -> KeySet {
    KeySet::parse(&format!("k1 sign {HEX}\nk2 verify {HEX}01")).unwrap()
}

fn tube() -> Tube {
    "abaqis-4.2.0".parse().unwrap()
}

fn signed(message: Message) -> Message {
    let keys = keys();
    let signature = sign(&message, keys.signing().unwrap(), "0", (NOW, NOW + 60), &tube());
    message.signed(&signature)
}

fn check(message: &Message) -> Result<Signature, Untrusted> {
    verify(message, &keys(), &tube(), NOW)
}

#[test]
fn the_vectors_agree_byte_for_byte() {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    assert_eq!(file["scheme"], SCHEME);
    let vectors = file["vectors"].as_array().unwrap();
    assert!(vectors.len() >= 6);
    for vector in vectors {
        let text = |key: &str| vector[key].as_str().unwrap();
        let small = |key: &str| vector[key].as_u64().map(|n| u32::try_from(n).unwrap());
        let handler = vector["failed_job_handler"].as_str();
        let handler = handler.map(|word| {
            Handler::from_word(word, small("failed_job_count"), small("failed_job_delay")).unwrap()
        });
        let message = Message::new(text("code"), handler);
        let tube: Tube = text("aud").parse().unwrap();
        let key = Key::from_hex(text("key")).unwrap();
        let (iat, exp) = (vector["iat"].as_u64().unwrap(), vector["exp"].as_u64().unwrap());

        let signature = sign(&message, (text("kid"), &key), text("jti"), (iat, exp), &tube);
        let mut input = Vec::new();
        each_field(&message, &signature, |bytes| input.extend_from_slice(bytes));
        assert_eq!(input, hex(text("input")).unwrap(), "{}", text("name"));
        assert_eq!(signature.mac(), text("mac"), "{}", text("name"));
        let message = message.signed(&signature);
        assert_eq!(message.to_body(), text("body"), "{}", text("name"));

        let keys = KeySet::parse(&format!("{} verify {}", text("kid"), text("key"))).unwrap();
        let read = Message::parse(text("body").as_bytes()).unwrap();
        assert_eq!(verify(&read, &keys, &tube, iat), Ok(signature), "{}", text("name"));
    }
}

#[test]
fn what_is_signed_cannot_be_changed() {
    let decay = Some(Handler::Decay { count: 3, delay: 60 });
    let message = signed(Message::new("Resident.census", decay));
    assert!(check(&message).is_ok());
    let mut changed = Vec::new();
    for handler in [None, Some(Handler::Bury), Some(Handler::Decay { count: 6, delay: 30 })] {
        changed.push(Message { handler, ..message.clone() });
    }
    changed.push(Message { code: "Resident.census;exit".into(), ..message.clone() });
    for (key, value) in [
        ("kid", Value::from("k2")),
        ("jti", "1".into()),
        ("iat", (NOW - 1).into()),
        ("exp", (NOW + 61).into()),
        ("aud", "other".into()),
        ("mac", "00".repeat(32).into()),
    ] {
        let mut message = message.clone();
        message.signature.as_mut().unwrap()[key] = value;
        changed.push(message);
    }
    for message in changed {
        assert_eq!(check(&message), Err(Untrusted::Wrong), "{message:?}");
    }
}

#[test]
fn bytes_cannot_move_from_one_field_to_the_next() {
    let one = signed(Message::new("1x", Some(Handler::Decay { count: 1, delay: 1 })));
    let other = Message {
        code: "x".into(),
        handler: Some(Handler::Decay { count: 1, delay: 11 }),
        slot: None,
        signature: one.signature.clone(),
        active_job: None,
    };
    assert_eq!(check(&other), Err(Untrusted::Wrong));
}

#[test]
fn a_defaulted_count_means_the_same_as_a_written_one() {
    let message = signed(Message::new("a", Some(Handler::Decay { count: 3, delay: 60 })));
    let body = message.to_body().replace(r#""failed_job_count":3,"failed_job_delay":60,"#, "");
    assert!(check(&Message::parse(body.as_bytes()).unwrap()).is_ok());
}

#[test]
fn each_reason_is_said() {
    let message = signed(Message::new("a", None));
    let at =
        |tube: &str, now| verify(&message, &keys(), &tube.parse().unwrap(), now).unwrap_err().to_string();
    assert_eq!(at("other", NOW), r#"the message is signed for tube "abaqis-4.2.0", not for "other""#);
    assert_eq!(at("abaqis-4.2.0", NOW - 301), "the message is signed 301 s in the future");
    assert_eq!(at("abaqis-4.2.0", NOW + 60), "the message expired 0 s ago");
    assert!(verify(&message, &keys(), &tube(), NOW - 300).is_ok());
    assert!(verify(&message, &keys(), &tube(), NOW + 59).is_ok());
    assert_eq!(check(&Message::new("a", None)).unwrap_err().to_string(), "the message is not signed");
    let other = KeySet::parse(&format!("k9 sign {HEX}")).unwrap();
    assert_eq!(
        verify(&message, &other, &tube(), NOW).unwrap_err().to_string(),
        r#"the message is signed with the key "k1", which is not in the key file"#
    );
}

#[test]
fn what_is_no_signature_says_why() {
    let good = signed(Message::new("a", None));
    let with = |key: &str, value: Option<Value>| {
        let mut message = good.clone();
        let map = message.signature.as_mut().unwrap().as_object_mut().unwrap();
        match value {
            Some(value) => map.insert(key.into(), value),
            None => map.remove(key),
        };
        check(&message).unwrap_err().to_string()
    };
    for key in ["kid", "jti", "iat", "exp", "aud", "mac"] {
        assert_eq!(with(key, None), format!("the signature has no {key:?}"));
        assert!(with(key, Some(Value::Bool(true))).starts_with(&format!("the signature has a {key:?} that")));
    }
    for (key, value) in [
        ("kid", Value::from("a b")),
        ("jti", "".into()),
        ("iat", (-1).into()),
        ("exp", 1.5.into()),
        ("exp", (LAST + 1).into()),
        ("mac", "00".into()),
        ("mac", "AA".repeat(32).into()),
    ] {
        assert!(with(key, Some(value)).contains("that is not"));
    }
    let none = Message { signature: Some(Value::from(5)), ..good };
    assert_eq!(check(&none).unwrap_err().to_string(), "the signature is not an object");
}

#[test]
fn the_mode_says_what_is_done() {
    let (good, bad) = (signed(Message::new("a", None)), Message::new("a", None));
    let judge = |mode: Mode, message| mode.judge(message, &keys(), &tube(), NOW);
    for mode in [Mode::Off, Mode::Warn, Mode::Require] {
        assert_eq!(judge(mode, &good), Trust::Run);
    }
    assert_eq!(judge(Mode::Off, &bad), Trust::Run);
    assert_eq!(judge(Mode::Warn, &bad), Trust::Warn(Untrusted::Unsigned));
    assert_eq!(judge(Mode::Require, &bad), Trust::Refuse(Untrusted::Unsigned));
}
