//! All instances, and the groups they form.
//!
//! A group is what one daemon of one release has of them. `after` holds between groups:
//!
//! ```text
//!     abaqis/worker ──after──► abaqis/preloader ──after──► abaqis/solr
//!       members 1 2 3 4          member 1                    member 1
//!                ◄──before──               ◄──before──
//! ```
//!
//! Each group counts how its members stand, so that whether a dependency is ready, or still has
//! dependants that stop, is a comparison and no walk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::requests::Ask;
use super::roll::Roll;
use super::slab::{GroupSlot, Slab, Slot};
use crate::config::Kind;
use crate::lifecycle::{Desired, Life, Rules, Run, State, Time};
use crate::names::{ApplicationName, DaemonName, InstanceId, Version};
use crate::plan::InstanceSpec;
use crate::releases::is_of_release;

/// One instance.
#[derive(Debug, Clone)]
pub(super) struct Instance {
    /// What it is to be.
    pub(super) spec: Arc<InstanceSpec>,
    /// What its process was started as, where that is another process than `spec`'s.
    pub(super) outdated: Option<Arc<InstanceSpec>>,
    pub(super) life: Life,
    pub(super) group: GroupSlot,
    /// When its state last changed.
    pub(super) since: Time,
    /// The state that was published last; `None`: nothing yet.
    pub(super) shown: Option<State>,
    /// The deadline it is filed under.
    pub(super) armed: Option<Time>,
    /// Who waits for it.
    pub(super) asks: Vec<Ask>,
}

impl Instance {
    /// What its process is, or without one is to be.
    pub(super) fn running(&self) -> &Arc<InstanceSpec> {
        self.outdated.as_ref().unwrap_or(&self.spec)
    }

    /// By what rules it is supervised.
    pub(super) fn rules(&self, seed: u64) -> Rules<'_> {
        rules(self.running(), seed)
    }

    /// How it counts in its group.
    pub(super) fn standing(&self) -> Standing {
        Standing::of(&self.life)
    }
}

/// By what rules an instance of `spec` is supervised.
pub(super) fn rules(spec: &InstanceSpec, seed: u64) -> Rules<'_> {
    Rules { policy: &spec.daemon.policy, watchdog: spec.daemon.process.watchdog, seed }
}

/// How members of a group stand: of one member each number is 0 or 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// Not on the way to be forgotten.
    pub(super) wanted: usize,
    /// Ready, or completed.
    pub(super) good: usize,
    /// To be up, and not good.
    pub(super) lagging: usize,
    /// Having a process that is stopping.
    pub(super) leaving: usize,
    /// Booting.
    pub(super) booting: usize,
}

impl Standing {
    fn of(life: &Life) -> Self {
        let good = matches!(life.state(), State::Ready | State::Completed);
        Self {
            wanted: usize::from(life.desired() != Desired::Gone),
            good: usize::from(good),
            lagging: usize::from(life.desired() == Desired::Up && !good),
            leaving: usize::from(!life.is_idle() && !life.is_live()),
            booting: usize::from(life.is_booting()),
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.wanted += other.wanted;
        self.good += other.good;
        self.lagging += other.lagging;
        self.leaving += other.leaving;
        self.booting += other.booting;
    }

    pub(super) fn subtract(&mut self, other: Self) {
        self.wanted -= other.wanted;
        self.good -= other.good;
        self.lagging -= other.lagging;
        self.leaving -= other.leaving;
        self.booting -= other.booting;
    }
}

/// The name of a group: it sorts as its members do.
pub(super) type GroupName = (ApplicationName, Option<Version>, DaemonName);

/// The name of the group that `id` is in.
pub(super) fn group_name(id: &InstanceId) -> GroupName {
    (id.application.clone(), id.release.clone(), id.daemon.clone())
}

/// The instances of one daemon of one release.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) name: GroupName,
    pub(super) members: BTreeSet<Slot>,
    /// How they stand together.
    pub(super) tally: Standing,
    /// The groups this one is `after`.
    pub(super) after: Vec<GroupSlot>,
    /// The groups that are `after` this one.
    pub(super) before: Vec<GroupSlot>,
    /// Members that wait for those it is `after`.
    pub(super) waiting: BTreeSet<Slot>,
    /// Members that are to stop once those `before` have.
    pub(super) held: BTreeSet<Slot>,
    /// Members that are replaced one after the other.
    pub(super) roll: Roll,
}

impl Group {
    /// A group without members.
    pub(super) fn new(name: GroupName, roll: Roll) -> Self {
        Self {
            name,
            members: BTreeSet::new(),
            tally: Standing::default(),
            after: Vec::new(),
            before: Vec::new(),
            waiting: BTreeSet::new(),
            held: BTreeSet::new(),
            roll,
        }
    }

    /// Whether those that are `after` it may start: all that are to be up are good, and at least
    /// one is. A daemon with a count of 0 is in nobody's way.
    pub(super) fn is_ready(&self) -> bool {
        self.tally.wanted == 0 || self.tally.lagging == 0 && self.tally.good > 0
    }
}

/// All instances.
#[derive(Debug, Clone, Default)]
pub(super) struct Fleet {
    pub(super) instances: Slab<Slot, Instance>,
    pub(super) by_id: BTreeMap<InstanceId, Slot>,
    pub(super) by_run: BTreeMap<Run, Slot>,
    pub(super) groups: Slab<GroupSlot, Group>,
    by_name: BTreeMap<GroupName, GroupSlot>,
}

impl Fleet {
    /// Adds an instance that was not there.
    pub(super) fn insert(&mut self, spec: Arc<InstanceSpec>, stopped: bool, now: Time) -> Slot {
        let id = spec.id.clone();
        let group = self.group_of(&id);
        let instance = Instance {
            spec,
            outdated: None,
            life: Life::new(stopped),
            group,
            since: now,
            shown: None,
            armed: None,
            asks: Vec::new(),
        };
        let standing = instance.standing();
        let slot = self.instances.insert(instance);
        let group = &mut self.groups[group];
        group.members.insert(slot);
        group.tally.add(standing);
        self.by_id.insert(id, slot);
        slot
    }

    /// The group that `id` is or would be in.
    pub(super) fn group_of(&mut self, id: &InstanceId) -> GroupSlot {
        let name = group_name(id);
        if let Some(group) = self.by_name.get(&name) {
            return *group;
        }
        let group = self.groups.insert(Group::new(name.clone(), Roll::default()));
        self.by_name.insert(name, group);
        group
    }

    /// Puts back the groups and the instances of a snapshot.
    pub(super) fn restore(instances: Slab<Slot, Instance>, groups: Slab<GroupSlot, Group>) -> Self {
        let mut fleet = Self { instances, groups, ..Self::default() };
        fleet.by_name = fleet.groups.iter().map(|(slot, group)| (group.name.clone(), slot)).collect();
        for (slot, instance) in fleet.instances.iter() {
            let group = &mut fleet.groups[instance.group];
            group.members.insert(slot);
            group.tally.add(instance.standing());
            if instance.life.is_held() {
                group.held.insert(slot);
            }
            fleet.by_id.insert(instance.spec.id.clone(), slot);
            if let Some(run) = instance.life.run() {
                fleet.by_run.insert(run, slot);
            }
        }
        fleet.link();
        fleet
    }

    /// Whether two instances or groups have one name, or two instances one process: no fleet ever has.
    pub(super) fn has_doubles(&self) -> bool {
        let (instances, groups) = (self.instances.iter(), self.groups.iter());
        let runs = instances.clone().filter(|(_, instance)| instance.life.run().is_some());
        self.by_run.len() != runs.count()
            || self.by_id.len() != instances.count()
            || self.by_name.len() != groups.count()
    }

    /// Removes an instance that has no process, and its group with the last of it.
    pub(super) fn remove(&mut self, slot: Slot) -> Option<Instance> {
        let instance = self.instances.remove(slot)?;
        self.by_id.remove(&instance.spec.id);
        let group = &mut self.groups[instance.group];
        group.tally.subtract(instance.standing());
        group.members.remove(&slot);
        group.waiting.remove(&slot);
        group.held.remove(&slot);
        Some(instance)
    }

    /// Removes a group without members.
    pub(super) fn remove_group(&mut self, slot: GroupSlot) {
        let Some(group) = self.groups.remove(slot) else { return };
        self.by_name.remove(&group.name);
        for other in group.after {
            self.groups[other].before.retain(|before| *before != slot);
        }
        for other in group.before {
            self.groups[other].after.retain(|after| *after != slot);
        }
    }

    /// Finds out anew which group is `after` which. Names of daemons that have no instance are
    /// passed over: nobody waits for a daemon with a count of 0.
    pub(super) fn link(&mut self) {
        let groups = self.groups.keys();
        for slot in &groups {
            self.groups[*slot].after.clear();
            self.groups[*slot].before.clear();
        }
        for slot in groups {
            let (application, release, _) = &self.groups[slot].name;
            let Some(policy) = self.policy_of(slot) else { continue };
            let find = |daemon: &DaemonName, release: Option<Version>| {
                self.by_name.get(&(application.clone(), release, daemon.clone())).copied()
            };
            // An older release has no scheduler and no others of its own: there are the current one's.
            let shared = |group: &GroupSlot| !self.is_of_release(*group);
            let own_or_shared =
                |daemon| find(daemon, release.clone()).or_else(|| find(daemon, None).filter(shared));
            let after: Vec<GroupSlot> =
                policy.after.iter().filter_map(own_or_shared).filter(|other| *other != slot).collect();
            for other in &after {
                self.groups[*other].before.push(slot);
            }
            self.groups[slot].after = after;
        }
    }

    /// The group of that name.
    pub(super) fn group(&self, name: &GroupName) -> Option<&Group> {
        self.by_name.get(name).map(|slot| &self.groups[*slot])
    }

    /// The groups whose members take jobs.
    pub(super) fn groups_of_workers(&self) -> impl Iterator<Item = &Group> {
        self.groups.iter().map(|(_, group)| group).filter(|group| {
            let first = group.members.first();
            first.is_some_and(|slot| matches!(self.instances[*slot].spec.daemon.kind, Kind::Worker(_)))
        })
    }

    /// Whether each release has its own of what is in a group.
    fn is_of_release(&self, group: GroupSlot) -> bool {
        let first = self.groups[group].members.first();
        first.is_some_and(|slot| is_of_release(&self.instances[*slot].spec.daemon.kind))
    }

    /// Renames the instances that each release has its own of: those of the current release get its version
    /// `from` into their names, and those of `to`, which takes its place, lose theirs. Returns all that were
    /// renamed.
    pub(super) fn rename(
        &mut self,
        application: &ApplicationName,
        from: &Version,
        to: &Version,
    ) -> Vec<Slot> {
        let groups = self.groups.keys().into_iter().filter(|group| self.is_of_release(*group));
        let theirs = groups.filter(|group| self.groups[*group].name.0 == *application);
        let mut renamed = Vec::new();
        for slot in theirs.collect::<Vec<_>>() {
            let release = match &self.groups[slot].name.1 {
                None => Some(from.clone()),
                Some(version) if version == to => None,
                Some(_) => continue,
            };
            self.groups[slot].name.1.clone_from(&release);
            for member in self.groups[slot].members.clone() {
                let instance = &mut self.instances[member];
                for spec in [Some(&mut instance.spec), instance.outdated.as_mut()].into_iter().flatten() {
                    Arc::make_mut(spec).id.release.clone_from(&release);
                }
                renamed.push(member);
            }
        }
        self.by_name = self.groups.iter().map(|(slot, group)| (group.name.clone(), slot)).collect();
        self.by_id = self.instances.iter().map(|(slot, instance)| (instance.spec.id.clone(), slot)).collect();
        renamed
    }

    /// The policy of a group: that of its members, and if they differ, of those that stay.
    fn policy_of(&self, group: GroupSlot) -> Option<&Arc<crate::config::Policy>> {
        let members = || self.groups[group].members.iter().map(|slot| &self.instances[*slot]);
        let stays = members().find(|instance| instance.life.desired() != Desired::Gone);
        stays.or_else(|| members().next()).map(|instance| &instance.spec.daemon.policy)
    }

    /// Whether no member of a group that is `after` this one has a process that is stopping.
    pub(super) fn may_stop(&self, group: GroupSlot) -> bool {
        self.groups[group].before.iter().all(|other| self.groups[*other].tally.leaving == 0)
    }
}
