//! What is deployed, and what operators want instead.

use std::collections::BTreeSet;

use super::application::{Application, Candidate, Refusal};
use super::drain::Draining;
use super::kept::{Blueprint, Kept, version};
use super::news::{Outcome, named};
use crate::lifecycle::Time;
use crate::names::Version;

impl Application {
    /// This is deployed and configured. The release that serves stays as it is while another waits
    /// for its canary: a deploy may have brought both the version and its settings.
    pub fn see(&mut self, blueprint: Blueprint, now: Time, out: &mut Vec<Outcome>) {
        let Some(seen) = version(&blueprint) else {
            // Nothing is known of it just now: what runs goes on.
            if self.current.version.is_some() {
                self.current.rebuild(self.current.with_settings_of(&blueprint, true));
            } else {
                self.current = Kept::new(blueprint);
            }
            return;
        };
        if self.pin.as_ref().is_some_and(|pin| *pin != seen) {
            self.pin = None;
        }
        self.seen = Some(seen.clone());
        for kept in self.all_mut().filter(|kept| kept.version.as_ref() != Some(&seen)) {
            kept.complete(&blueprint);
        }
        if self.pin.is_some() {
            if self.candidate.is_none() {
                self.current.rebuild(self.current.with_settings_of(&blueprint, false));
            }
        } else if self.current.version.is_none() || self.current.version.as_ref() == Some(&seen) {
            self.set_aside(now);
            self.current.version = Some(seen);
            self.current.rebuild(blueprint);
            self.current.gone = None;
        } else {
            self.propose(&seen, blueprint, now, out);
        }
    }

    /// Goes back to the release before the current one, until another is deployed.
    pub fn roll_back(&mut self, now: Time, out: &mut Vec<Outcome>) -> Result<(), Refusal> {
        if self.candidate.is_some() {
            // The one that serves is the earlier one.
            self.set_aside(now);
            self.pin = self.kept_away_for(self.current.version.as_ref());
            let text = format!("rolled back: {} stays current", named(self.current.version.as_ref()));
            out.push(Outcome::told(self.current.version.as_ref(), text));
            return Ok(());
        }
        let startable = |kept: &&Kept| kept.gone.is_none();
        let older = || self.draining.iter().rev().map(|one| &one.kept).chain(&self.previous);
        let Some(target) = older().find(startable) else {
            let gone =
                older().find_map(|kept| Some((kept.version.clone()?, kept.gone.as_ref()?.to_string())));
            return Err(gone.map_or(Refusal::NoEarlier, |(version, why)| Refusal::Gone { version, why }));
        };
        let (version, blueprint) = (target.version.clone(), target.blueprint.clone());
        let Some(version) = version else { return Err(Refusal::NoEarlier) };
        self.pin = self.kept_away_for(Some(&version));
        self.propose(&version, blueprint, now, out);
        Ok(())
    }

    /// The version to keep away when this one is to be current: the one that is deployed, if it is another.
    fn kept_away_for(&self, current: Option<&Version>) -> Option<Version> {
        self.seen.clone().filter(|deployed| Some(deployed) != current)
    }

    /// What is deployed is wanted again, whatever was said before, and is to be tried anew.
    pub fn deploy(&mut self) {
        self.pin = None;
        if let Some(candidate) = &mut self.candidate {
            candidate.refused = None;
        }
    }

    /// A release other than the current one is to become that.
    fn propose(&mut self, version: &Version, blueprint: Blueprint, now: Time, out: &mut Vec<Outcome>) {
        if let Some(candidate) =
            self.candidate.as_mut().filter(|one| one.kept.version.as_ref() == Some(version))
        {
            if candidate.kept.blueprint != blueprint {
                candidate.refused = None;
                candidate.kept.rebuild(blueprint);
            }
            return;
        }
        self.set_aside(now);
        self.current.unblock();
        let older = self.draining.iter().position(|one| one.kept.version.as_ref() == Some(version));
        let older = older.map(|place| self.draining.remove(place));
        let mut candidate = match older {
            Some(Draining { mut kept, numbers, .. }) => {
                kept.rebuild(blueprint);
                kept.gone = None;
                Candidate { kept, numbers, refused: None }
            }
            None => Candidate { kept: Kept::new(blueprint), numbers: BTreeSet::new(), refused: None },
        };
        if self.previous.as_ref().is_some_and(|kept| kept.version.as_ref() == Some(version)) {
            self.previous = None;
        }
        candidate.numbers.extend(candidate.kept.numbers().min());
        if let Some(release) = candidate.kept.release() {
            let tube = release.tube.as_ref().map_or_else(String::new, |tube| format!(", tube {tube}"));
            let text = format!(
                "release {version} in {}{tube}: its canary starts, {} goes on serving",
                release.path.display(),
                named(self.current.version.as_ref())
            );
            out.push(Outcome::told(Some(version), text));
        }
        self.candidate = Some(candidate);
    }

    /// The candidate is not to become current: whoever knew of it may have put jobs on its tube.
    fn set_aside(&mut self, now: Time) {
        if let Some(Candidate { kept, numbers, .. }) = self.candidate.take() {
            self.draining.push(Draining::new(kept, numbers, now));
        }
    }
}
