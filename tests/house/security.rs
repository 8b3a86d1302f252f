//! SECURITY.md names a test for what it says, in the words of the test's own name.

use std::path::Path;

use crate::tree::{read, root};

/// The places as `` `FILE`: WORDS; WORDS `` up to the end of the brackets, the cell or the next place.
fn proofs(text: &str) -> Vec<(String, String)> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut proofs = Vec::new();
    for part in text.split('`').collect::<Vec<_>>().windows(2) {
        let [file, words] = part else { continue };
        let is_source = Path::new(file).extension().is_some_and(|extension| extension == "rs");
        let Some(words) = words.strip_prefix(": ").filter(|_| is_source) else { continue };
        let words = words.split([')', '|']).next().unwrap_or_default();
        let each = words.split("; ").map(str::trim).filter(|words| !words.is_empty());
        proofs.extend(each.map(|words| ((*file).to_owned(), words.to_owned())));
    }
    proofs
}

/// The name of the test that is called so in words.
fn name_of(words: &str) -> String {
    words.to_lowercase().replace(|c: char| !c.is_alphanumeric(), "_")
}

#[test]
fn what_security_says_is_proved_where_it_says_so() {
    let proofs = proofs(&read(&root().join("SECURITY.md")));
    assert!(proofs.len() > 20, "only {proofs:?}");
    let missing: Vec<_> = proofs
        .iter()
        .filter(|(file, words)| {
            let text = read(&root().join(file));
            !text.contains(&format!("fn {}(", name_of(words)))
        })
        .collect();
    assert!(missing.is_empty(), "no tests of these names: {missing:?}");
}
