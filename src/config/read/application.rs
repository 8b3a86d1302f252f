//! One entry under `applications:`, as it stands there.

use std::path::PathBuf;
use std::time::Duration;

use super::fields::{Key, each, entries, names, table, take};
use super::{Given, Layer, Reader};
use crate::config::fault::Fault;
use crate::config::yaml::{self, Node, Place, Value};
use crate::config::{OnDrainTimeout, Runtime, Signing, Template, Variable, VersionSource};
use crate::names::{ApplicationName, DaemonName, Version};

/// An application.
#[derive(Debug)]
pub(in crate::config) struct ApplicationLayer {
    pub(in crate::config) name: ApplicationName,
    /// Of its key.
    pub(in crate::config) place: Place,
    pub(in crate::config) path: Given<(PathBuf, Place)>,
    pub(in crate::config) version: Option<VersionSource>,
    pub(in crate::config) tube: Option<(Template, Place)>,
    pub(in crate::config) drain: Drain,
    pub(in crate::config) settings: Layer,
    pub(in crate::config) workers: Option<Entry<WorkersLayer>>,
    pub(in crate::config) scheduler: Option<Entry<SchedulerLayer>>,
    pub(in crate::config) daemons: Vec<(DaemonName, Entry<Layer>)>,
}

/// Something with the place of its key.
#[derive(Debug)]
pub(in crate::config) struct Entry<T> {
    pub(in crate::config) place: Place,
    pub(in crate::config) value: T,
}

/// What holds for the draining of older releases.
#[derive(Debug, Default, Clone, Copy)]
pub(in crate::config) struct Drain {
    pub(in crate::config) timeout: Option<Duration>,
    pub(in crate::config) on_timeout: Option<OnDrainTimeout>,
}

impl Drain {
    /// What is said here, else what `outer` says.
    pub(in crate::config) fn or(self, outer: Self) -> Self {
        Self { timeout: self.timeout.or(outer.timeout), on_timeout: self.on_timeout.or(outer.on_timeout) }
    }
}

/// `workers`.
#[derive(Debug, Default)]
pub(in crate::config) struct WorkersLayer {
    pub(in crate::config) settings: Layer,
    pub(in crate::config) drain: Drain,
    pub(in crate::config) min: Option<(u32, Place)>,
    pub(in crate::config) max: Option<(u32, Place)>,
    pub(in crate::config) target_wait: Option<(Duration, Place)>,
    pub(in crate::config) runtime: Option<(Runtime, Place)>,
    pub(in crate::config) require: Option<(PathBuf, Place)>,
    pub(in crate::config) preload: Option<(bool, Place)>,
    pub(in crate::config) max_jobs: Option<(u64, Place)>,
    pub(in crate::config) max_memory: Option<(u64, Place)>,
    pub(in crate::config) max_age: Option<(Duration, Place)>,
    pub(in crate::config) max_runtime: Option<(Duration, Place)>,
    pub(in crate::config) signing: Option<(Signing, Place)>,
}

/// `scheduler`.
#[derive(Debug, Default)]
pub(in crate::config) struct SchedulerLayer {
    pub(in crate::config) settings: Layer,
    pub(in crate::config) file: Given<PathBuf>,
}

impl WorkersLayer {
    /// The settings of `ayl_worker` that are given, with their places.
    pub(in crate::config) fn of_ayl_worker(&self) -> impl Iterator<Item = (&'static str, Place)> {
        [
            ("min", self.min.map(|(_, place)| place)),
            ("max", self.max.map(|(_, place)| place)),
            ("target_wait", self.target_wait.map(|(_, place)| place)),
            ("runtime", self.runtime.map(|(_, place)| place)),
            ("require", self.require.as_ref().map(|(_, place)| *place)),
            ("preload", self.preload.map(|(_, place)| place)),
            ("max_jobs", self.max_jobs.map(|(_, place)| place)),
            ("max_memory", self.max_memory.map(|(_, place)| place)),
            ("max_age", self.max_age.map(|(_, place)| place)),
            ("max_runtime", self.max_runtime.map(|(_, place)| place)),
            ("signing", self.signing.map(|(_, place)| place)),
        ]
        .into_iter()
        .filter_map(|(name, place)| Some((name, place?)))
    }
}

pub(super) const DRAIN: &[Key<Drain>] = &[
    Key { name: "drain_timeout", read: |d, r, n| d.timeout = r.duration(n) },
    Key {
        name: "on_drain_timeout",
        read: |d, r, n| {
            let words = [("report", OnDrainTimeout::Report), ("move", OnDrainTimeout::Move)];
            d.on_timeout = r.word(n, &words, "report or move");
        },
    },
];

pub(super) const APPLICATION: &[Key<ApplicationLayer>] = &[
    Key { name: "path", read: |a, r, n| a.path = r.absolute_path(n).map(|path| (path, n.place)).into() },
    Key { name: "version", read: |a, r, n| a.version = version(r, n) },
    Key { name: "tube", read: |a, r, n| a.tube = tube(r, n, &a.name).map(|tube| (tube, n.place)) },
    Key {
        name: "workers",
        read: |a, r, n| a.workers = workers(r, n).map(|value| Entry { place: n.place, value }),
    },
    Key {
        name: "scheduler",
        read: |a, r, n| a.scheduler = scheduler(r, n).map(|value| Entry { place: n.place, value }),
    },
    Key { name: "daemons", read: |a, r, n| a.daemons = daemons(r, n) },
];

pub(super) const WORKERS: &[Key<WorkersLayer>] = &[
    Key { name: "min", read: |w, r, n| w.min = r.some(n).map(|value| (value, n.place)) },
    Key { name: "max", read: |w, r, n| w.max = r.some(n).map(|value| (value, n.place)) },
    Key { name: "target_wait", read: |w, r, n| w.target_wait = r.time(n).map(|value| (value, n.place)) },
    Key {
        name: "runtime",
        read: |w, r, n| {
            let words = [("ruby", Runtime::Ruby), ("python", Runtime::Python), ("exec", Runtime::Exec)];
            w.runtime = r.word(n, &words, "ruby, python or exec").map(|value| (value, n.place));
        },
    },
    Key { name: "require", read: |w, r, n| w.require = r.path(n).map(|value| (value, n.place)) },
    Key { name: "preload", read: |w, r, n| w.preload = r.boolean(n).map(|value| (value, n.place)) },
    Key {
        name: "max_jobs",
        read: |w, r, n| {
            let jobs = r.whole(n, 1..=i64::MAX, "a whole number from 1");
            w.max_jobs = jobs.and_then(|jobs| u64::try_from(jobs).ok()).map(|value| (value, n.place));
        },
    },
    Key { name: "max_memory", read: |w, r, n| w.max_memory = r.space(n).map(|value| (value, n.place)) },
    Key { name: "max_age", read: |w, r, n| w.max_age = r.time(n).map(|value| (value, n.place)) },
    Key { name: "max_runtime", read: |w, r, n| w.max_runtime = r.time(n).map(|value| (value, n.place)) },
    Key {
        name: "signing",
        read: |w, r, n| {
            let words = [("off", Signing::Off), ("warn", Signing::Warn), ("require", Signing::Require)];
            w.signing = r.word(n, &words, "off, warn or require").map(|value| (value, n.place));
        },
    },
];

pub(super) const SCHEDULER: &[Key<SchedulerLayer>] =
    &[Key { name: "file", read: |s, r, n| s.file = r.path(n).into() }];

#[derive(Default)]
pub(super) struct VersionLayer {
    file: Given<PathBuf>,
}

pub(super) const VERSION: &[Key<VersionLayer>] =
    &[Key { name: "file", read: |v, r, n| v.file = r.path(n).into() }];

/// Reads an application.
pub(super) fn application(
    reader: &mut Reader<'_>,
    name: ApplicationName,
    entry: &yaml::Entry,
) -> Option<ApplicationLayer> {
    let mut layer = ApplicationLayer {
        name,
        place: entry.place,
        path: Given::Absent,
        version: None,
        tube: None,
        drain: Drain::default(),
        settings: Layer::default(),
        workers: None,
        scheduler: None,
        daemons: Vec::new(),
    };
    let known = || [names(APPLICATION), names(DRAIN), Layer::names()].concat();
    each(reader, &entry.value, "a map of settings", &known, |reader, entry| {
        take(APPLICATION, &mut layer, reader, entry)
            || take(DRAIN, &mut layer.drain, reader, entry)
            || layer.settings.take(reader, entry)
    })?;
    Some(layer)
}

fn version(reader: &mut Reader<'_>, node: &Node) -> Option<VersionSource> {
    const EXPECTED: &str = "a version or {file: PATH}";
    match &node.value {
        Value::Scalar { .. } => {
            // 1.10 is a number to YAML, and the text it was written as to us.
            let text = reader.as_written(node, EXPECTED)?;
            let version: Option<Version> = reader.check(node, text.parse());
            version.map(VersionSource::Literal)
        }
        _ => match table(reader, node, EXPECTED, VERSION)?.file {
            Given::Is(file) => Some(VersionSource::File(file)),
            Given::Wrong => None,
            Given::Absent => {
                reader.error(node.place, Fault::Missing("file"));
                None
            }
        },
    }
}

/// A tube's name can be made of the application and its version; with any version it
/// has to be one that beanstalkd takes.
fn tube(reader: &mut Reader<'_>, node: &Node, application: &ApplicationName) -> Option<Template> {
    let tube = reader.template_of(node)?;
    let rendered = tube.render(|variable| match variable {
        Variable::App => Some(application.as_str().into()),
        Variable::Version => Some("0".into()),
        _ => None,
    });
    let fault = match rendered {
        Err(variable) => Fault::NotHere(variable.as_str()),
        Ok(name) => match name.parse::<crate::names::Tube>() {
            Ok(_) => return Some(tube),
            Err(error) => error.into(),
        },
    };
    reader.error(node.place, fault);
    None
}

fn workers(reader: &mut Reader<'_>, node: &Node) -> Option<WorkersLayer> {
    let mut layer = WorkersLayer::default();
    if !matches!(node.value, Value::Map(_)) {
        if node.scalar_kind() != Some(yaml::ScalarKind::Number) {
            return reader.wrong_type(node, "how many, or a map of settings, as {count: 4}");
        }
        layer.settings.count = Some((reader.count(node)?, node.place));
        return Some(layer);
    }
    let known = || [names(WORKERS), names(DRAIN), Layer::names()].concat();
    each(reader, node, "a map of settings", &known, |reader, entry| {
        take(WORKERS, &mut layer, reader, entry)
            || take(DRAIN, &mut layer.drain, reader, entry)
            || layer.settings.take(reader, entry)
    })?;
    bounds(reader, node, &layer);
    Some(layer)
}

/// `min` and `max` stand together, and in the place of `count`.
fn bounds(reader: &mut Reader<'_>, node: &Node, layer: &WorkersLayer) {
    let Value::Map(entries) = &node.value else { return };
    let key = |name: &str| entries.iter().find(|entry| entry.key == name).map(|entry| entry.place);
    let (min, max) = (key("min"), key("max"));
    match (min, max) {
        (Some(_), None) => reader.error(node.place, Fault::Missing("max")),
        (None, Some(_)) => reader.error(node.place, Fault::Missing("min")),
        (None, None) => {
            if let Some(place) = key("target_wait") {
                reader.at("target_wait", |reader| reader.error(place, Fault::NoScale));
            }
        }
        (Some(_), Some(_)) => {
            if let (Some((min, place)), Some((max, _))) = (layer.min, layer.max)
                && min > max
            {
                reader.at("min", |reader| reader.error(place, Fault::ScaleOrder { min, max }));
            }
        }
    }
    if let (Some(place), Some(bound)) = (key("count"), min.map(|_| "min").or(max.map(|_| "max"))) {
        reader.at("count", |reader| reader.error(place, Fault::Both("count", bound)));
    }
}

fn scheduler(reader: &mut Reader<'_>, node: &Node) -> Option<SchedulerLayer> {
    let mut layer = SchedulerLayer::default();
    match &node.value {
        Value::Scalar { .. } => {
            reader.text(node, "a timetable's file, a command as a list, or a map of settings")?;
            layer.file = reader.path(node).into();
        }
        Value::List(_) => layer.settings.command = reader.command(node).into(),
        Value::Map(_) => {
            let known = || [names(SCHEDULER), Layer::names()].concat();
            each(reader, node, "a map of settings", &known, |reader, entry| {
                take(SCHEDULER, &mut layer, reader, entry) || layer.settings.take(reader, entry)
            })?;
        }
    }
    if !layer.file.is_absent() && !layer.settings.command.is_absent() {
        reader.error(node.place, Fault::Both("file", "command"));
    }
    Some(layer)
}

/// The daemons that keys of the application make, and which key it is.
const RESERVED: [(&str, &str); 3] =
    [("worker", "workers"), ("scheduler", "scheduler"), ("preloader", "workers.preload")];

fn daemons(reader: &mut Reader<'_>, node: &Node) -> Vec<(DaemonName, Entry<Layer>)> {
    let mut daemons = Vec::new();
    let Some(entries) = entries(reader, node, "a map of daemons, as {solr: {command: [bin/solr]}}") else {
        return daemons;
    };
    for entry in entries {
        let daemon = reader.at(&entry.key, |reader| daemon(reader, entry));
        daemons.extend(daemon);
    }
    daemons
}

fn daemon(reader: &mut Reader<'_>, entry: &yaml::Entry) -> Option<(DaemonName, Entry<Layer>)> {
    let name: Option<DaemonName> = match entry.key.parse() {
        Ok(name) => Some(name),
        Err(error) => {
            reader.error(entry.place, Fault::Name(error));
            None
        }
    };
    if let Some((name, by)) = RESERVED.into_iter().find(|(name, _)| *name == entry.key) {
        reader.error(entry.place, Fault::ReservedDaemon { name: name.to_owned(), by });
    }
    let mut layer = Layer::default();
    each(
        reader,
        &entry.value,
        "a map of settings, as {command: [bin/solr]}",
        &Layer::names,
        |reader, entry| layer.take(reader, entry),
    )?;
    Some((name?, Entry { place: entry.place, value: layer }))
}
