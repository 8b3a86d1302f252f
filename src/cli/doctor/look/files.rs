//! What the configuration says, and what is on the disk for it.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::room;
use crate::cli::check::{NoConfig, read};
use crate::cli::doctor::application::Application;
use crate::cli::doctor::disk::Room;
use crate::cli::doctor::files::{BadTimetable, Configuration, Reader, Relied, Step};
use crate::config::{self, Account, Config, Host, Kind, LogTarget, Privilege, Scheduler, Variable};
use crate::names::InstanceId;
use crate::plan::{Wanted, complete, tube};
use crate::process::host::System;
use crate::process::users::{Identity, own_uid};
use crate::schedule::timetable;
use crate::supervisor::driver::{find_release, wanted};
use crate::supervisor::files::{For, ReadError, read_bytes};
use crate::supervisor::sources;
use crate::watch::walk;

/// The configuration, or what is wrong with it; of one that the supervisor may not trust both.
pub(in crate::cli::doctor) struct Configured {
    /// What it says.
    pub(in crate::cli::doctor) config: Option<Config>,
    /// What is wrong.
    pub(in crate::cli::doctor) wrong: Option<Configuration>,
    /// Whether this process may see less than the supervisor does.
    pub(in crate::cli::doctor) blinkered: bool,
}

impl Configured {
    /// What is known of one that does not let itself be read.
    pub(in crate::cli::doctor) fn late() -> Self {
        let wrong = Some(Configuration::Unreadable("it cannot be read in time".to_owned()));
        Self { config: None, wrong, blinkered: false }
    }
}

/// Everything else.
#[derive(Default)]
pub(in crate::cli::doctor) struct Seen {
    /// What is configured and deployed.
    pub(in crate::cli::doctor) applications: Vec<Application>,
    /// What could not be started now, and why.
    pub(in crate::cli::doctor) blocked: Vec<(InstanceId, String)>,
    /// What somebody relies on.
    pub(in crate::cli::doctor) relied: Vec<Relied>,
    /// What is wrong with timetables.
    pub(in crate::cli::doctor) timetables: Vec<BadTimetable>,
    /// The disks that are written to.
    pub(in crate::cli::doctor) rooms: Vec<Room>,
}

/// Reads the configuration as its supervisor would.
pub(in crate::cli::doctor) fn configured(file: &Path) -> Configured {
    let host = System::serving(file);
    let blinkered = host.privilege() == Privilege::Root && own_uid() != 0;
    let (config, wrong) = match read(file, &host) {
        Ok(loaded) => (Some(loaded.config), None),
        Err(NoConfig::Unusable(problems)) => {
            let first = problems.0.first().map(ToString::to_string).unwrap_or_default();
            (None, Some(Configuration::Wrong(problems.0.len() as u64, without(&first, file))))
        }
        Err(NoConfig::Unreadable(error)) => {
            // What root may not obey it can still look at.
            let lenient = || config::load(&sources::read(file, false).ok()?, &host).ok();
            let config = matches!(error, ReadError::Untrusted { .. }).then(lenient).flatten();
            let why = without(&error.to_string(), file);
            (config.map(|loaded| loaded.config), Some(Configuration::Unreadable(why)))
        }
    };
    Configured { config, wrong, blinkered }
}

/// Looks at what `config`, that of `file`, needs. `blinkered`: unreadable means nothing.
pub(in crate::cli::doctor) fn look(file: &Path, config: &Config, blinkered: bool) -> Seen {
    let root = own_uid() == 0;
    let wanted = wanted(config, root);
    let mut seen = Seen {
        applications: applications(config, root),
        blocked: if blinkered { Vec::new() } else { blocked(&wanted) },
        relied: Vec::new(),
        timetables: timetables(config, root, blinkered),
        rooms: log_folders(&wanted),
    };
    if !root {
        seen.relied.push(relied(file, "the configuration".to_owned(), None));
    }
    for application in config.applications.values() {
        let worker = application.daemons.values().find(|daemon| matches!(daemon.kind, Kind::Worker(_)));
        let account = worker.or_else(|| application.daemons.values().next());
        let reader = account.and_then(|daemon| reader(&daemon.process.account));
        let what = format!("the code of {}", application.name);
        let relied = relied(&application.path, what, reader);
        seen.relied.push(Relied { application: Some(application.name.clone()), ..relied });
    }
    seen.relied.extend(env_files(&wanted));
    seen
}

fn applications(config: &Config, root: bool) -> Vec<Application> {
    let application = |application: &std::sync::Arc<config::Application>| {
        let found = find_release(application, root);
        // No version has this character in it.
        let marked = application.tube.render(|variable| match variable {
            Variable::App => Some(application.name.as_str().into()),
            Variable::Version => Some("\0".into()),
            Variable::Tube | Variable::Path | Variable::Instance => None,
        });
        let tubes = marked.ok().and_then(|name| {
            let (before, behind) = name.split_once('\0')?;
            Some((before.to_owned(), behind.to_owned()))
        });
        Application {
            name: application.name.clone(),
            tube: tube(application, &found).ok(),
            version: found.version.map_err(|why| why.to_string()),
            tubes,
            older: Vec::new(),
        }
    };
    config.applications.values().map(application).collect()
}

fn blocked(wanted: &Wanted) -> Vec<(InstanceId, String)> {
    let why = wanted.iter().filter_map(|(id, spec)| Some((id.clone(), spec.blocked.as_ref()?.to_string())));
    why.collect()
}

/// What is on the way to `path`; nothing, if it is not there.
fn relied(path: &Path, what: String, reader: Option<Reader>) -> Relied {
    let walk = walk(path);
    let there = walk.end.is_some();
    let step = |step: crate::watch::Step| {
        let found = step.found.as_ref().filter(|_| !step.is_link())?;
        Some(Step {
            path: step.directory.join(&step.name),
            uid: found.uid(),
            gid: found.gid(),
            mode: found.mode() & 0o7777,
            directory: found.is_dir(),
        })
    };
    let steps = walk.steps.into_iter().filter_map(step).filter(|_| there).collect();
    Relied { application: None, what, steps, reader }
}

fn reader(account: &Account) -> Option<Reader> {
    let identity = Identity::of(&account.user, account.uid, account.gid).ok()?;
    Some(Reader { name: account.user.to_string(), uid: account.uid, groups: identity.groups })
}

/// The environment files, each once.
fn env_files(wanted: &Wanted) -> Vec<Relied> {
    let mut told: BTreeSet<String> = BTreeSet::new();
    let mut files = Vec::new();
    for (id, spec) in wanted {
        let path = spec.daemon.process.env_file.as_ref().and_then(|path| complete(spec, path).ok());
        if let Some(path) = path.filter(|path| told.insert(path.clone())) {
            let what = format!("the environment of {}/{}", id.application, id.daemon);
            files.push(relied(Path::new(&path), what, None));
        }
    }
    files
}

fn timetables(config: &Config, root: bool, blinkered: bool) -> Vec<BadTimetable> {
    let mut bad = Vec::new();
    for application in config.applications.values() {
        // Where there is no application there is no timetable: that is told once.
        for daemon in application.daemons.values().filter(|_| application.path.is_dir()) {
            let Kind::Scheduler(Scheduler::Ayl { file }) = &daemon.kind else { continue };
            let path = application.path.join(file);
            let account = &daemon.process.account;
            let reader = For::Application { uid: account.uid, gid: account.gid };
            let why = match read_bytes(&path, config::yaml::MAX_BYTES as u64, reader, root) {
                Ok(text) => match timetable::load(&config::SourceFile::new(&path, text), jiff::tz::db()) {
                    Ok(_) => continue,
                    Err(problems) => {
                        let first = problems.0.first().map(ToString::to_string).unwrap_or_default();
                        Ok((problems.0.len() as u64, without(&first, &path)))
                    }
                },
                Err(_) if blinkered => continue,
                Err(error) => Err(without(&error.to_string(), &path)),
            };
            bad.push(BadTimetable { path, why });
        }
    }
    bad
}

/// A text that begins with the name of the file it is about, without that.
fn without(text: &str, path: &Path) -> String {
    let rest = text.strip_prefix(&path.display().to_string()).unwrap_or(text);
    rest.trim_start_matches([':', ' ']).to_owned()
}

/// The folders with log files, each once.
fn log_folders(wanted: &Wanted) -> Vec<Room> {
    let mut told: BTreeSet<PathBuf> = BTreeSet::new();
    let mut rooms = Vec::new();
    for (id, spec) in wanted {
        let LogTarget::File { path, .. } = &spec.daemon.process.log else { continue };
        let Ok(path) = complete(spec, path).map(PathBuf::from) else { continue };
        if let Some(folder) = path.parent().filter(|folder| told.insert((*folder).to_owned())) {
            let what = format!("the log of {}/{}", id.application, id.daemon);
            rooms.extend(room(folder, what));
        }
    }
    rooms
}
