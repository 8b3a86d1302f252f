//! All the core knows, as data: it goes on in another program image.
//!
//! Only what was decided is written down. What can be counted from it (how groups stand, which
//! deadline is next) is counted again. What instances share is written once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::deployments::Deployments;
use super::fleet::{Fleet, Group, GroupName, Instance, group_name};
use super::order::Obstacle;
use super::requests::{Ask, Requests};
use super::roll::Roll;
use super::slab::{GroupSlot, Slab, Slot};
use super::words::Words;
use super::{Core, Mode, Settings};
use crate::config::Daemon;
use crate::lifecycle::{Life, Run, State, Time};
use crate::names::InstanceId;
use crate::plan::{EnvFile, InstanceSpec, Release};
use crate::releases::Application;

/// The form that this code writes and reads.
const VERSION: u32 = 1;

/// More processes than any supervisor starts in its life.
const ABSURD: Run = Run(1 << 48);

/// All the core knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    version: u32,
    mode: Mode,
    last_run: Run,
    words: Words,
    requests: Requests,
    turns: Vec<Slot>,
    shared: Shared,
    groups: Vec<SavedGroup>,
    instances: Vec<SavedInstance>,
    #[serde(default)]
    deployments: Deployments,
    /// What could run of each release, in the order in which `deployments` has them.
    #[serde(default)]
    blueprints: Vec<Vec<SavedSpec>>,
}

/// Why a snapshot cannot be gone on with.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RestoreError {
    /// Another version of the supervisor wrote it, in a form this one does not know.
    #[error("the state is of form {0}, this supervisor knows form {VERSION}")]
    Version(u32),
    /// It contradicts itself.
    #[error("the state contradicts itself: {0}")]
    Contradiction(&'static str),
}

/// What instances share, by its place here.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Shared {
    daemons: Vec<Arc<Daemon>>,
    releases: Vec<Arc<Release>>,
    env_files: Vec<Arc<EnvFile>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct SavedSpec {
    id: InstanceId,
    daemon: usize,
    release: usize,
    env_file: Option<usize>,
    blocked: Option<Arc<str>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct SavedInstance {
    slot: Slot,
    group: GroupSlot,
    spec: SavedSpec,
    outdated: Option<SavedSpec>,
    life: Life,
    since: Time,
    shown: Option<State>,
    armed: Option<Time>,
    asks: Vec<Ask>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct SavedGroup {
    slot: GroupSlot,
    name: GroupName,
    roll: Roll,
}

/// Finds the place of what was written already, by its address.
#[derive(Default)]
struct Writer {
    shared: Shared,
    places: BTreeMap<usize, usize>,
}

impl Writer {
    fn spec(&mut self, spec: &InstanceSpec) -> SavedSpec {
        let places = &mut self.places;
        SavedSpec {
            id: spec.id.clone(),
            daemon: place(places, &mut self.shared.daemons, &spec.daemon),
            release: place(places, &mut self.shared.releases, &spec.release),
            env_file: spec.env_file.as_ref().map(|file| place(places, &mut self.shared.env_files, file)),
            blocked: spec.blocked.clone(),
        }
    }
}

fn place<T>(places: &mut BTreeMap<usize, usize>, all: &mut Vec<Arc<T>>, item: &Arc<T>) -> usize {
    // Alive as long as the writer is, so no other thing can have this address.
    *places.entry(Arc::as_ptr(item).addr()).or_insert_with(|| {
        all.push(item.clone());
        all.len() - 1
    })
}

impl Shared {
    fn spec(&self, saved: SavedSpec) -> Result<Arc<InstanceSpec>, RestoreError> {
        let missing = RestoreError::Contradiction("an instance refers to what is not there");
        let env_file = match saved.env_file {
            None => None,
            Some(place) => Some(self.env_files.get(place).ok_or_else(|| missing.clone())?.clone()),
        };
        Ok(Arc::new(InstanceSpec {
            id: saved.id,
            daemon: self.daemons.get(saved.daemon).ok_or_else(|| missing.clone())?.clone(),
            release: self.releases.get(saved.release).ok_or(missing)?.clone(),
            env_file,
            blocked: saved.blocked,
        }))
    }
}

impl Core {
    /// All it knows, between two events.
    pub fn snapshot(&self) -> Snapshot {
        let mut writer = Writer::default();
        let instances = self.fleet.instances.iter().map(|(slot, instance)| SavedInstance {
            slot,
            group: instance.group,
            spec: writer.spec(&instance.spec),
            outdated: instance.outdated.as_ref().map(|spec| writer.spec(spec)),
            life: instance.life.clone(),
            since: instance.since,
            shown: instance.shown,
            armed: instance.armed,
            asks: instance.asks.clone(),
        });
        let instances = instances.collect();
        let groups = self.fleet.groups.iter().map(|(slot, group)| SavedGroup {
            slot,
            name: group.name.clone(),
            roll: group.roll.clone(),
        });
        let releases = self.deployments.applications.values().flat_map(Application::all);
        let blueprints =
            releases.map(|kept| kept.blueprint.iter().map(|spec| writer.spec(spec)).collect()).collect();
        Snapshot {
            version: VERSION,
            mode: self.mode,
            last_run: self.last_run,
            words: self.words.clone(),
            requests: self.requests.clone(),
            turns: self.turns.in_order().collect(),
            groups: groups.collect(),
            instances,
            shared: writer.shared,
            deployments: self.deployments.clone(),
            blueprints,
        }
    }

    /// Goes on where a snapshot was taken. Requests that were open are still so: cancel those whose
    /// client is not there any more.
    pub fn restore(snapshot: Snapshot, settings: Settings) -> Result<Self, RestoreError> {
        if snapshot.version != VERSION {
            return Err(RestoreError::Version(snapshot.version));
        }
        let mut core = Self::new(settings);
        core.mode = snapshot.mode;
        core.last_run = snapshot.last_run;
        core.words = snapshot.words;
        core.requests = snapshot.requests;
        core.deployments = deployments(&snapshot.shared, snapshot.deployments, snapshot.blueprints)?;
        core.fleet = fleet(&snapshot.shared, snapshot.groups, snapshot.instances)?;
        let last = core.fleet.by_run.keys().next_back();
        if last.is_some_and(|last| *last > core.last_run) || core.last_run > ABSURD {
            return Err(RestoreError::Contradiction("a process is of a run that never was"));
        }
        let slots = core.fleet.instances.keys();
        if core.mode == Mode::Finished && !slots.is_empty() {
            return Err(RestoreError::Contradiction("it has finished, and something is left"));
        }
        for &slot in &slots {
            core.timers.put_back(slot, core.fleet.instances[slot].armed);
            let instance = &core.fleet.instances[slot];
            core.summary.0[instance.life.state() as usize] += 1;
            core.booting += instance.standing().booting;
        }
        for slot in snapshot.turns {
            if core.fleet.instances.get(slot).is_some() {
                core.turns.push(slot);
            }
        }
        for slot in slots {
            let instance = &core.fleet.instances[slot];
            let waits = instance.life.state() == State::Waiting;
            if waits && matches!(core.obstacle(slot), Some(Obstacle::After(_))) {
                core.fleet.groups[instance.group].waiting.insert(slot);
            }
        }
        Ok(core)
    }
}

fn deployments(
    shared: &Shared,
    mut deployments: Deployments,
    blueprints: Vec<Vec<SavedSpec>>,
) -> Result<Deployments, RestoreError> {
    let mut blueprints = blueprints.into_iter();
    for kept in deployments.applications.values_mut().flat_map(Application::all_mut) {
        let missing = RestoreError::Contradiction("a release has no blueprint");
        let blueprint = blueprints.next().ok_or(missing)?;
        kept.blueprint = blueprint.into_iter().map(|saved| shared.spec(saved)).collect::<Result<_, _>>()?;
    }
    deployments.count();
    Ok(deployments)
}

fn fleet(
    shared: &Shared,
    groups: Vec<SavedGroup>,
    instances: Vec<SavedInstance>,
) -> Result<Fleet, RestoreError> {
    let twice = RestoreError::Contradiction("two have the same place");
    let members: BTreeSet<(GroupSlot, Slot)> =
        instances.iter().map(|saved| (saved.group, saved.slot)).collect();
    let groups = groups.into_iter().map(|mut saved| {
        saved.roll.keep(|slot| members.contains(&(saved.slot, slot)));
        (saved.slot, Group::new(saved.name, saved.roll))
    });
    let groups: Slab<GroupSlot, Group> = Slab::restore(groups).ok_or_else(|| twice.clone())?;
    let mut restored = Vec::with_capacity(instances.len());
    for saved in instances {
        let spec = shared.spec(saved.spec)?;
        let outdated = saved.outdated.map(|outdated| shared.spec(outdated)).transpose()?;
        if groups.get(saved.group).is_none_or(|group| group.name != group_name(&spec.id)) {
            return Err(RestoreError::Contradiction("an instance is not in its group"));
        }
        let instance = Instance {
            spec,
            outdated,
            life: saved.life,
            group: saved.group,
            since: saved.since,
            shown: saved.shown,
            armed: saved.armed,
            asks: saved.asks,
        };
        restored.push((saved.slot, instance));
    }
    let fleet = Fleet::restore(Slab::restore(restored).ok_or(twice)?, groups);
    if fleet.has_doubles() {
        return Err(RestoreError::Contradiction("two have the same name, or the same process"));
    }
    Ok(fleet)
}
