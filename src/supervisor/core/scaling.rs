//! Pools that grow and shrink with their load, within what the host has for all workers.
//!
//! ```text
//!     a look at a tube ─► the pool wants to be of another size ─┐
//!     a deploy, a reload, the memory they hold ─────────────────┼─► share_out ─► conform (apply.rs)
//!     a worker is idle, or gone, where that was waited for ─────┘
//! ```
//!
//! Only what the pools have is shared out again; and only workers that nobody has asked to stop, and
//! those that are still on their way out, count as being there. So there are never more than
//! `max_workers`, but for those that run in any case.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::slab::Slot;
use super::{Context, Core};
use crate::config::{Budget, Kind};
use crate::lifecycle::{Run, State};
use crate::names::ApplicationName;
use crate::releases::{Application, Claim, Limits, Room, share};

/// The longest pause between two looks while something may come of them.
const OFTEN: Duration = Duration::from_secs(2);

/// The shortest one, however short a `target_wait` is.
const QUICKLY: Duration = Duration::from_millis(200);

/// The pause while all pools are as small as may be, and have nothing to do.
const RARELY: Duration = Duration::from_secs(10);

/// How often a pool is looked at within its `target_wait`.
const LOOKS: u32 = 5;

/// What the workers of an application hold.
#[derive(Default)]
struct Held {
    ready: Vec<u64>,
    others: Vec<u64>,
    /// Executors that are forked count for what they are forked from.
    preloader: u64,
}

impl Held {
    /// Of one worker more.
    fn each(&self) -> u64 {
        let count = self.ready.len() as u64;
        let own = self.ready.iter().copied().fold(0, u64::saturating_add) / count.max(1);
        own.saturating_add(self.preloader / (count + 1))
    }

    /// Of all, those that are still booting by what they will hold.
    fn all(&self) -> u64 {
        let others = self.others.iter().map(|bytes| (*bytes).max(self.each()));
        others.chain(self.ready.iter().copied()).fold(self.preloader, u64::saturating_add)
    }
}

/// What the workers hold, as it was measured last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Weight {
    /// Bytes of all; of one that starts at least what others of its kind hold.
    all: u64,
    /// Bytes of one that is ready, on average.
    each: BTreeMap<ApplicationName, u64>,
}

impl Core {
    /// How long to wait between two looks at [`tubes`](Self::tubes).
    pub fn look_every(&self) -> Duration {
        let pools =
            || self.pools().filter_map(|(_, one)| Some((one.current().scale()?, one.current().pool()?)));
        if !self.deployments.in_flux() && pools().all(|(_, pool)| pool.is_resting()) {
            return RARELY;
        }
        let targets = pools().map(|(scale, _)| scale.target / LOOKS);
        targets.min().unwrap_or(OFTEN).clamp(QUICKLY, OFTEN)
    }

    /// Whether it matters how much memory workers hold.
    pub fn weighs(&self) -> bool {
        self.deployments.budget.memory.is_some() && !self.deployments.pools.is_empty()
    }

    fn pools(&self) -> impl Iterator<Item = (&ApplicationName, &Application)> {
        let applications = &self.deployments.applications;
        self.deployments.pools.iter().filter_map(|name| applications.get_key_value(name))
    }

    /// How many workers more there may be now.
    pub(super) fn room(&self) -> u32 {
        let Some(most) = self.deployments.budget.workers else { return u32::MAX };
        let there: usize = self.fleet.groups_of_workers().map(|group| group.members.len()).sum();
        most.saturating_sub(u32::try_from(there).unwrap_or(u32::MAX))
    }

    /// What is there for all pools together: what others do not have by right.
    fn for_pools(&self) -> u32 {
        let Some(most) = self.deployments.budget.workers else { return u32::MAX };
        let scales = |name: &ApplicationName| self.deployments.pools.contains(name);
        let others =
            self.fleet.groups_of_workers().filter(|group| group.name.1.is_some() || !scales(&group.name.0));
        let others: usize = others.map(|group| group.tally.wanted).sum();
        most.saturating_sub(u32::try_from(others).unwrap_or(u32::MAX))
    }

    /// Has each pool become as large as it wants, as far as there is room for all.
    pub(super) fn share_out(&mut self, cx: &mut Context<'_>) {
        let names: Vec<ApplicationName> = self.deployments.pools.iter().cloned().collect();
        let claims: Vec<Claim> = self.pools().filter_map(|(_, one)| one.claim()).collect();
        if claims.len() != names.len() {
            return;
        }
        let shares = share(&claims, self.for_pools());
        let (mut room, mut memory) = (self.room(), self.memory_left());
        let limits = self.limits();
        let mut unsettled = false;
        for (name, share) in names.into_iter().zip(shares) {
            let Some(mut one) = self.deployments.applications.remove(&name) else { continue };
            let each = self.deployments.weight.each.get(&name).copied().unwrap_or_default().max(1);
            let in_memory = u32::try_from(memory / each).unwrap_or(u32::MAX);
            let workers = self.workers_of(&name, None, one.current());
            let before = size(&one);
            let mut outcomes = Vec::new();
            unsettled |=
                one.resize(Room { share, workers: room, in_memory }, limits, &workers, cx.now, &mut outcomes);
            let after = size(&one);
            self.deployments.applications.insert(name.clone(), one);
            for outcome in outcomes {
                self.come_about(&name, outcome, cx);
            }
            if after != before {
                let more = after.saturating_sub(before);
                room = room.saturating_sub(more);
                memory = memory.saturating_sub(u64::from(more) * each);
                self.deployments.want_others(&name);
            }
        }
        self.deployments.unsettled = unsettled;
    }

    fn limits(&self) -> Limits {
        let Budget { workers, memory } = self.deployments.budget;
        Limits { workers, memory: memory.map(|most| (most, self.deployments.weight.all)) }
    }

    fn memory_left(&self) -> u64 {
        let most = self.deployments.budget.memory;
        most.map_or(u64::MAX, |most| most.saturating_sub(self.deployments.weight.all))
    }

    /// The memory of processes was measured.
    pub(super) fn weighed(&mut self, memory: &BTreeMap<Run, u64>, cx: &mut Context<'_>) {
        let Some(most) = self.deployments.budget.memory else { return };
        self.deployments.weight = self.weigh(memory);
        self.deployments.uneven = true;
        if self.deployments.weight.all <= most {
            return;
        }
        let spare = |one: &Application| one.claim().map(|claim| size(one).saturating_sub(claim.floor));
        let largest = self.pools().max_by_key(|(_, one)| spare(one)).map(|(name, _)| name.clone());
        let Some((name, mut one)) =
            largest.and_then(|name| self.deployments.applications.remove_entry(&name))
        else {
            return;
        };
        let workers = self.workers_of(&name, None, one.current());
        one.give_up_one(&workers, cx.now);
        self.deployments.applications.insert(name, one);
    }

    fn weigh(&self, memory: &BTreeMap<Run, u64>) -> Weight {
        let mut kinds: BTreeMap<&ApplicationName, Held> = BTreeMap::new();
        for (_, one) in self.fleet.instances.iter() {
            let Some(bytes) = one.life.run().and_then(|run| memory.get(&run)) else { continue };
            let held = kinds.entry(&one.spec.id.application).or_default();
            match one.spec.daemon.kind {
                Kind::Worker(_) if one.life.state() == State::Ready => held.ready.push(*bytes),
                Kind::Worker(_) => held.others.push(*bytes),
                Kind::Preloader => held.preloader += bytes,
                Kind::Scheduler(_) | Kind::Other => {}
            }
        }
        let mut weight = Weight::default();
        for (name, held) in kinds {
            weight.all = weight.all.saturating_add(held.all());
            weight.each.insert(name.clone(), held.each());
        }
        weight
    }

    /// A worker has a job: whoever rested is looked at more often.
    pub(super) fn wake_pool(&mut self, slot: Slot) {
        let application = &self.fleet.instances[slot].spec.id.application;
        if self.deployments.pools.contains(application)
            && let Some(one) = self.deployments.applications.get_mut(application)
            && one.wake()
        {
            self.deployments.changed();
        }
    }
}

fn size(one: &Application) -> u32 {
    one.current().pool().map_or(0, crate::releases::Pool::size)
}
