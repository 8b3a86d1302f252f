//! The files as wholes: `daemons.yml`, and what `daemons.d` adds.

use std::collections::BTreeMap;
use std::path::Path;

use super::application::{ApplicationLayer, DRAIN, Drain, application};
use super::fields::{Key, each, entries, names, take};
use super::{Layer, Reader};
use crate::config::fault::Fault;
use crate::config::yaml::{self, Node, Place, Value};
use crate::config::{ServerAddress, SourceFile};
use crate::names::ApplicationName;

/// All files, read but not yet resolved.
#[derive(Debug, Default)]
pub(in crate::config) struct Files {
    pub(in crate::config) beanstalk: Option<Vec<ServerAddress>>,
    pub(in crate::config) watch: Option<bool>,
    pub(in crate::config) max_workers: Option<(u32, Place)>,
    pub(in crate::config) max_workers_memory: Option<u64>,
    pub(in crate::config) defaults: Layer,
    pub(in crate::config) drain: Drain,
    pub(in crate::config) applications: BTreeMap<ApplicationName, ApplicationLayer>,
    /// Where each application is, those that cannot be read too.
    places: BTreeMap<ApplicationName, Place>,
    /// Where `applications` stands, if it does.
    pub(in crate::config) listed: Option<Place>,
}

pub(super) const FILE: &[Key<Files>] = &[
    Key { name: "beanstalk", read: |f, r, n| f.beanstalk = beanstalk(r, n) },
    Key { name: "watch", read: |f, r, n| f.watch = r.boolean(n) },
    Key { name: "max_workers", read: |f, r, n| f.max_workers = r.some(n).map(|value| (value, n.place)) },
    Key { name: "max_workers_memory", read: |f, r, n| f.max_workers_memory = r.space(n) },
    Key { name: "defaults", read: Files::defaults },
    Key { name: "applications", read: Files::applications },
];

/// Reads all files; the first is the main one, the others bring applications only.
pub(in crate::config) fn read_files(reader: &mut Reader<'_>, files: &[SourceFile]) -> Files {
    let mut all = Files::default();
    for (file, number) in files.iter().zip(0..) {
        let mut faults = Vec::new();
        let root = yaml::parse(number, &file.text, &mut |place, key, error| faults.push((place, key, error)));
        for (place, key, error) in faults {
            reader.at(&key, |reader| reader.error(place, error));
        }
        let Some(root) = root else { continue };
        let first = reader.sources.path(0).to_owned();
        let dir = reader.sources.path(number).parent().unwrap_or(Path::new("")).to_owned();
        each(reader, &root, "a map, as {applications: …}", &|| names(FILE), |reader, entry| {
            if number > 0 && entry.key != "applications" && FILE.iter().any(|key| key.name == entry.key) {
                reader.error(entry.place, Fault::OnlyMain(first.clone(), dir.clone()));
                return true;
            }
            take(FILE, &mut all, reader, entry)
        });
    }
    all
}

impl Files {
    fn defaults(&mut self, reader: &mut Reader<'_>, node: &Node) {
        let known = || [names(DRAIN), Layer::names()].concat();
        each(reader, node, "a map of settings", &known, |reader, entry| {
            take(DRAIN, &mut self.drain, reader, entry) || self.defaults.take(reader, entry)
        });
    }

    fn applications(&mut self, reader: &mut Reader<'_>, node: &Node) {
        self.listed.get_or_insert(node.place);
        let Some(entries) = entries(reader, node, "a map of applications") else { return };
        for entry in entries {
            reader.at(&entry.key, |reader| self.application(reader, entry));
        }
    }

    fn application(&mut self, reader: &mut Reader<'_>, entry: &yaml::Entry) {
        let name: ApplicationName = match entry.key.parse() {
            Ok(name) => name,
            Err(error) => return reader.error(entry.place, Fault::Name(error)),
        };
        if name.as_str() == "all" {
            reader.error(entry.place, Fault::NamedAll);
        }
        if let Some(first) = self.places.get(&name) {
            let (file, Place { line, column, .. }) = (reader.sources.path(first.file).to_owned(), *first);
            let fault = Fault::TwoPlaces { name: name.to_string(), file, line, column };
            return reader.error(entry.place, fault);
        }
        self.places.insert(name.clone(), entry.place);
        if let Some(layer) = application(reader, name.clone(), entry) {
            self.applications.insert(name, layer);
        }
    }
}

fn beanstalk(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<ServerAddress>> {
    const EXPECTED: &str = "an address, as 127.0.0.1:11300, or a list of them";
    let Value::List(items) = &node.value else {
        return Some(vec![reader.parse(node, EXPECTED)?]);
    };
    let addresses = reader.items(items, |reader, item| {
        let address: ServerAddress = reader.parse(item, "an address, as 127.0.0.1:11300")?;
        Some((address, item.place))
    })?;
    if addresses.is_empty() {
        reader.error(node.place, Fault::EmptyList);
        return None;
    }
    for (i, (address, place)) in addresses.iter().enumerate() {
        if addresses[..i].iter().any(|(earlier, _)| earlier == address) {
            reader.error(*place, Fault::Twice(address.to_string()));
        }
    }
    Some(addresses.into_iter().map(|(address, _)| address).collect())
}
