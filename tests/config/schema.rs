//! `daemons.schema.json` and the parser know the same.

use std::collections::BTreeSet;

use abaqis_daemons::config::{SourceFile, load, sections};
use serde_json::Value;

use crate::bad::bad_files;
use crate::good::good_files;
use crate::host::TestHost;

fn schema() -> Value {
    serde_json::from_str(include_str!("../../config/daemons.schema.json")).unwrap()
}

fn keys(schema: &Value, pointer: &str) -> BTreeSet<String> {
    let properties = schema.pointer(pointer).unwrap_or_else(|| panic!("no {pointer} in the schema"));
    properties["properties"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn every_key_is_known_to_both() {
    let schema = schema();
    let section = |name: &str| -> BTreeSet<String> {
        let (_, keys) = sections().into_iter().find(|(section, _)| *section == name).unwrap();
        keys.into_iter().map(str::to_owned).collect()
    };
    let all = |names: &[&str]| names.iter().flat_map(|name| section(name)).collect::<BTreeSet<_>>();
    let mut seen = BTreeSet::new();
    for (pointer, names) in [
        ("", &["file"][..]),
        ("/definitions/defaults", &["daemon", "drain"]),
        ("/definitions/application", &["application", "daemon", "drain"]),
        ("/definitions/workers_map", &["workers", "daemon", "drain"]),
        ("/definitions/scheduler_map", &["scheduler", "daemon"]),
        ("/definitions/daemon", &["daemon"]),
        ("/definitions/backoff_map", &["backoff"]),
        ("/definitions/start_limit_map", &["start_limit"]),
        ("/definitions/limits_map", &["limits"]),
        ("/definitions/ready_map", &["ready"]),
        ("/definitions/log_map", &["log"]),
        ("/definitions/version_map", &["version"]),
    ] {
        assert_eq!(keys(&schema, pointer), all(names), "{pointer}");
        seen.extend(names);
    }
    let sections: BTreeSet<&str> = sections().into_iter().map(|(name, _)| name).collect();
    assert_eq!(seen, sections);
}

#[test]
fn what_is_accepted_is_valid() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    for (name, text) in good_files() {
        let value: Value = serde_yaml::from_slice(&text).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{name}.yml: {}", errors.join("\n"));
        let shown =
            load(&[SourceFile::new("daemons.yml", text)], &TestHost::root()).unwrap().config.to_yaml();
        let value: Value = serde_yaml::from_str(&shown).unwrap();
        assert!(validator.is_valid(&value), "{name}.yml, shown:\n{shown}");
    }
}

/// What only the parser can know: the text as it was written, the machine, and what
/// parts of the file are to each other.
const BEYOND_THE_SCHEMA: &[&str] = &[
    "after-cycle",
    "after-itself",
    "after-of-defaults",
    "after-unknown",
    "backoff-order",
    "beanstalk-port",
    "beanstalk-twice",
    "beanstalk-url",
    "command-quotes",
    "daemon-without-command",
    "duplicate-application",
    "duplicate-key",
    "duration-too-long",
    "env-zero-byte",
    "log-shared",
    "lone-carriage-return",
    "no-applications",
    "preload-exec",
    "scale-budget",
    "scale-order",
    "scale-with-a-command",
    "settings-of-ayl-worker-with-a-command",
    "signal-that-stops-nothing",
    "tag",
    "template-shell",
    "template-unknown",
    "tube-bad-character",
    "tube-too-long",
    "umask-decimal",
    "user-unknown",
    "version-bad",
    "wide-characters",
];

#[test]
fn what_is_built_wrong_is_refused_by_both() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let mut only_here = BTreeSet::new();
    for (name, text) in bad_files() {
        // What another reader cannot read at all is refused as well.
        if let Ok(value) = serde_yaml::from_slice::<Value>(&text)
            && validator.is_valid(&value)
        {
            only_here.insert(name);
        }
    }
    let listed: BTreeSet<String> = BEYOND_THE_SCHEMA.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(only_here, listed, "accepted by the schema, and what is expected to be");
}
