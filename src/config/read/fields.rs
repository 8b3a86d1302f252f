//! Maps, by a table of their keys.

use super::Reader;
use crate::config::fault::{Fault, did_you_mean};
use crate::config::yaml::{Entry, Node, Value};

/// A key of a section, and what is done with its value.
pub(super) struct Key<T: 'static> {
    pub(super) name: &'static str,
    pub(super) read: fn(&mut T, &mut Reader<'_>, &Node),
}

pub(super) fn names<T>(table: &[Key<T>]) -> Vec<&'static str> {
    table.iter().map(|key| key.name).collect()
}

/// Gives `entry` to the key of `table` by its name; false if there is none.
pub(super) fn take<T>(table: &[Key<T>], into: &mut T, reader: &mut Reader<'_>, entry: &Entry) -> bool {
    let Some(key) = table.iter().find(|key| key.name == entry.key) else {
        return false;
    };
    (key.read)(into, reader, &entry.value);
    true
}

/// The entries of a map, else an error.
pub(super) fn entries<'n>(
    reader: &mut Reader<'_>,
    node: &'n Node,
    expected: &'static str,
) -> Option<&'n [Entry]> {
    if let Value::Map(entries) = &node.value {
        return Some(entries);
    }
    reader.wrong_type(node, expected)
}

/// Gives each entry of a map to `take`; `known` are the keys that it takes.
pub(super) fn each(
    reader: &mut Reader<'_>,
    node: &Node,
    expected: &'static str,
    known: &dyn Fn() -> Vec<&'static str>,
    mut take: impl FnMut(&mut Reader<'_>, &Entry) -> bool,
) -> Option<()> {
    for entry in entries(reader, node, expected)? {
        reader.at(&entry.key, |reader| {
            if !take(reader, entry) {
                let mut expected = known();
                expected.sort_unstable();
                let hint = hint(&entry.key, &expected);
                reader.error(entry.place, Fault::UnknownKey { expected, hint });
            }
        });
    }
    Some(())
}

/// Reads a map whose keys are one table.
pub(super) fn table<T: Default>(
    reader: &mut Reader<'_>,
    node: &Node,
    expected: &'static str,
    keys: &'static [Key<T>],
) -> Option<T> {
    let mut into = T::default();
    each(reader, node, expected, &|| names(keys), |reader, entry| take(keys, &mut into, reader, entry))?;
    Some(into)
}

fn hint(key: &str, expected: &[&'static str]) -> Option<String> {
    let near = did_you_mean(key, expected.iter().copied());
    if near.is_some() {
        return near;
    }
    let home = super::sections().into_iter().find(|(_, keys)| keys.contains(&key))?.0;
    let home = match home {
        "file" => "belongs at the top of the file",
        "application" | "drain" => "belongs to an application",
        "workers" => "belongs under workers",
        "scheduler" => "belongs under scheduler",
        "daemon" => "belongs to a daemon, an application or defaults",
        "backoff" => "belongs under backoff",
        "start_limit" => "belongs under start_limit",
        "limits" => "belongs under limits",
        "ready" => "belongs under ready",
        "log" => "belongs under log",
        _ => return None,
    };
    Some(home.to_owned())
}
