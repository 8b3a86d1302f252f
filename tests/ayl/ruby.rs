//! What the library writes, read by Ruby.

use std::io::Write;
use std::process::{Command, Stdio};

use abaqis_daemons::ayl::{Call, Handler, Message, Ruby};
use serde_json::Value;

/// Runs Ruby code with `input` as `$stdin` and returns what it prints.
fn ruby(code: &str, input: &str) -> String {
    let mut child = Command::new("ruby")
        .args(["-W0", "-Ku", "-rjson", "-ropenssl", "-e", code])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("ruby is installed: make deps");
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Pairs of a literal and a Ruby expression that has to be equal to it, class and all.
fn pairs() -> Vec<(Ruby, String)> {
    let every: String =
        (0..=0x3ff).filter_map(char::from_u32).chain(['\u{2028}', '\u{fffd}', '😀']).collect();
    let codes: Vec<String> = every.chars().map(|c| u32::from(c).to_string()).collect();
    let hash = Ruby::Hash(vec![
        (Ruby::Symbol("a?".into()), vec![Ruby::Nil, true.into(), false.into()].into()),
        ("k".into(), Ruby::Hash(vec![(1.into(), Ruby::Symbol("ü b\"#{1}".into()))])),
    ]);
    let range = |exclusive| Ruby::Range { first: Box::new(1.into()), last: Box::new(5.into()), exclusive };
    let open = Ruby::Range { first: Box::new(1.into()), last: Box::new(Ruby::Nil), exclusive: false };
    let time = |offset| Ruby::Time { seconds: 1_795_478_400, nanoseconds: 123_456_789, offset };
    let mut pairs: Vec<(Ruby, String)> = vec![
        (Ruby::Nil, "nil".into()),
        (i128::from(u64::MAX).pipe(|n| Ruby::Integer(n * 1000)), "(2**64 - 1) * 1000".into()),
        (i64::MIN.into(), "-(2**63)".into()),
        (0.1.into(), "0.1".into()),
        (f64::MAX.into(), "Float::MAX".into()),
        (5e-324.into(), "0.0.next_float".into()),
        (f64::INFINITY.into(), "1.0 / 0".into()),
        (f64::NEG_INFINITY.into(), "-1.0 / 0".into()),
        (Ruby::Rational(-1, 3), "-(1 / 3r)".into()),
        (every.into(), format!("[{}].pack('U*')", codes.join(","))),
        ("#{exit!} #$0 #@a \\u0041".into(), r"'#{exit!} #$0 #@a \u0041'".into()),
        (Ruby::Binary((0..=255).collect()), "(0..255).to_a.pack('C*')".into()),
        (Ruby::Symbol("plain_1".into()), ":plain_1".into()),
        (hash, r##"{a?: [nil, true, false], "k" => {1 => 'ü b"#{1}'.to_sym}}"##.into()),
        (range(false), "1..5".into()),
        (range(true), "1...5".into()),
        (open, "(1..)".into()),
        (time(0), "Time.at(1795478400, 123456789, :nsec).utc".into()),
        (time(-12_600), "Time.at(1795478400, 123456789, :nsec).getlocal('-03:30')".into()),
        (Call::on("abc", "index").unwrap().argument("c").into(), "2".into()),
        (Call::on_module("Math", "sqrt").unwrap().argument(4).into(), "2.0".into()),
        (
            Call::on_module("Comparable", "instance_method")
                .unwrap()
                .argument(Ruby::Symbol("clamp".into()))
                .pipe(|method| Call::on(method, "arity").unwrap().into()),
            "-1".into(),
        ),
        (Call::on(5, "digits").unwrap().into(), "[5]".into()),
        (
            Call::on(10, "round").unwrap().keyword("half", Ruby::Symbol("up".into())).unwrap().into(),
            "10".into(),
        ),
    ];
    // What stands at the beginning of an expression, as the receiver of a call.
    for value in
        [Ruby::Hash(vec![(1.into(), 2.into())]), vec![1].into(), range(false), (-5).into(), 1e300.into()]
    {
        let text = value.to_string();
        pairs.push((Call::on(value, "to_s").unwrap().into(), format!("({text}).to_s")));
    }
    pairs
}

trait Pipe: Sized {
    fn pipe<T>(self, then: impl FnOnce(Self) -> T) -> T {
        then(self)
    }
}

impl<T> Pipe for T {}

#[test]
fn literals_evaluate_to_the_same_value() {
    let pairs: Vec<[String; 2]> =
        pairs().into_iter().map(|(value, expected)| [value.to_string(), expected]).collect();
    let code = r##"
        JSON.parse($stdin.read).each do |literal, expected|
          got, want = eval(literal), eval(expected)
          same = got == want && got.class == want.class
          same &&= got.encoding == want.encoding && got.bytes == want.bytes if got.is_a?(String)
          same &&= got.nsec == want.nsec && got.utc_offset == want.utc_offset && got.utc? == want.utc? if got.is_a?(Time)
          same &&= got.exclude_end? == want.exclude_end? if got.is_a?(Range)
          puts "#{literal} is #{got.inspect}, not #{want.inspect}" unless same
        end
        print eval('Float::NAN').nan?
    "##;
    assert_eq!(ruby(code, &serde_json::to_string(&pairs).unwrap()), "true");
    assert_eq!(Ruby::Float(f64::NAN).to_string(), "Float::NAN");
}

#[test]
fn ruby_writes_the_same_bytes() {
    let code = "Résumé.find(\"\\\\ / \u{1}\u{7f}\u{2028}\t😀\n\")";
    let message = Message::new(code, Some(Handler::Decay { count: 3, delay: 60 }));
    let write = r"
        code = JSON.parse($stdin.read)[0]
        print JSON.generate({type: :ayl, failed_job_handler: 'decay', code: code, failed_job_count: 3, failed_job_delay: 60})
    ";
    assert_eq!(ruby(write, &serde_json::to_string(&[code]).unwrap()), message.to_body());
}

#[test]
fn an_active_job_is_the_same_for_a_worker_that_evaluates() {
    let serialized = r##"{"job_class":"CensusJob","arguments":["#{exit!} #$0 \" \\ ü 😀\n",1.5,null]}"##;
    let message = Message::carrying("CensusJob", serialized, Some(Handler::Bury));
    let run = r"
        module ActiveJob; class Base; def self.execute(data) = print(JSON.generate(data)); end; end
        eval(JSON.parse($stdin.read)['code'])
    ";
    let expected: Value = serde_json::from_str(serialized).unwrap();
    assert_eq!(ruby(run, &message.to_body()), expected.to_string());
    assert_eq!(message.carried().as_deref(), Some(serialized));
}

#[test]
fn the_vectors_of_signing_are_what_ruby_computes() {
    let vectors = include_str!("../vectors/signing.json");
    let count = serde_json::from_str::<Value>(vectors).unwrap()["vectors"].as_array().unwrap().len();
    // As in docs/signing.md.
    let code = r#"
        print JSON.parse($stdin.read)["vectors"].count { |v|
          kid, jti, iat, exp, aud = v.values_at("kid", "jti", "iat", "exp", "aud")
          handler, count, delay, code = v.values_at("failed_job_handler", "failed_job_count", "failed_job_delay", "code")
          key = [v["key"]].pack("H*")
          fields = ["ayl-signature-1", kid, jti, iat.to_s, exp.to_s, aud, handler.to_s, count.to_s, delay.to_s, code]
          mac = OpenSSL::HMAC.hexdigest("SHA256", key, fields.map { |f| [f.bytesize].pack("N") + f.b }.join)
          mac == v["mac"] && JSON.parse(v["body"])["signature"]["mac"] == mac
        }
    "#;
    assert_eq!(ruby(code, vectors), count.to_string());
}
