//! All releases of an application.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::drain::{Draining, Stage, Why};
use super::kept::{Blueprint, Kept};
use super::news::Outcome;
use super::{Look, WorkerState, WorkerStatus};
use crate::lifecycle::Time;
use crate::names::Version;
use crate::plan::Wanted;

/// An application that is to run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Application {
    /// The release that serves, and whose are the scheduler and the other daemons.
    pub(super) current: Kept,
    /// Its pool is still coming up: older ones serve at full strength.
    pub(super) settling: bool,
    /// The one that is to be current once its canary is ready.
    pub(super) candidate: Option<Candidate>,
    /// Older ones, the latest last.
    pub(super) draining: Vec<Draining>,
    /// The one that retired last, to go back to.
    pub(super) previous: Option<Kept>,
    /// The version that is deployed, and that an operator rolled back from.
    pub(super) pin: Option<Version>,
    /// The version that is deployed.
    pub(super) seen: Option<Version>,
}

/// A release that is not current yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Candidate {
    pub(super) kept: Kept,
    /// Its canary, and the workers it has from an earlier time.
    pub(super) numbers: BTreeSet<u32>,
    /// Why its canary did not become ready.
    pub(super) refused: Option<String>,
}

/// Which part a release plays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// It serves.
    Current,
    /// It serves, and its pool is still coming up.
    Settling,
    /// Its canary is on its way.
    Canary,
    /// Its canary is not ready, and this is why.
    Refused(String),
    /// It is older, and its workers still take jobs from its tube.
    Draining,
    /// Its last worker goes, or its jobs are moved.
    Leaving,
}

/// Why a release cannot be gone back to.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// There is none.
    #[error("there is no earlier release to go back to")]
    NoEarlier,
    /// It cannot be started.
    #[error("release {version} cannot be started again: {why}")]
    Gone {
        /// The earlier release.
        version: Version,
        /// Why it cannot.
        why: String,
    },
}

impl Application {
    /// An application, with the release that was found.
    pub fn new(blueprint: Blueprint) -> Self {
        let current = Kept::new(blueprint);
        Self {
            seen: current.version.clone(),
            current,
            settling: false,
            candidate: None,
            draining: Vec::new(),
            previous: None,
            pin: None,
        }
    }

    /// Adds all that is to run of it.
    pub fn add_to(&self, wanted: &mut Wanted) {
        self.current.add_to(wanted, true, |number| self.current.has(number));
        if let Some(candidate) = &self.candidate {
            candidate.kept.add_to(wanted, false, |number| candidate.numbers.contains(&number));
        }
        for one in self.draining.iter().filter(|one| !one.numbers.is_empty()) {
            one.kept.add_to(wanted, false, |number| one.numbers.contains(&number));
        }
    }

    /// Whether what becomes of its workers, or of its tubes, may change anything.
    pub fn is_in_flux(&self) -> bool {
        self.settling || self.candidate.is_some() || !self.draining.is_empty()
    }

    /// Every release of which something runs or is to, and its part: the current first.
    pub fn releases(&self) -> impl Iterator<Item = (&Kept, Role)> {
        let role = if self.settling { Role::Settling } else { Role::Current };
        let candidate = self.candidate.iter().map(|candidate| {
            let role = candidate.refused.clone().map_or(Role::Canary, Role::Refused);
            (&candidate.kept, role)
        });
        let draining = self.draining.iter().rev().map(|one| {
            let role = match one.stage {
                Stage::Serving | Stage::Shrinking => Role::Draining,
                Stage::Leaving(_) | Stage::Moving | Stage::Stranded => Role::Leaving,
            };
            (&one.kept, role)
        });
        std::iter::once((&self.current, role)).chain(candidate).chain(draining)
    }

    /// The version that is deployed and kept away, because an operator rolled back from it.
    pub fn pin(&self) -> Option<&Version> {
        self.pin.as_ref()
    }

    /// Since when an older release drains.
    pub fn drains_since(&self, version: &Version) -> Option<Time> {
        self.draining.iter().find(|one| one.kept.version.as_ref() == Some(version)).map(|one| one.since)
    }

    /// Every release that is remembered, for what is written down apart: its blueprint.
    pub fn all(&self) -> impl Iterator<Item = &Kept> {
        let others = self.candidate.iter().map(|one| &one.kept);
        let older = self.draining.iter().map(|one| &one.kept);
        std::iter::once(&self.current).chain(others).chain(older).chain(&self.previous)
    }

    /// The same, to be put back.
    pub fn all_mut(&mut self) -> impl Iterator<Item = &mut Kept> {
        let others = self.candidate.iter_mut().map(|one| &mut one.kept);
        let older = self.draining.iter_mut().map(|one| &mut one.kept);
        std::iter::once(&mut self.current).chain(others).chain(older).chain(&mut self.previous)
    }

    /// Whether `drain_timeout` of an older release has passed.
    pub fn is_late(&self, version: &Version) -> bool {
        let one = self.draining.iter().find(|one| one.kept.version.as_ref() == Some(version));
        one.is_some_and(|one| {
            matches!(one.stage, Stage::Leaving(Why::Late) | Stage::Moving | Stage::Stranded)
        })
    }

    /// Whether a release has no workers by its configuration.
    pub fn is_without_workers(&self, version: &Version) -> bool {
        self.all()
            .filter(|kept| kept.version.as_ref() == Some(version))
            .all(|kept| kept.worker_name().is_none())
    }

    /// When [`step`](Self::step) has something to do, if nothing happens before.
    pub fn deadline(&self) -> Option<Time> {
        self.draining.iter().filter_map(|one| self.deadline_of(one)).min()
    }

    /// When an older release waits no longer. One that is deployed, and that an operator went back
    /// from, goes on getting jobs: it waits for as long as that is so.
    pub(super) fn deadline_of(&self, one: &Draining) -> Option<Time> {
        one.deadline().filter(|_| self.pin.is_none() || self.pin != one.kept.version)
    }

    /// The folder of a release has gone, and `why` says so; or it is there again. What is deployed
    /// is looked for by its own path, and is no matter of this. Returns whether that
    /// changes anything.
    pub fn folder(&mut self, version: &Version, why: Option<&str>) -> bool {
        if self.seen.as_ref() == Some(version) {
            return false;
        }
        let mut changed = false;
        for kept in self.all_mut().filter(|kept| kept.version.as_ref() == Some(version)) {
            changed |= kept.gone.as_deref() != why;
            kept.gone = why.map(Into::into);
        }
        changed
    }

    /// The tube of a release was looked at; `workers` are its workers. Returns whether that changes
    /// anything.
    pub fn look(
        &mut self,
        version: &Version,
        look: Look,
        workers: &[WorkerStatus],
        now: Time,
        out: &mut Vec<Outcome>,
    ) -> bool {
        if self.current.version.as_ref() == Some(version) {
            self.current.look_at_pool(&look, workers, now, out);
        }
        if let Some(one) = self.draining.iter_mut().find(|one| one.kept.version.as_ref() == Some(version)) {
            return one.look(look, workers.len(), now);
        }
        for kept in self.all_mut().filter(|kept| kept.version.as_ref() == Some(version)) {
            kept.look = Some(look.clone());
        }
        false
    }

    /// A worker of the current release has a job. Returns whether nothing was expected of its pool.
    pub fn wake(&mut self) -> bool {
        self.current.pool.as_mut().is_some_and(super::Pool::wake)
    }

    /// The release that serves.
    pub fn current(&self) -> &Kept {
        &self.current
    }

    /// Whether the release that is deployed is current and its pool is up; or why it is not and
    /// will not be without somebody's doing. `None`: that is still open.
    pub fn outcome(&self) -> Option<Result<(), String>> {
        match &self.candidate {
            Some(Candidate { refused: Some(why), .. }) => Some(Err(why.clone())),
            Some(_) => None,
            None => (!self.settling).then_some(Ok(())),
        }
    }
}

impl WorkerStatus {
    /// Whether nothing more comes of it by itself soon.
    pub(super) fn is_settled(&self) -> bool {
        self.state != WorkerState::Coming
    }
}
