//! From what is configured and what is on the disk to the processes that are to run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::render::complete;
use super::spec::{EnvFile, InstanceSpec, Release, Wanted};
use crate::config::{Account, Application, Config, Daemon, ServerAddress, Variable};
use crate::names::{ApplicationName, InstanceId, Tube, Version};

/// What was found of an application; the texts say why something was not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its path, symlinks resolved.
    pub path: Result<PathBuf, Arc<str>>,
    /// Its version.
    pub version: Result<Version, Arc<str>>,
}

/// Reads files whose paths come out of templates.
pub trait EnvFiles {
    /// The variables of the `env_file` at `path`, read for a process of `account`; or why it
    /// cannot be used.
    fn read(&mut self, path: &Path, account: &Account) -> Result<Arc<EnvFile>, Arc<str>>;
}

/// Everything that is to run. Of an application that was not looked for there is nothing.
pub fn expand(
    config: &Config,
    found: &BTreeMap<ApplicationName, Found>,
    env_files: &mut dyn EnvFiles,
) -> Wanted {
    let beanstalk: Arc<[ServerAddress]> = config.beanstalk.clone().into();
    let mut wanted = Vec::new();
    for (name, application) in &config.applications {
        let Some(found) = found.get(name) else { continue };
        let current = Current::of(application, found, &beanstalk);
        for daemon in application.daemons.values() {
            let blocked = current.blocks(daemon);
            for number in 1..=daemon.count {
                let id = InstanceId {
                    application: name.clone(),
                    release: None,
                    daemon: daemon.name.clone(),
                    number,
                };
                let spec = instance(id.clone(), daemon, &current.release, blocked.clone(), env_files);
                wanted.push((id, Arc::new(spec)));
            }
        }
    }
    // At once: a tree that grows at its end is half empty.
    wanted.into_iter().collect()
}

fn instance(
    id: InstanceId,
    daemon: &Arc<Daemon>,
    release: &Arc<Release>,
    blocked: Option<Arc<str>>,
    env_files: &mut dyn EnvFiles,
) -> InstanceSpec {
    let mut spec =
        InstanceSpec { id, daemon: daemon.clone(), release: release.clone(), env_file: None, blocked };
    if let (None, Some(template)) = (&spec.blocked, &daemon.process.env_file)
        && let Ok(path) = complete(&spec, template)
    {
        match env_files.read(Path::new(&path), &daemon.process.account) {
            Ok(file) => spec.env_file = Some(file),
            Err(why) => spec.blocked = Some(why),
        }
    }
    spec
}

/// The tube that the current release of an application uses, or why there is none.
pub fn tube(application: &Application, found: &Found) -> Result<Tube, Arc<str>> {
    let text = application.tube.render(|variable| match variable {
        Variable::App => Some(application.name.as_str().into()),
        Variable::Version => found.version.as_ref().ok().map(|version| version.as_str().into()),
        Variable::Tube | Variable::Path | Variable::Instance => None,
    });
    match (text, &found.version) {
        (Ok(text), _) => text.parse::<Tube>().map_err(|error| error.to_string().into()),
        (Err(_), Err(why)) => Err(why.clone()),
        (Err(unknown), Ok(_)) => Err(unknown.to_string().into()),
    }
}

/// The release an application has now, and what cannot be started of it.
struct Current {
    release: Arc<Release>,
    no_path: Option<Arc<str>>,
    no_version: Option<Arc<str>>,
    no_tube: Option<Arc<str>>,
}

impl Current {
    fn of(application: &Application, found: &Found, beanstalk: &Arc<[ServerAddress]>) -> Self {
        let version = found.version.as_ref().ok();
        let (tube, no_tube) = match tube(application, found) {
            Ok(tube) => (Some(tube), None),
            Err(why) => (None, Some(why)),
        };
        let release = Release {
            version: version.cloned(),
            path: found.path.as_ref().unwrap_or(&application.path).clone(),
            tube,
            beanstalk: beanstalk.clone(),
        };
        Self {
            release: Arc::new(release),
            no_path: found.path.as_ref().err().cloned(),
            no_version: found.version.as_ref().err().cloned(),
            no_tube,
        }
    }

    /// Why a daemon cannot be started now.
    fn blocks(&self, daemon: &Daemon) -> Option<Arc<str>> {
        let process = &daemon.process;
        let templates = || {
            let named = process.command.iter().chain(process.env.values());
            named.chain([&process.directory]).chain(&process.env_file)
        };
        let uses = |variable| templates().any(|template| template.uses(variable));
        let needs = daemon.kind.needs_version();
        let missing = [
            self.no_path.as_ref(),
            self.no_version.as_ref().filter(|_| needs || uses(Variable::Version)),
            self.no_tube.as_ref().filter(|_| needs || uses(Variable::Tube)),
        ];
        missing.into_iter().flatten().next().cloned()
    }
}

#[cfg(test)]
mod tests;
