//! What the `env_file` of an instance holds, where its own release has not been able to read it.
//!
//! A file is read for what is deployed. A release that another has taken the place of goes on with what
//! was read for it, or, if that was nothing, with what the deployed one has read in the same file.

use crate::plan::{InstanceSpec, complete};

/// Its file, if it has one.
fn file(spec: &InstanceSpec) -> Option<String> {
    complete(spec, spec.daemon.process.env_file.as_ref()?).ok()
}

/// Whether all is known that is to be in its environment.
pub(super) fn is_complete(spec: &InstanceSpec) -> bool {
    spec.daemon.process.env_file.is_none() || spec.env_file.is_some()
}

/// Has `spec` what its file holds: as the first of `others` has read it that has the same.
pub(super) fn take<'a>(spec: &mut InstanceSpec, mut others: impl Iterator<Item = &'a InstanceSpec>) {
    let path = file(spec);
    let known = others.find(|other| path.is_some() && other.env_file.is_some() && file(other) == path);
    spec.env_file = known.and_then(|other| other.env_file.clone());
}

/// Why it cannot be started without.
pub(super) fn unread(spec: &InstanceSpec) -> String {
    format!("{}: was not read for this release; deploy it again", file(spec).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::config::{Daemon, Drain, Kind, Worker};
    use crate::lifecycle::Time;
    use crate::plan::{EnvFile, Release, Wanted, made_up};
    use crate::releases::{Application, Blueprint};

    /// Workers of that version; `found`: what their `env_file` holds, or why nobody knows.
    fn blueprint(version: &str, file: Option<&str>, found: Result<&str, &str>) -> Blueprint {
        let release = Release {
            version: Some(version.parse().unwrap()),
            path: format!("/srv/{version}").into(),
            tube: Some(version.parse().unwrap()),
            beanstalk: [].into(),
        };
        let mut process = made_up::process("run", None);
        process.env_file = file.map(|file| file.parse().unwrap());
        let daemon = Daemon {
            name: "worker".parse().unwrap(),
            kind: Kind::Worker(Worker::Own),
            count: 1,
            scale: None,
            process: Arc::new(process),
            policy: Arc::new(made_up::policy()),
            drain: Drain::default(),
        };
        let mut wanted = Wanted::new();
        let why = found.err().map(Into::into);
        made_up::add_to(&mut wanted, "a", daemon, &Arc::new(release), why.as_ref());
        let mut blueprint: Blueprint = wanted.into_values().collect();
        if let (Some(_), Ok(value)) = (file, found) {
            let variables = EnvFile::from([("SECRET".into(), value.into())]);
            Arc::make_mut(&mut blueprint[0]).env_file = Some(Arc::new(variables));
        }
        blueprint
    }

    /// The worker of that version: its secret, `none`, or why it cannot be started.
    fn worker(application: &Application, version: &str) -> String {
        let kept = application.all().find(|kept| kept.version == Some(version.parse().unwrap())).unwrap();
        let spec = &kept.blueprint[0];
        match &spec.blocked {
            Some(why) => why.to_string(),
            None => spec.env_file.as_ref().map_or("none".to_owned(), |file| file["SECRET"].to_string()),
        }
    }

    fn see(application: &mut Application, blueprint: Blueprint) {
        application.see(blueprint, Time::default(), &mut Vec::new());
    }

    #[test]
    fn an_older_release_has_what_was_read_for_it_whatever_comes_after() {
        let mut application = Application::new(blueprint("1", Some("/etc/env"), Ok("old")));
        see(&mut application, blueprint("2", Some("/etc/env"), Ok("new")));
        assert_eq!([worker(&application, "1"), worker(&application, "2")], ["old", "new"]);
    }

    #[test]
    fn one_that_could_not_read_its_file_can_be_started_once_that_is_mended() {
        let bad = "line 1: expected NAME=VALUE";
        let mut application = Application::new(blueprint("1", Some("/etc/env"), Err(bad)));
        see(&mut application, blueprint("2", Some("/etc/env"), Err(bad)));
        assert_eq!(worker(&application, "1"), bad);
        see(&mut application, blueprint("2", Some("/etc/env"), Ok("mended")));
        assert_eq!(worker(&application, "1"), "mended");
    }

    #[test]
    fn the_file_of_another_release_is_not_its_own() {
        let bad = "/srv/1/env: Permission denied";
        let mut application = Application::new(blueprint("1", Some("{path}/env"), Err(bad)));
        see(&mut application, blueprint("2", Some("{path}/env"), Ok("of 2")));
        assert_eq!(worker(&application, "1"), bad);
    }

    #[test]
    fn one_that_was_rolled_back_to_never_runs_without_the_file_that_it_is_to_have() {
        let mut application = Application::new(blueprint("1", None, Ok("")));
        see(&mut application, blueprint("2", None, Ok("")));
        application.roll_back(Time::default(), &mut Vec::new()).unwrap();
        assert_eq!(worker(&application, "1"), "none");
        see(&mut application, blueprint("2", Some("{path}/env"), Ok("of 2")));
        let why = "/srv/1/env: was not read for this release; deploy it again";
        assert_eq!(worker(&application, "1"), why);
        see(&mut application, blueprint("2", Some("/etc/env"), Ok("of both")));
        assert_eq!(worker(&application, "1"), "of both");
        see(&mut application, blueprint("2", Some("/etc/env"), Err("gone")));
        assert_eq!(worker(&application, "1"), "of both");
    }
}
