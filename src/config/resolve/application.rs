//! One application with its daemons, and all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::after::{self, Level, Waits, waits_for};
use super::budget::budget;
use super::process::{Layers, NoProcess, Own, Shared, command, nearest, template};
use super::programs;
use crate::config::fault::{Fault, did_you_mean};
use crate::config::read::{ApplicationLayer, Files, Given, Layer, Reader, SchedulerLayer, WorkersLayer};
use crate::config::yaml::Place;
use crate::config::{
    Application, Config, Daemon, Drain, Kind, LogTarget, Ready, Runtime, Scale, Scheduler, ServerAddress,
    Signing, Template, Variable, VersionSource, Worker, defaults,
};
use crate::names::{ApplicationName, DaemonName};

/// What all files together say. With problems in `reader` it is incomplete.
pub(in crate::config) fn resolve(reader: &mut Reader<'_>, files: &Files) -> Config {
    reader.at("defaults", |reader| reader.at("after", |reader| default_after(reader, files)));
    let mut shared = Shared::new(reader.host);
    let mut logs = BTreeMap::new();
    let mut applications = BTreeMap::new();
    reader.at("applications", |reader| {
        for (name, layer) in &files.applications {
            reader.at(name.as_str(), |reader| {
                let mut one = Resolver { files, layer, shared: &mut shared, logs: &mut logs };
                if let Some(application) = one.application(reader) {
                    applications.insert(name.clone(), Arc::new(application));
                }
            });
        }
    });
    let budget = budget(reader, files, &applications);
    Config {
        budget,
        beanstalk: files.beanstalk.clone().unwrap_or_else(|| vec![ServerAddress::default()]),
        watch: files.watch.unwrap_or(true),
        applications,
    }
}

/// At `defaults` an application may lack what is named; that all of them do is a slip.
fn default_after(reader: &mut Reader<'_>, files: &Files) {
    let layers = || files.applications.values();
    let names = layers().flat_map(|layer| layer.daemons.iter().map(|(name, _)| name.as_str()));
    let mut names: BTreeSet<&str> = names.collect();
    let preloads = |workers: &WorkersLayer| workers.preload.is_some_and(|(preload, _)| preload);
    names.extend(layers().any(|layer| layer.workers.is_some()).then_some("worker"));
    names.extend(layers().any(|layer| layer.scheduler.is_some()).then_some("scheduler"));
    let preloader = layers().any(|layer| layer.workers.as_ref().is_some_and(|one| preloads(&one.value)));
    names.extend(preloader.then_some("preloader"));
    if files.applications.is_empty() {
        return;
    }
    for (name, place) in files.defaults.after.iter().flatten() {
        if !names.contains(name.as_str()) {
            let hint = did_you_mean(name.as_str(), names.iter().copied());
            reader.error(*place, Fault::NowhereDaemon { name: name.to_string(), hint });
        }
    }
}

/// What is known while an application is resolved.
struct Resolver<'r, 's> {
    files: &'r Files,
    layer: &'r ApplicationLayer,
    shared: &'r mut Shared<'s>,
    /// Log files, and the daemon that writes to each.
    logs: &'r mut BTreeMap<String, String>,
}

/// A daemon that is to be resolved.
struct Wanted<'l> {
    name: DaemonName,
    /// The key that makes it, as problems name it.
    key: Vec<&'l str>,
    place: Place,
    kind: Kind,
    count: u32,
    scale: Option<Scale>,
    command: Option<crate::config::Command>,
    layer: &'l Layer,
}

impl<'r> Resolver<'r, '_> {
    fn application(&mut self, reader: &mut Reader<'_>) -> Option<Application> {
        let layer = self.layer;
        let wanted = self.wanted(reader);
        let waits = self.waits(reader, &wanted);
        let drain = layer.workers.as_ref().map(|workers| workers.value.drain).unwrap_or_default();
        let drain = drain.or(layer.drain).or(self.files.drain);
        let drain = Drain {
            timeout: drain.timeout.unwrap_or(defaults::DRAIN.timeout),
            on_timeout: drain.on_timeout.unwrap_or(defaults::DRAIN.on_timeout),
        };
        let daemons = wanted.into_iter().filter_map(|w| self.daemon(reader, w, &waits, drain)).collect();
        let path = match &layer.path {
            Given::Is((path, place)) => {
                if !reader.host.exists(path) {
                    let path = path.display().to_string();
                    reader.at("path", |reader| reader.warn(*place, Fault::NotThere(path)));
                }
                path.clone()
            }
            Given::Absent => {
                reader.error(layer.place, Fault::Missing("path"));
                return None;
            }
            Given::Wrong => return None,
        };
        Some(Application {
            name: layer.name.clone(),
            path,
            version: layer.version.clone().unwrap_or(VersionSource::Found),
            tube: layer.tube.as_ref().map_or_else(|| template(defaults::TUBE), |(tube, _)| tube.clone()),
            daemons,
            drain,
        })
    }

    fn layers<'l>(&self, own: &'l Layer) -> Layers<'l>
    where
        'r: 'l,
    {
        [own, &self.layer.settings, &self.files.defaults]
    }

    fn wanted(&self, reader: &mut Reader<'_>) -> Vec<Wanted<'r>> {
        let layer = self.layer;
        let mut wanted = Vec::new();
        if let Some(workers) = &layer.workers {
            reader.at("workers", |reader| self.workers(reader, workers.place, &workers.value, &mut wanted));
        }
        if let Some(scheduler) = &layer.scheduler {
            let one =
                reader.at("scheduler", |reader| self.scheduler(reader, scheduler.place, &scheduler.value));
            wanted.extend(one);
        }
        for (name, daemon) in &layer.daemons {
            wanted.push(Wanted {
                name: name.clone(),
                key: vec!["daemons", name.as_str()],
                place: daemon.place,
                kind: Kind::Other,
                count: self.count(&daemon.value),
                scale: None,
                command: None,
                layer: &daemon.value,
            });
        }
        wanted
    }

    fn count(&self, own: &Layer) -> u32 {
        nearest(&self.layers(own), |l| l.count.map(|(count, _)| count)).unwrap_or(1)
    }

    fn workers(
        &self,
        reader: &mut Reader<'_>,
        place: Place,
        workers: &'r WorkersLayer,
        wanted: &mut Vec<Wanted<'r>>,
    ) {
        let (Some(worker), Some(preloader)) = (fixed("worker"), fixed("preloader")) else { return };
        let kind = self.worker(reader, place, workers);
        let own = kind == Worker::Own;
        let program_dir = reader.host.program_dir();
        if matches!(kind, Worker::Ayl { preload: true, .. }) {
            wanted.push(Wanted {
                name: preloader,
                key: vec!["workers"],
                place,
                kind: Kind::Preloader,
                count: 1,
                scale: None,
                command: Some(programs::preloader(&program_dir, &kind)),
                layer: &workers.settings,
            });
        }
        let scale = workers.min.zip(workers.max).map(|((min, _), (max, _))| Scale {
            min,
            max,
            target: workers.target_wait.map_or(defaults::TARGET_WAIT, |(target, _)| target),
        });
        wanted.push(Wanted {
            name: worker,
            key: vec!["workers"],
            place,
            command: (!own).then(|| programs::worker(&program_dir, &kind)),
            kind: Kind::Worker(kind),
            count: scale.map_or_else(|| self.count(&workers.settings), |scale| scale.max),
            scale,
            layer: &workers.settings,
        });
    }

    /// What a worker is: a command of the application's own, or `ayl_worker` with its settings.
    fn worker(&self, reader: &mut Reader<'_>, place: Place, workers: &WorkersLayer) -> Worker {
        let layers = self.layers(&workers.settings);
        let command = command(&layers);
        let runtime = workers.runtime.map_or(Runtime::Ruby, |(runtime, _)| runtime);
        let exec = runtime == Runtime::Exec;
        if !exec && !command.is_absent() {
            for (name, place) in workers.of_ayl_worker() {
                reader.at(name, |reader| reader.error(place, Fault::NotAyl));
            }
            return Worker::Own;
        }
        if let Some((true, place)) = workers.preload
            && runtime != Runtime::Ruby
        {
            reader.at("preload", |reader| reader.error(place, Fault::PreloadOther));
        }
        if exec && command.is_absent() {
            reader.error(place, Fault::NoCommand);
        }
        if let Some((_, place)) = &workers.require
            && exec
        {
            reader.at("require", |reader| reader.error(*place, Fault::RequireExec));
        }
        Worker::Ayl {
            runtime,
            job: match command {
                Given::Is(command) if exec => Some(Arc::clone(command)),
                _ => None,
            },
            require: workers.require.as_ref().map(|(value, _)| value.clone()),
            preload: workers.preload.is_some_and(|(preload, _)| preload),
            max_jobs: workers.max_jobs.map(|(value, _)| value),
            max_memory: workers.max_memory.map(|(value, _)| value),
            max_age: workers.max_age.map(|(value, _)| value),
            max_runtime: workers.max_runtime.map(|(value, _)| value),
            signing: workers.signing.map_or(Signing::Off, |(value, _)| value),
        }
    }

    fn scheduler(
        &self,
        reader: &mut Reader<'_>,
        place: Place,
        scheduler: &'r SchedulerLayer,
    ) -> Option<Wanted<'r>> {
        if let Some((count, place)) = scheduler.settings.count
            && count != 1
        {
            reader.at("count", |reader| reader.error(place, Fault::OneScheduler(count.to_string())));
        }
        let (kind, command) = match &scheduler.file {
            Given::Wrong => return None,
            Given::Is(file) => (
                Scheduler::Ayl { file: file.clone() },
                Some(programs::scheduler(&reader.host.program_dir(), file)),
            ),
            Given::Absent if command(&self.layers(&scheduler.settings)).is_absent() => {
                reader.error(place, Fault::NoTimetable);
                return None;
            }
            Given::Absent => (Scheduler::Own, None),
        };
        Some(Wanted {
            name: fixed("scheduler")?,
            key: vec!["scheduler"],
            place,
            kind: Kind::Scheduler(kind),
            count: 1,
            scale: None,
            command,
            layer: &scheduler.settings,
        })
    }

    /// What each daemon starts after; a circle is an error.
    fn waits(&self, reader: &mut Reader<'_>, wanted: &[Wanted<'_>]) -> Waits {
        let names: Vec<DaemonName> = wanted.iter().map(|w| w.name.clone()).collect();
        let preloader = wanted.iter().find(|w| w.kind == Kind::Preloader);
        let mut waits = Waits::new();
        for one in wanted {
            let found =
                self.layers(one.layer).into_iter().zip([Level::Daemon, Level::Application, Level::Defaults]);
            let found = found.into_iter().find_map(|(layer, level)| Some((layer.after.as_ref()?, level)));
            let mut after = match found {
                None => Vec::new(),
                Some((after, level)) => {
                    // The preloader has the workers' settings, and is not to wait for itself.
                    let level = if one.kind == Kind::Preloader { Level::Defaults } else { level };
                    let keys = if level == Level::Daemon { one.key.clone() } else { Vec::new() };
                    at_all(reader, &keys, |reader| {
                        reader.at("after", |reader| {
                            waits_for(reader, &self.layer.name, &one.name, &names, after, level)
                        })
                    })
                }
            };
            if let (Some(preloader), Kind::Worker(_)) = (preloader, &one.kind)
                && !after.iter().any(|(name, _)| *name == preloader.name)
            {
                after.push((preloader.name.clone(), preloader.place));
            }
            waits.insert(one.name.clone(), after);
        }
        if let Some((names, place)) = after::cycle(&waits) {
            reader.error(place, Fault::Cycle(names));
        }
        waits
    }

    fn daemon(
        &mut self,
        reader: &mut Reader<'_>,
        wanted: Wanted<'_>,
        waits: &Waits,
        drain: Drain,
    ) -> Option<(DaemonName, Arc<Daemon>)> {
        let layers = self.layers(wanted.layer);
        let ready = if wanted.command.is_some() { Ready::Notify } else { Ready::None };
        let mut after: Vec<DaemonName> =
            waits.get(&wanted.name).into_iter().flatten().map(|(name, _)| name.clone()).collect();
        after.sort();
        let preloader = wanted.kind == Kind::Preloader;
        let own = Own { command: wanted.command, ready, after, preloader };
        let process = match self.shared.process(&layers, &own) {
            Ok(process) => process,
            Err(NoProcess::Said) => return None,
            Err(NoProcess::Command) => {
                at_all(reader, &wanted.key, |reader| reader.error(wanted.place, Fault::NoCommand));
                return None;
            }
            Err(NoProcess::User) => {
                let fault = Fault::NoDefaultUser(defaults::USER.to_owned());
                at_all(reader, &wanted.key, |reader| reader.error(wanted.place, fault));
                return None;
            }
        };
        if let LogTarget::File { path, .. } = &process.log {
            let place = nearest(&layers, |l| l.log.as_ref().map(|(_, place)| *place)).unwrap_or(wanted.place);
            let fault = self.log(path, &wanted.name, wanted.count);
            if let Some(fault) = fault {
                at_all(reader, &wanted.key, |reader| reader.at("log", |reader| reader.error(place, fault)));
            }
        }
        let policy = self.shared.policy(&layers, own);
        let Wanted { name, kind, count, scale, .. } = wanted;
        Some((name.clone(), Arc::new(Daemon { name, kind, count, scale, process, policy, drain })))
    }

    /// What speaks against this log file.
    fn log(&mut self, path: &Template, daemon: &DaemonName, count: u32) -> Option<Fault> {
        if path.uses(Variable::Instance) {
            return None;
        }
        if count > 1 {
            return Some(Fault::SharedLog(count));
        }
        let application = &self.layer.name;
        let file = log_file(path, application);
        let first = self.logs.insert(file, format!("{application}/{daemon}"));
        first.map(Fault::LogOfOther)
    }
}

/// The file's name as far as it is known now.
fn log_file(path: &Template, application: &ApplicationName) -> String {
    let known = path.render(|variable| {
        Some(match variable {
            Variable::App => application.as_str().to_owned().into(),
            // Of one application; of two they are different or up to the operator.
            other => format!("{{{}:{application}}}", other.as_str()).into(),
        })
    });
    known.unwrap_or_default()
}

/// One of the names that are ours.
fn fixed(name: &str) -> Option<DaemonName> {
    name.parse().ok()
}

fn at_all<R>(reader: &mut Reader<'_>, keys: &[&str], what: impl FnOnce(&mut Reader<'_>) -> R) -> R {
    match keys.split_first() {
        None => what(reader),
        Some((first, rest)) => reader.at(first, |reader| at_all(reader, rest, what)),
    }
}
