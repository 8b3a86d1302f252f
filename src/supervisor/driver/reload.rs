//! The configuration: read, applied, and read again when its files change.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::PATIENCE;
use super::clock;
use super::env_file;
use super::publish::told_by_the_supervisor;
use super::releases::{find, interests};
use super::requests::invalid;
use super::turn::{Driver, warn_unwatched};
use super::upgrade::Left;
use crate::config::{self, Account, Config, Host, Privilege, SourceFile};
use crate::control::server::{CallId, Replies};
use crate::lifecycle::Time;
use crate::names::{ApplicationName, Selector, ServerAddress};
use crate::plan::{self, EnvFile, EnvFiles, Wanted};
use crate::process::host::System;
use crate::supervisor::core::{Event, RequestId};
use crate::supervisor::files::{For, ReadError, read_text};
use crate::supervisor::sources;
use crate::watch::{Interest, Watcher};

/// The most bytes of an `env_file`.
const MAX_ENV_FILE: u64 = 256 * 1024;

/// Where the configuration comes from, and what was read of it last.
pub(super) struct Configuration {
    file: PathBuf,
    host: System,
    /// Used instead of what the configuration says of the queue.
    beanstalk: Option<Vec<ServerAddress>>,
    /// The files as they were read last, valid or not.
    seen: Vec<SourceFile>,
    /// What of it is applied.
    applied: Option<Next>,
}

/// A configuration that can be applied.
pub(super) struct Next {
    /// As it is written.
    config: Config,
    /// What it means here and now.
    pub(super) wanted: Wanted,
    /// What may not be meant about it.
    warnings: Vec<String>,
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

impl Configuration {
    /// That of `file`, of which nothing is read yet.
    pub(super) fn new(file: PathBuf, host: System, beanstalk: Option<Vec<ServerAddress>>) -> Self {
        Self { file, host, beanstalk, seen: Vec::new(), applied: None }
    }

    fn root(&self) -> bool {
        self.host.privilege() == Privilege::Root
    }

    /// Reads the files as they are now, and what is on the disk of the applications.
    pub(super) fn read(&self) -> Result<Next, Invalid> {
        self.make(&sources::read(&self.file, self.root())?)
    }

    fn make(&self, files: &[SourceFile]) -> Result<Next, Invalid> {
        let loaded = config::load(files, &self.host)?;
        let mut config = loaded.config;
        if let Some(beanstalk) = &self.beanstalk {
            config.beanstalk.clone_from(beanstalk);
        }
        let wanted = self.expand(&config);
        let warnings = loaded.warnings.iter().map(ToString::to_string).collect();
        Ok(Next { config, wanted, warnings })
    }

    fn expand(&self, config: &Config) -> Wanted {
        wanted(config, self.root())
    }

    /// What to watch, to learn that what is applied is not what [`read`](Self::read) would give.
    fn interests(&self) -> Vec<Interest> {
        let mut all =
            vec![Interest::Whole(self.file.clone()), Interest::Entries(sources::directory(&self.file))];
        for application in self.applied.iter().flat_map(|applied| applied.config.applications.values()) {
            all.extend(interests(application));
        }
        all
    }

    /// Whether edits are to be applied without being asked to.
    pub(super) fn watches(&self) -> bool {
        self.applied.as_ref().is_none_or(|applied| applied.config.watch)
    }
}

/// What `config` means with what is on the disk now. `root`: whether this process is root's.
pub fn wanted(config: &Config, root: bool) -> Wanted {
    let found = config.applications.iter().map(|(name, application)| (name.clone(), find(application, root)));
    plan::expand(config, &found.collect(), &mut Reader { root, read: BTreeMap::new() })
}

/// Reads each `env_file` once.
struct Reader {
    root: bool,
    read: BTreeMap<(PathBuf, u32), Result<Arc<EnvFile>, Arc<str>>>,
}

impl EnvFiles for Reader {
    fn read(&mut self, path: &Path, account: &Account) -> Result<Arc<EnvFile>, Arc<str>> {
        let root = self.root;
        let read = || {
            let reader = For::Environment { uid: account.uid, gid: account.gid };
            let text = read_text(path, MAX_ENV_FILE, reader, root).map_err(|error| error.to_string())?;
            let variables = env_file::parse(&text).map_err(|error| format!("{}: {error}", path.display()))?;
            let pairs = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
            Ok::<_, String>(Arc::new(pairs.collect::<EnvFile>()))
        };
        let known = self.read.entry((path.to_owned(), account.uid));
        known.or_insert_with(|| read().map_err(Into::into)).clone()
    }
}

impl Driver {
    /// Reads the configuration for the first time and applies it.
    pub(super) fn begin(&mut self, watcher: &mut Option<Watcher>) -> Result<(), Invalid> {
        self.rewatch(watcher);
        let files = sources::read(&self.configuration.file, self.configuration.root())?;
        let next = self.configuration.make(&files)?;
        self.configuration.seen = files;
        self.apply_and_watch(next, None, watcher);
        Ok(())
    }

    /// Takes up what another program of this process has left, and applies the configuration
    /// as it is now; one that is not valid changes nothing.
    pub(super) fn go_on_after_upgrade(&mut self, left: Left, watcher: &mut Option<Watcher>) {
        let known = self.core.status(&Selector::All);
        let known: Wanted =
            known.map(|known| (known.spec.id.clone(), Arc::new(known.spec.clone()))).collect();
        self.spawner.know(&known);
        self.take_up(left);
        if let Err(invalid) = self.begin(watcher) {
            self.refused(&invalid.to_string());
        }
    }

    /// Reads the configuration again and applies it, for `client` if there is one.
    pub(super) fn reload(&mut self, client: Option<(CallId, Replies)>, watcher: &mut Option<Watcher>) {
        let read = sources::read(&self.configuration.file, self.configuration.root());
        self.take(read, client, watcher);
    }

    /// Applies what was read of the configuration's files, or says why that cannot be.
    fn take(
        &mut self,
        read: Result<Vec<SourceFile>, ReadError>,
        client: Option<(CallId, Replies)>,
        watcher: &mut Option<Watcher>,
    ) {
        self.reloading();
        let next = match read {
            Ok(files) => {
                let next = self.configuration.make(&files);
                self.configuration.seen = files;
                next
            }
            Err(error) => Err(error.into()),
        };
        match next {
            Ok(next) => self.apply_and_watch(next, client, watcher),
            Err(problem) => {
                let problem = problem.to_string();
                self.refused(&problem);
                if let Some((_, replies)) = client {
                    let _ = replies.send(invalid(&problem));
                }
            }
        }
    }

    /// A watched file may have changed: applies what is other than before.
    pub(super) fn files_changed(&mut self, watcher: &mut Option<Watcher>) {
        self.look_at_folders();
        let configuration = &mut self.configuration;
        let files = match sources::read(&configuration.file, configuration.root()) {
            Ok(files) => files,
            // An editor may be about to put another in its place.
            Err(error) if error.is_missing() => return,
            Err(error) => return self.refused(&error.to_string()),
        };
        if files != configuration.seen {
            if !configuration.watches() {
                return;
            }
            tracing::info!("{} has changed", configuration.file.display());
            return self.take(Ok(files), None, watcher);
        }
        self.look_at_what_is_deployed();
    }

    /// Applies what is deployed now, if that is other than before.
    fn look_at_what_is_deployed(&mut self) {
        let configuration = &self.configuration;
        let Some(applied) = &configuration.applied else { return };
        let wanted = configuration.expand(&applied.config);
        if applied.config.watch && wanted != applied.wanted {
            tracing::info!("what is deployed has changed");
            // With the configuration that is in use, even if what its file holds by now is not valid.
            let next = Next { config: applied.config.clone(), wanted, warnings: Vec::new() };
            self.reloading();
            self.apply(next, None);
        }
    }

    /// Looks for what is deployed, and has it of one application, whatever was said before.
    pub(super) fn deploy(&mut self, application: ApplicationName, request: RequestId, wait: bool) {
        let configuration = &mut self.configuration;
        let wanted = configuration.applied.as_ref().map(|applied| configuration.expand(&applied.config));
        let wanted = wanted.unwrap_or_default();
        if let Some(applied) = &mut configuration.applied {
            applied.wanted.clone_from(&wanted);
        }
        self.spawner.know(&wanted);
        self.decide(Event::Deploy { application, wanted, request, wait });
    }

    /// Applies it, and watches what it names.
    fn apply_and_watch(
        &mut self,
        next: Next,
        client: Option<(CallId, Replies)>,
        watcher: &mut Option<Watcher>,
    ) {
        // To watch a folder waits for another thread, so what is new is started before.
        self.apply(next, client);
        self.rewatch(watcher);
        // Once more: what changed before it was watched is seen now.
        self.look_at_what_is_deployed();
    }

    fn apply(&mut self, next: Next, client: Option<(CallId, Replies)>) {
        for warning in &next.warnings {
            tracing::warn!("{warning}");
        }
        let request = match client {
            Some((call, replies)) => self.answers.open(call, replies, true),
            None => self.answers.begin(),
        };
        let (wanted, budget) = (next.wanted.clone(), next.config.budget);
        self.spawner.know(&wanted);
        self.spawner.warn_unlimited(&wanted);
        self.configuration.applied = Some(next);
        self.decide(Event::Apply { wanted, budget, request: Some(request) });
    }

    /// Nothing has changed, because the files cannot be used.
    fn refused(&mut self, problem: &str) {
        tracing::error!("the configuration is not applied, nothing changes:\n{problem}");
        let first = problem.lines().next().unwrap_or_default();
        self.publisher.publish(told_by_the_supervisor(format!("the configuration is not applied: {first}")));
    }

    fn reloading(&mut self) {
        if self.told_ready {
            self.told_ready = false;
            let now = clock::now();
            self.systemd.reloading(now.since(Time::default()));
            self.deadlines.patience(Some(now + PATIENCE));
        }
    }

    /// Watches what matters now, the folders of older releases among it.
    pub(super) fn rewatch(&self, watcher: &mut Option<Watcher>) {
        if let Some(watcher) = watcher {
            let mut interests = self.configuration.interests();
            let releases = self.core.releases().flat_map(|(_, one)| one.all());
            let older = releases.filter_map(|kept| Some(Interest::Path(kept.release()?.path.clone())));
            interests.extend(older);
            warn_unwatched(&watcher.watch(interests));
        }
    }
}
