//! JSON for other programs: an array with a line for each, or a line for each as they come.

use std::io::{self, Write};

use serde::Serialize;

/// An array whose every item has a line of its own, for jq and for grep.
pub(crate) fn array<T: Serialize>(to: &mut impl Write, items: &[T]) -> io::Result<()> {
    to.write_all(b"[")?;
    for (i, item) in items.iter().enumerate() {
        to.write_all(if i == 0 { b"\n" } else { b",\n" })?;
        serde_json::to_writer(&mut *to, item)?;
    }
    to.write_all(if items.is_empty() { b"]\n" } else { b"\n]\n" })
}

/// One item, one line.
pub(crate) fn line(to: &mut impl Write, item: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *to, item)?;
    to.write_all(b"\n")
}
