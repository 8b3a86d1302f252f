//! The literals as text. That Ruby takes them so stands in `tests/ayl`.

use super::*;

#[test]
fn a_call_reads_as_an_application_would_write_it() {
    let stay = Call::on(Ruby::Call(Box::new(Call::on_module("Stay", "unscoped").unwrap())), "find").unwrap();
    let call = Call::on_module("Resident", "clear_stay").unwrap().argument(3).argument(stay.argument(32));
    assert_eq!(call.to_string(), "Resident.clear_stay(3, Stay.unscoped().find(32))");
    let call = Call::on_module("Admin::Report", "mail!").unwrap().argument("a").keyword("to", "b").unwrap();
    assert_eq!(call.to_string(), r#"Admin::Report.mail!("a", to: "b")"#);
    assert_eq!(Call::on(-5, "abs").unwrap().to_string(), "-5.abs()");
}

#[test]
fn what_is_no_name_cannot_become_code() {
    for module in ["", "resident", "Resident.x", "A::", "::A", "A::b", "A;exit", "Ä"] {
        assert_eq!(Call::on_module(module, "x"), Err(CallError::Module(module.into())), "{module}");
    }
    for method in ["", "1a", "a b", "a;b", "a??", "a=", "+", "?"] {
        assert_eq!(Call::on(1, method), Err(CallError::Method(method.into())), "{method}");
    }
    assert!(matches!(Call::on(1, "x").unwrap().keyword("a: 1, b", 2), Err(CallError::Keyword(_))));
    assert_eq!(
        CallError::Module("x".into()).to_string(),
        "\"x\" does not name a Ruby module, such as Resident or Admin::Report"
    );
}

#[test]
fn literals_are_written_as_ruby_reads_them() {
    let range = |exclusive| Ruby::Range { first: Box::new(1.into()), last: Box::new(Ruby::Nil), exclusive };
    let time = |offset| Ruby::Time { seconds: -1, nanoseconds: 5, offset };
    for (value, text) in [
        (Ruby::Nil, "nil"),
        (true.into(), "true"),
        (i64::MIN.into(), "-9223372036854775808"),
        (1.0.into(), "1.0"),
        ((-0.0).into(), "-0.0"),
        (1e300.into(), "1e300"),
        (f64::NEG_INFINITY.into(), "-Float::INFINITY"),
        (f64::NAN.into(), "Float::NAN"),
        (Ruby::Rational(-1, 3), "Rational(-1, 3)"),
        ("#{exit} \"\\\n\u{1b}1ü".into(), r#""\#{exit} \"\\\n\x1B1ü""#),
        (Ruby::Binary(vec![0, 255, b'a']), r#""\x00\xFF\x61".b"#),
        (Ruby::Symbol("a_1".into()), ":a_1"),
        (Ruby::Symbol("a b=".into()), ":\"a b=\""),
        (Ruby::Symbol(String::new()), ":\"\""),
        (range(false), "(1..nil)"),
        (range(true), "(1...nil)"),
        (vec![1, 2].into(), "[1, 2]"),
        (
            Ruby::Hash(vec![("a".into(), Ruby::Nil), (Ruby::Symbol("b".into()), 1.into())]),
            r#"{"a"=>nil, :b=>1}"#,
        ),
        (time(0), r#"Time.at(-1, 5, :nsec, in: "UTC")"#),
        (time(-(3 * 3600 + 1800)), r#"Time.at(-1, 5, :nsec, in: "-03:30")"#),
        (time(3661), r#"Time.at(-1, 5, :nsec, in: "+01:01:01")"#),
        (Option::<i32>::None.into(), "nil"),
    ] {
        assert_eq!(value.to_string(), text);
    }
}
