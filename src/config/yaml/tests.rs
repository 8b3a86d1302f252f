//! The tree of a text, and the places in it.

use super::*;

/// The tree in short, and what is wrong with the text.
fn read(text: &str) -> (String, Vec<String>) {
    let mut said = Vec::new();
    let root = parse(0, text.as_bytes(), &mut |place, key, error| {
        said.push(format!("{}:{} {key}: {error}", place.line, place.column));
    });
    (root.map(|root| short(&root)).unwrap_or_default(), said)
}

fn short(node: &Node) -> String {
    match &node.value {
        Value::Scalar { text, plain: true } => text.clone(),
        Value::Scalar { text, .. } => format!("{text:?}"),
        Value::List(items) => format!("[{}]", items.iter().map(short).collect::<Vec<_>>().join(",")),
        Value::Map(entries) => {
            let entries = entries.iter().map(|entry| format!("{}:{}", entry.key, short(&entry.value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
        }
    }
}

fn tree(text: &str) -> String {
    let (tree, said) = read(text);
    assert_eq!(said, [""; 0], "{text}");
    tree
}

#[test]
fn scalars_stay_as_they_were_written() {
    assert_eq!(
        tree("{a: 1.10, b: '1.10', c: 007, d: yes, e: , f: ~}"),
        r#"{a:1.10,b:"1.10",c:007,d:yes,e:,f:~}"#
    );
    assert_eq!(tree("a: |\n  x\n  y\nb: >-\n  x\n  y\n"), r#"{a:"x\ny\n",b:"x y"}"#);
}

#[test]
fn what_a_scalar_is_follows_the_core_schema() {
    let kind = |text: &str| {
        Node { value: Value::Scalar { text: text.into(), plain: true }, place: Place::default() }
            .scalar_kind()
    };
    for (texts, expected) in [
        (&["", "~", "null"][..], ScalarKind::Null),
        (&["true", "False"], ScalarKind::Boolean),
        (
            &["0", "-1", "+7", "1.5", ".5", "1e3", "0x1f", "0o17", ".inf", "-.inf", ".nan", "0027"],
            ScalarKind::Number,
        ),
        (&["yes", "4.2.0", "30s", "1_000", "0xg", "-", ".", "e3", "inf", "-.nan", "x"], ScalarKind::Text),
    ] {
        for text in texts {
            assert_eq!(kind(text), Some(expected), "{text:?}");
        }
    }
}

#[test]
fn an_alias_is_what_it_stands_for_at_its_own_place() {
    assert_eq!(tree("a: &x {b: [1, 2]}\nc: *x\nd: *x"), "{a:{b:[1,2]},c:{b:[1,2]},d:{b:[1,2]}}");
    let mut none = |_, _, _| ();
    let root = parse(0, b"a: &x 1\nb: *x", &mut none).unwrap();
    let Value::Map(entries) = root.value else { panic!() };
    assert_eq!((entries[1].value.place.line, entries[1].value.place.column), (2, 4));
}

#[test]
fn the_rest_of_a_file_is_read_behind_a_key_that_stands_twice() {
    let (tree, said) = read("a: {b: 1, b: 2}\nc: !x 3\nd: [{e: 1, e: 2}]");
    assert_eq!(tree, "{a:{b:1},c:3,d:[{e:1}]}");
    assert_eq!(
        said,
        [
            "1:11 a.b: is in line 1 already",
            "2:4 c: the tag !x is not understood; leave it out",
            "3:12 d[0].e: is in line 3 already"
        ]
    );
}

#[test]
fn depth_is_capped_also_through_aliases() {
    let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    assert_eq!(tree(&deep(MAX_DEPTH)), deep(MAX_DEPTH));
    let too_deep = |text: &str| read(text).1.into_iter().any(|said| said.contains("nested too deeply"));
    assert!(too_deep(&deep(MAX_DEPTH + 1)));
    // Here the parser's own cap comes first.
    assert_eq!(read(&deep(100_000)).1.len(), 1);
    assert!(too_deep(&format!("a: &a {}\nb: &b [{}*a{}]\n", deep(20), "[".repeat(19), "]".repeat(19))));
}

#[test]
fn size_is_capped() {
    let (_, said) = read(&"#".repeat(MAX_BYTES + 1));
    assert_eq!(said, ["1:1 : the file is too large: 1048577 bytes, at most 1048576"]);
    let many = format!("[{}]", "x,".repeat(MAX_NODES));
    assert!(
        read(&many).1[0]
            .ends_with("too many values, at most 200000, those of anchors and aliases counted again")
    );
}

#[test]
fn a_hundred_thousand_keys_take_no_long_time() {
    let text: String = (0..90_000).map(|n| format!("a{n}:\n")).collect::<Vec<_>>().concat();
    let (tree, said) = read(&text);
    assert_eq!((tree.matches(',').count(), said.len()), (89_999, 0));
}
