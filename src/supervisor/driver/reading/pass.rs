//! One reading: the configuration's files, what is on the disk of the applications, and who the
//! users are.
//!
//! What does not answer is taken to be as it was when it last did; nothing else can be known of it,
//! and what runs of it is not to be touched for that.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::looking::{At, Looking, Silent};
use crate::config::{self, Account, Config, Group, Host, Privilege, SourceFile, User};
use crate::names::{ApplicationName, ServerAddress};
use crate::plan::{self, EnvFile, EnvFiles, Found, Wanted};
use crate::process::Identity;
use crate::process::host::System;
use crate::supervisor::driver::env_file;
use crate::supervisor::driver::releases::look;
use crate::supervisor::files::{For, ReadError, read_text};
use crate::supervisor::sources;

/// The most bytes of an `env_file`.
const MAX_ENV_FILE: u64 = 256 * 1024;

/// Where the configuration comes from.
#[derive(Debug)]
pub(in super::super) struct Place {
    /// Its main file.
    pub(in super::super) file: PathBuf,
    /// The machine it is for.
    pub(in super::super) host: System,
    /// Used instead of what the configuration says of the queue.
    pub(in super::super) beanstalk: Option<Vec<ServerAddress>>,
}

impl Place {
    pub(super) fn root(&self) -> bool {
        self.host.privilege() == Privilege::Root
    }
}

/// What was read.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Seen {
    /// The files as they were read last, valid or not.
    pub(super) files: Arc<Vec<SourceFile>>,
    /// The configuration that is applied.
    pub(in super::super) config: Option<Arc<Config>>,
    /// What it means with what is on the disk.
    pub(in super::super) wanted: Arc<Wanted>,
    disk: Arc<Disk>,
    people: Arc<People>,
}

/// What the disk answered.
#[derive(Debug, Default)]
struct Disk {
    /// What was found of each application, and at which path.
    found: BTreeMap<ApplicationName, (PathBuf, Found)>,
    env_files: BTreeMap<(PathBuf, u32), Result<Arc<EnvFile>, Arc<str>>>,
}

/// What the directory of users answered.
#[derive(Debug, Default)]
struct People {
    me: Option<User>,
    users: BTreeMap<String, Option<User>>,
    groups: BTreeMap<String, Option<Group>>,
}

/// Why a configuration cannot be applied.
#[derive(Debug, thiserror::Error)]
pub enum Invalid {
    /// A file cannot be read.
    #[error(transparent)]
    Unreadable(#[from] ReadError),
    /// What the files say cannot be used.
    #[error(transparent)]
    Unusable(#[from] config::Problems),
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(in super::super) enum Unread {
    /// It is not valid.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// It may be valid.
    #[error(transparent)]
    Silent(#[from] Silent),
}

/// The users of processes, with all their groups, or why those are not known.
pub(in super::super) type Identified = Vec<(Arc<Account>, io::Result<Identity>)>;

/// What can be applied.
#[derive(Debug)]
pub(in super::super) struct Next {
    /// What is then seen.
    pub(in super::super) seen: Seen,
    /// What may not be meant about it.
    pub(in super::super) warnings: Vec<String>,
    /// What did not answer, and is taken to be as it was.
    pub(in super::super) silent: Vec<Silent>,
    /// As whom its processes run.
    pub(in super::super) users: Identified,
}

/// One reading.
pub(super) struct Pass<'a> {
    pub(super) place: &'a Place,
    pub(super) looking: &'a Looking,
    /// What was read before.
    pub(super) before: &'a Seen,
}

impl Pass<'_> {
    /// The configuration's files as they are now.
    pub(super) fn files(&self) -> Result<Arc<Vec<SourceFile>>, Unread> {
        let (main, root) = (&self.place.file, self.place.root());
        let read = |path: PathBuf| {
            self.looking.at_path(&path)?;
            Ok::<_, Unread>(sources::read_one(path, root).map_err(Invalid::from)?)
        };
        let mut files = vec![read(main.clone())?];
        let directory = sources::directory(main);
        self.looking.at_path(&directory)?;
        for path in sources::added(&directory).map_err(Invalid::from)? {
            files.push(read(path)?);
        }
        Ok(files.into())
    }

    /// What these files say, and what that means now.
    pub(super) fn configuration(&self, files: Arc<Vec<SourceFile>>) -> Result<Next, Unread> {
        let asked = Asked { of: self, people: RefCell::default(), silent: RefCell::default() };
        let loaded = config::load(&files, &asked);
        if let Some(silent) = asked.silent.into_inner() {
            // What is said of a user who is not known is not true then.
            return Err(silent.into());
        }
        let loaded = loaded.map_err(Invalid::from)?;
        let mut config = loaded.config;
        if let Some(beanstalk) = &self.place.beanstalk {
            config.beanstalk.clone_from(beanstalk);
        }
        let people = Arc::new(asked.people.into_inner());
        let seen = Seen { files, config: Some(config.into()), people, ..self.before.clone() };
        let warnings = loaded.warnings.iter().map(ToString::to_string).collect();
        Ok(Next { warnings, ..self.expand(seen) })
    }

    /// What the configuration that is applied means now.
    pub(super) fn deployed(&self) -> Next {
        self.expand(self.before.clone())
    }

    /// As whom processes run; none while that is not to be asked.
    pub(super) fn users<'a>(&self, accounts: impl Iterator<Item = &'a Arc<Account>>) -> Identified {
        if !self.place.root() {
            return Vec::new();
        }
        // Each once, however many processes run as it.
        let accounts: HashSet<&Arc<Account>> = accounts.collect();
        let answers = |account: &&Arc<Account>| self.looking.at(At::Groups(account.user.to_string())).is_ok();
        let known = accounts.into_iter().filter(answers);
        known
            .map(|account| (account.clone(), Identity::of(&account.user, account.uid, account.gid)))
            .collect()
    }

    fn expand(&self, seen: Seen) -> Next {
        let mut disk = Reader {
            root: self.place.root(),
            looking: self.looking,
            before: &self.before.disk,
            now: Disk::default(),
            silent: Vec::new(),
        };
        let wanted = seen.config.as_deref().map(|config| disk.expand(config)).unwrap_or_default();
        let users = self.users(wanted.values().map(|spec| &spec.daemon.process.account));
        let Reader { now, silent, .. } = disk;
        let seen = Seen { wanted: wanted.into(), disk: now.into(), ..seen };
        Next { seen, warnings: Vec::new(), silent, users }
    }
}

/// What `config` means with what is on the disk now, for a program that may wait. `root`: whether
/// this process is root's.
pub fn wanted(config: &Config, root: bool) -> Wanted {
    let (looking, before) = (&Looking::patient(), &Disk::default());
    Reader { root, looking, before, now: Disk::default(), silent: Vec::new() }.expand(config)
}

/// Reads what lies on the disk for a configuration: each `env_file` once.
struct Reader<'a> {
    root: bool,
    looking: &'a Looking,
    before: &'a Disk,
    now: Disk,
    silent: Vec<Silent>,
}

impl Reader<'_> {
    fn expand(&mut self, config: &Config) -> Wanted {
        for (name, application) in &config.applications {
            let found = look(application, self.root, self.looking).unwrap_or_else(|silent| {
                let before = self.before.found.get(name).filter(|(path, _)| *path == application.path);
                let unknown = || {
                    let why: Arc<str> = silent.to_string().into();
                    Found { path: Err(why.clone()), version: Err(why) }
                };
                let found = before.map_or_else(unknown, |(_, found)| found.clone());
                self.silent.push(silent);
                found
            });
            self.now.found.insert(name.clone(), (application.path.clone(), found));
        }
        let found = self.now.found.iter().map(|(name, (_, found))| (name.clone(), found.clone()));
        plan::expand(config, &found.collect(), self)
    }

    fn env_file(&mut self, path: &Path, account: &Account) -> Result<Arc<EnvFile>, Arc<str>> {
        if let Err(silent) = self.looking.at_path(path) {
            let before = self.before.env_files.get(&(path.to_owned(), account.uid)).cloned();
            let file = before.unwrap_or_else(|| Err(silent.to_string().into()));
            self.silent.push(silent);
            return file;
        }
        let reader = For::Environment { uid: account.uid, gid: account.gid };
        let text = read_text(path, MAX_ENV_FILE, reader, self.root).map_err(|error| error.to_string())?;
        let variables = env_file::parse(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        let pairs = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        Ok(Arc::new(pairs.collect::<EnvFile>()))
    }
}

impl EnvFiles for Reader<'_> {
    fn read(&mut self, path: &Path, account: &Account) -> Result<Arc<EnvFile>, Arc<str>> {
        let key = (path.to_owned(), account.uid);
        if let Some(read) = self.now.env_files.get(&key) {
            return read.clone();
        }
        let read = self.env_file(path, account);
        self.now.env_files.insert(key, read.clone());
        read
    }
}

/// The machine, asked for everybody once.
struct Asked<'a> {
    of: &'a Pass<'a>,
    people: RefCell<People>,
    /// What kept somebody from being known.
    silent: RefCell<Option<Silent>>,
}

impl Asked<'_> {
    /// What is known already, else what `ask` says, or said before if that is not to be asked.
    fn of_name<T: Clone>(
        &self,
        name: &str,
        known: impl Fn(&mut People) -> &mut BTreeMap<String, Option<T>>,
        before: &BTreeMap<String, Option<T>>,
        ask: impl FnOnce() -> Option<T>,
    ) -> Option<T> {
        if let Some(known) = known(&mut self.people.borrow_mut()).get(name) {
            return known.clone();
        }
        let answer = match self.of.looking.at(At::User(name.to_owned())) {
            Ok(()) => ask(),
            Err(silent) => before.get(name).cloned().unwrap_or_else(|| {
                self.silent.replace(Some(silent));
                None
            }),
        };
        known(&mut self.people.borrow_mut()).insert(name.to_owned(), answer.clone());
        answer
    }
}

/// For a configuration that is not used.
fn nobody() -> User {
    let group = Group { name: "".into(), gid: u32::MAX };
    User { name: "".into(), uid: u32::MAX, group, home: PathBuf::new(), shell: PathBuf::new() }
}

impl Host for Asked<'_> {
    fn privilege(&self) -> Privilege {
        self.of.place.host.privilege()
    }

    fn me(&self) -> User {
        if let Some(me) = &self.people.borrow().me {
            return me.clone();
        }
        let me = match self.of.looking.at(At::User("who runs this".to_owned())) {
            Ok(()) => self.of.place.host.me(),
            Err(silent) => self.of.before.people.me.clone().unwrap_or_else(|| {
                self.silent.replace(Some(silent));
                nobody()
            }),
        };
        self.people.borrow_mut().me.insert(me).clone()
    }

    fn user(&self, name: &str) -> Option<User> {
        let before = &self.of.before.people.users;
        self.of_name(name, |people| &mut people.users, before, || self.of.place.host.user(name))
    }

    fn group(&self, name: &str) -> Option<Group> {
        let before = &self.of.before.people.groups;
        self.of_name(name, |people| &mut people.groups, before, || self.of.place.host.group(name))
    }

    fn program_dir(&self) -> PathBuf {
        self.of.place.host.program_dir()
    }

    fn exists(&self, path: &Path) -> bool {
        // For a warning: none of what does not answer.
        self.of.looking.at_path(path).is_err() || self.of.place.host.exists(path)
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::watch;

    use super::*;

    fn pass(silent: Vec<At>, before: &Seen) -> Result<Next, String> {
        let place = Place { file: "/daemons.yml".into(), host: System::dev(), beanstalk: None };
        let looking = Looking::new(watch::channel(None).0, silent);
        let text = "applications: {a: {path: /srv/a, version: {file: /srv/v}, daemons: {s: {command: [x]}}}}";
        let files = Arc::new(vec![SourceFile::new("/daemons.yml", text)]);
        let pass = Pass { place: &place, looking: &looking, before };
        pass.configuration(files).map_err(|unread| unread.to_string())
    }

    #[test]
    fn a_directory_of_users_that_does_not_answer_is_taken_at_its_last_word() {
        let silent = || vec![At::User("x".into())];
        let error = pass(silent(), &Seen::default()).unwrap_err();
        assert_eq!(error, "the directory of users, asked about x, does not answer");
        let before = pass(Vec::new(), &Seen::default()).unwrap().seen;
        let next = pass(silent(), &before).unwrap();
        assert_eq!(next.seen.config, before.config);
    }

    #[test]
    fn an_application_that_does_not_answer_waits_if_it_never_did_and_says_for_what() {
        let next = pass(vec![At::Path("/srv/a".into())], &Seen::default()).unwrap();
        assert_eq!(next.silent, [Silent(At::Path("/srv/a".into()))]);
        let spec = next.seen.wanted.values().next().unwrap();
        assert_eq!(spec.blocked.as_deref(), Some("/srv/a does not answer"));
    }
}
