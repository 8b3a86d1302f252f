//! Each judgement, word for word.

mod host;
mod queue;
mod supervisor;

use super::finding::Finding;
use crate::cli::screen::Screen;

/// The lines of `findings`, each with its check before it.
fn lines(findings: &[Finding]) -> String {
    let mut bytes = Vec::new();
    for finding in findings {
        bytes.extend_from_slice(format!("{:<10} ", finding.check).as_bytes());
        finding.write(&mut Screen::new(&mut bytes, None, false)).unwrap();
    }
    String::from_utf8(bytes).unwrap()
}
