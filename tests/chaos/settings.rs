//! The settings of daemons.yml that edits change, and what each may be.
//!
//! ```text
//!     daemons.yml ─┬─ File            max_workers, …
//!                  ├─ defaults ─────── Defaults
//!                  └─ a, b, c ──────── Application ─┬─ workers ─── Workers
//!                                                   ├─ scheduler ─ Scheduler
//!                                                   └─ daemons ─┬─ web ─── Web
//!                                                               └─ more ── More
//! ```
//!
//! Whatever is chosen of one goes with whatever is chosen of the others: an edit is refused only
//! where it is meant to be. `SITE`, `NAME`, `HOME` and `PORT` are filled in when the file is written.

use std::collections::BTreeMap;

/// Where a setting stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    File,
    Defaults,
    Application,
    Workers,
    Scheduler,
    Web,
    More,
}

/// A setting.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) place: Place,
    /// Its key, with that of the map it stands in; `+`: its values have the keys in them.
    pub(crate) key: &'static str,
    /// The only application that has it; else all have.
    only: Option<usize>,
    /// As YAML, the usual one first; an empty one leaves it out.
    pub(crate) values: &'static [&'static str],
}

/// The template of the other tube that an application may have.
pub(crate) const OTHER_TUBE: &str = "'{app}.b-{version}'";

const fn of(place: Place, key: &'static str, values: &'static [&'static str]) -> Setting {
    Setting { place, key, only: None, values }
}

/// All of them.
pub(crate) const SETTINGS: &[Setting] = &[
    of(Place::File, "max_workers", &["", "12", "100"]),
    of(Place::File, "max_workers_memory", &["", "64MiB", "8GiB"]),
    // A change of these two makes no process another.
    of(Place::Defaults, "stop_timeout", &["20s", "15s", "25s"]),
    of(Place::Defaults, "backoff.initial", &["20ms", "30ms", "40ms"]),
    of(Place::Defaults, "backoff.max", &["500ms", "400ms"]),
    of(Place::Defaults, "backoff.factor", &["", "1.5", "3"]),
    of(Place::Defaults, "backoff.jitter", &["", "0", "0.5"]),
    of(Place::Defaults, "backoff.reset_after", &["", "1s"]),
    of(Place::Defaults, "start_limit.within", &["1m", "30s"]),
    of(Place::Defaults, "start_limit.count", &["1000", "900"]),
    of(Place::Application, "path", &["SITE/HOME", "SITE/twin/HOME"]),
    of(Place::Application, "version", &["", "{file: VERSION}", "'1'", "'2'"]),
    of(Place::Application, "tube", &["", OTHER_TUBE]),
    of(Place::Application, "drain_timeout", &["", "300ms", "5m"]),
    of(Place::Application, "on_drain_timeout", &["", "move", "report"]),
    of(Place::Application, "env.VALUE", &["'0'", "'1'", "'{tube}'"]),
    of(Place::Application, "env_file", &["SITE/NAME/env", "none"]),
    of(Place::Application, "nice", &["0", "1"]),
    of(Place::Application, "umask", &["", "0027"]),
    of(Place::Application, "group", &["", "OTHERS"]),
    of(Place::Application, "user", &["", "OTHER"]),
    // What a fault leaves behind is 4096.
    of(Place::Application, "limits.nofile", &["", "4096", "8192"]),
    of(Place::Application, "limits.nproc", &["", "4096", "8192"]),
    of(Place::Application, "limits.core", &["", "0B"]),
    of(Place::Application, "limits.stack", &["", "16MiB"]),
    of(Place::Application, "limits.fsize", &["", "1GiB", "unlimited"]),
    of(Place::Application, "limits.memlock", &["", "1MiB"]),
    of(Place::Application, "limits.memory", &["", "2GiB"]),
    of(Place::Application, "limits.cpu", &["", "400%"]),
    // Longer than anybody is stopped, or starved.
    of(Place::Application, "watchdog", &["", "8s", "none"]),
    of(Place::Application, "ready_timeout", &["", "20s"]),
    of(
        Place::Workers,
        "+",
        &["count: 2", "count: 1", "count: 4", "min: 1, max: 4", "min: 2, max: 3, target_wait: 500ms"],
    ),
    of(Place::Workers, "require", &["", "config/twin"]),
    of(Place::Workers, "max_jobs", &["", "10"]),
    of(Place::Workers, "max_memory", &["", "1MiB", "512MiB"]),
    of(Place::Workers, "max_age", &["", "2s"]),
    of(Place::Workers, "max_runtime", &["", "30s"]),
    // The others want a key: without it a worker does not start, and an older release stays as it was.
    of(Place::Workers, "signing", &["", "off"]),
    of(Place::Workers, "kill", &["", "process"]),
    Setting { place: Place::Workers, key: "runtime", only: Some(0), values: &["", "python"] },
    Setting { place: Place::Workers, key: "preload", only: Some(1), values: &["true", "false"] },
    Setting { place: Place::Workers, key: "preload", only: Some(2), values: &["true", "false"] },
    Setting {
        place: Place::Scheduler,
        key: "file",
        only: Some(2),
        values: &["config/schedule.yml", "config/twin.yml"],
    },
    of(
        Place::Web,
        "command",
        &[
            "[sh, -c, 'while sleep 0.1; do echo alive; done']",
            "\"sh -c 'while sleep 0.2; do echo living; done'\"",
            "[sh, -c, 'sleep 0.2; exit 3']",
            "[sleep, '0.3']",
        ],
    ),
    of(Place::Web, "directory", &["", "/", "SITE"]),
    of(Place::Web, "restart", &["", "on-failure", "never"]),
    of(Place::Web, "start_limit", &["", "{count: 2, within: 10s}"]),
    of(
        Place::Web,
        "ready",
        &[
            "",
            "{tcp: PORT}",
            "{file: SITE/ledger}",
            "{exec: [test, -e, SITE/ledger]}",
            "{delay: 100ms}",
            "notify",
        ],
    ),
    of(Place::Web, "ready_timeout", &["", "700ms"]),
    // It says nothing to the supervisor.
    of(Place::Web, "watchdog", &["", "1s"]),
    of(Place::Web, "after", &["", "[worker]"]),
    of(Place::Web, "stop_signal", &["", "HUP", "QUIT"]),
    of(Place::Web, "stop_timeout", &["", "0s", "1s"]),
    of(Place::Web, "kill", &["", "process"]),
    of(Place::Web, "log", &["", "journal", "null"]),
    of(Place::Web, "log.file", &["SITE/small/logs/NAME.log", "SITE/small/logs/NAME-2.log"]),
    of(Place::Web, "log.max_size", &["16KiB", "17KiB"]),
    of(Place::Web, "log.keep", &["1", "2"]),
    Setting { place: Place::More, key: "count", only: Some(2), values: &["2", "3", "0"] },
    Setting { place: Place::More, key: "after", only: Some(2), values: &["", "[web]"] },
];

impl Setting {
    /// Whether an application has it. What stands once in the file is that of the first.
    pub(crate) fn is_of(&self, application: usize) -> bool {
        match self.place {
            Place::File | Place::Defaults => application == 0,
            _ => self.only.is_none_or(|only| only == application),
        }
    }

    /// What is changed when it goes to or from a value, by key.
    pub(crate) fn keys(&self, value: &str) -> Vec<String> {
        if self.key != "+" {
            return vec![self.key.to_owned()];
        }
        value.split(", ").filter_map(|part| Some(part.split_once(": ")?.0.to_owned())).collect()
    }
}

/// What of them is not as usual.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chosen(BTreeMap<(usize, usize), &'static str>);

impl Chosen {
    /// From now on an application has this value of a setting, by its place among all.
    pub(crate) fn choose(&mut self, setting: usize, application: usize, value: &'static str) {
        self.0.insert((setting, application), value);
    }

    fn value(&self, (at, setting): (usize, &Setting), application: usize) -> &'static str {
        self.0.get(&(at, application)).copied().unwrap_or(setting.values[0])
    }

    /// The value of one of an application's own settings.
    pub(crate) fn of_application(&self, key: &str, application: usize) -> &'static str {
        let named = |(_, setting): &(usize, &Setting)| {
            setting.place == Place::Application && setting.key == key && setting.is_of(application)
        };
        SETTINGS.iter().enumerate().find(named).map_or("", |found| self.value(found, application))
    }

    /// The entries of a place, as YAML: `KEY: VALUE` each.
    pub(crate) fn entries(&self, place: Place, application: usize) -> Vec<String> {
        let mut entries = Vec::new();
        let mut maps: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let here = |(_, setting): &(usize, &Setting)| setting.place == place && setting.is_of(application);
        for found in SETTINGS.iter().enumerate().filter(here) {
            let (key, value) = (found.1.key, self.value(found, application));
            match key.split_once('.') {
                _ if value.is_empty() => {}
                Some((outer, inner)) => maps.entry(outer).or_default().push(format!("{inner}: {value}")),
                None if key == "+" => entries.push(value.to_owned()),
                None => entries.push(format!("{key}: {value}")),
            }
        }
        // One that is a word, or a map of its own, stands in the place of the map.
        maps.retain(|outer, _| !entries.iter().any(|entry| entry.starts_with(&format!("{outer}: "))));
        entries.extend(maps.into_iter().map(|(outer, inner)| format!("{outer}: {{{}}}", inner.join(", "))));
        entries
    }
}

#[test]
fn every_key_of_the_configuration_is_edited() {
    // Edits of their own: see `Edit`.
    let others = ["applications", "beanstalk", "daemons", "defaults", "scheduler", "watch", "workers"];
    let edited = |section: &str, key: &str| {
        SETTINGS.iter().any(|setting| {
            let whole =
                setting.key == key || setting.key.split_once('.').is_some_and(|(outer, _)| outer == key);
            let inside = setting.key == format!("{section}.{key}");
            let written = |value: &&str| {
                (setting.key == "+" || setting.key == section)
                    && (value.starts_with(&format!("{key}: "))
                        || value.contains(&format!("{{{key}: "))
                        || value.contains(&format!(", {key}: ")))
            };
            let of_a_map =
                matches!(section, "backoff" | "start_limit" | "limits" | "ready" | "log" | "version");
            inside || (!of_a_map && whole) || setting.values.iter().any(written)
        })
    };
    for (section, keys) in abaqis_daemons::config::sections() {
        for key in keys {
            assert!(others.contains(&key) || edited(section, key), "{section}: {key} is never edited");
        }
    }
}

#[test]
fn a_word_stands_in_the_place_of_a_map() {
    let mut chosen = Chosen::default();
    assert!(chosen.entries(Place::Web, 0).iter().any(|entry| entry.starts_with("log: {file: ")));
    let log = SETTINGS.iter().position(|setting| setting.place == Place::Web && setting.key == "log");
    chosen.choose(log.unwrap(), 0, "journal");
    let logs: Vec<String> =
        chosen.entries(Place::Web, 0).into_iter().filter(|entry| entry.starts_with("log")).collect();
    assert_eq!(logs, ["log: journal"]);
}
