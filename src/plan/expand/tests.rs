//! `expand` and `render` together, from the text of a configuration.

use super::*;
use crate::config::{self, Group, Host, Privilege, SourceFile, User};
use crate::plan::{Inherited, command_line, render};

struct Machine;

impl Host for Machine {
    fn privilege(&self) -> Privilege {
        Privilege::Root
    }

    fn me(&self) -> User {
        self.user("root").expect("everybody is known")
    }

    fn user(&self, name: &str) -> Option<User> {
        let group = Group { name: name.into(), gid: 1000 };
        Some(User { name: name.into(), uid: 1000, group, home: "/home/a".into(), shell: "/bin/sh".into() })
    }

    fn group(&self, name: &str) -> Option<Group> {
        Some(Group { name: name.into(), gid: 1000 })
    }

    fn program_dir(&self) -> PathBuf {
        "/usr/bin".into()
    }

    fn exists(&self, _: &Path) -> bool {
        true
    }
}

struct Files;

impl EnvFiles for Files {
    fn read(&mut self, path: &Path, _: &Account) -> Result<Arc<EnvFile>, Arc<str>> {
        match path.to_str() {
            Some("/etc/a-1.0.env") => {
                Ok(Arc::new([("FROM".into(), "file".into()), ("MODE".into(), "file".into())].into()))
            }
            _ => Err(format!("{}: no such file", path.display()).into()),
        }
    }
}

fn wanted(daemons: &str, found: Found) -> Wanted {
    let text = format!("applications:\n  a:\n    path: /srv/a/current\n{daemons}");
    let config = config::load(&[SourceFile::new("daemons.yml", text)], &Machine).unwrap().config;
    expand(&config, &BTreeMap::from([("a".parse().unwrap(), found)]), &mut Files)
}

fn deployed() -> Found {
    Found { path: Ok("/srv/a/releases/7".into()), version: Ok("1.0".parse().unwrap()) }
}

fn without_version() -> Found {
    Found { version: Err("no version: there is none".into()), ..deployed() }
}

fn blocked(wanted: &Wanted, id: &str) -> Option<String> {
    wanted[&id.parse().unwrap()].blocked.as_ref().map(ToString::to_string)
}

#[test]
fn there_is_one_for_each_of_the_count() {
    let wanted = wanted("    workers: 2\n    daemons: {solr: {command: [bin/solr, -f]}}\n", deployed());
    let ids: Vec<String> = wanted.keys().map(ToString::to_string).collect();
    assert_eq!(ids, ["a/solr/1", "a/worker/1", "a/worker/2"]);
    let [first, second] = ["a/worker/1", "a/worker/2"].map(|id| &wanted[&id.parse().unwrap()]);
    assert!(Arc::ptr_eq(&first.release, &second.release) && Arc::ptr_eq(&first.daemon, &second.daemon));
    assert_eq!(first.release.tube.as_ref().unwrap().as_str(), "a-1.0");
    assert!(wanted.values().all(|spec| spec.blocked.is_none()));
}

#[test]
fn without_a_version_only_those_wait_that_need_one() {
    let daemons = "    workers: 1\n    daemons:\n      solr: {command: [solr]}\n      web: {command: [web, '{version}']}\n      q: {command: [q], env: {T: '{tube}'}}\n";
    let wanted = wanted(daemons, without_version());
    let why = Some("no version: there is none".to_owned());
    assert_eq!(blocked(&wanted, "a/worker/1"), why);
    assert_eq!(blocked(&wanted, "a/web/1"), why);
    assert_eq!(blocked(&wanted, "a/q/1"), why);
    assert_eq!(blocked(&wanted, "a/solr/1"), None);
}

#[test]
fn without_its_path_everything_waits() {
    let missing = Found { path: Err("/srv/a/current: missing".into()), ..without_version() };
    let wanted = wanted("    workers: 1\n    daemons: {solr: {command: [solr]}}\n", missing);
    assert!(wanted.values().all(|spec| spec.blocked.as_deref() == Some("/srv/a/current: missing")));
    assert!(wanted.values().all(|spec| spec.release.path == Path::new("/srv/a/current")));
}

#[test]
fn a_tube_that_beanstalkd_would_refuse_is_a_reason() {
    let found = Found { version: Ok("1".repeat(64).parse().unwrap()), ..deployed() };
    let tube = format!("    tube: \"{}{{version}}\"\n    workers: 1\n", "x".repeat(150));
    let wanted = wanted(&tube, found);
    assert_eq!(blocked(&wanted, "a/worker/1").unwrap(), "the tube's name is 214 bytes long, at most 200");
}

#[test]
fn an_env_file_that_cannot_be_used_is_a_reason() {
    let daemons = "    daemons:\n      x: {command: [x], env_file: '/etc/{app}-{version}.env'}\n      y: {command: [y], env_file: /etc/y}\n";
    let wanted = wanted(daemons, deployed());
    assert_eq!(blocked(&wanted, "a/x/1"), None);
    assert_eq!(blocked(&wanted, "a/y/1").unwrap(), "/etc/y: no such file");
}

#[test]
fn the_environment_is_put_together_in_its_order() {
    let daemons = "    daemons:\n      x:\n        command: [x, '{instance}', '{tube}', 'a b']\n        env: {MODE: 'env {app}', TZ: UTC}\n        env_file: '/etc/a-{version}.env'\n";
    let wanted = wanted(daemons, deployed());
    let spec = &wanted[&"a/x/1".parse().unwrap()];
    let inherited = Inherited { path: None, lang: Some("C".into()), tz: Some("CET".into()) };
    let rendered = render(spec, &inherited).unwrap();
    assert_eq!(rendered.argv, ["x", "a/x/1", "a-1.0", "a b"]);
    assert_eq!(rendered.directory, Path::new("/srv/a/releases/7"));
    assert_eq!(command_line(spec), "x a/x/1 a-1.0 'a b'");
    let env: Vec<String> = rendered.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(
        env,
        [
            "AYL_APP=a",
            "AYL_BEANSTALK=127.0.0.1:11300",
            "AYL_INSTANCE=a/x/1",
            "AYL_TUBE=a-1.0",
            "AYL_VERSION=1.0",
            "FROM=file",
            "HOME=/home/a",
            "LANG=C",
            "LOGNAME=abaqis",
            "MODE=env a",
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "SHELL=/bin/sh",
            "TZ=UTC",
            "USER=abaqis",
        ]
    );
}
