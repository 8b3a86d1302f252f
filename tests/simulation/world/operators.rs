//! What operators do, and what files and disks do under them.

use abaqis_daemons::names::ApplicationName;
use abaqis_daemons::plan::{ChangeAction, Wanted};
use abaqis_daemons::supervisor::core::Event;

use super::World;
use crate::operator;

impl World {
    pub(super) fn operate(&mut self) {
        if self.random.below(20) == 0 {
            return self.release();
        }
        match self.random.below(10) {
            0 | 1 => {
                self.settings.edit(&mut self.random);
                self.apply();
            }
            2 if !self.requests.is_empty() => {
                let request = *self.random.pick(&self.requests);
                self.checks.cancelled(request);
                self.handle(Event::Cancel { request });
            }
            3 => self.handle(Event::Tick),
            _ => {
                let command = operator::command(&mut self.random);
                let request = self.request();
                self.handle(Event::Command { request, command });
            }
        }
    }

    /// An operator, or a disk, has something to do with releases.
    fn release(&mut self) {
        let application: ApplicationName = self.random.pick(&["abaqis", "rqi", "web"]).parse().unwrap();
        let wait = self.random.percent(80);
        match self.random.below(3) {
            0 => {
                let request = self.request();
                let wanted = self.settings.wanted();
                self.handle(Event::Deploy { application, wanted, request, wait });
            }
            1 => {
                let request = self.request();
                self.handle(Event::RollBack { application, request, wait });
            }
            _ => {
                let version = self.random.below(4).to_string().parse().unwrap();
                let why = self.random.percent(30).then(|| "the folder has gone".to_owned());
                self.handle(Event::Folder { application, version, why });
            }
        }
    }

    /// Nobody waits for a folder any longer, nor does a release that was gone back to.
    pub(super) fn put_folders_back(&mut self) {
        let gone = self.core.releases().flat_map(|(name, one)| {
            let gone = one.all().filter(|kept| kept.gone.is_some());
            gone.filter_map(move |kept| Some((name.clone(), kept.version.clone()?)))
        });
        for (application, version) in gone.collect::<Vec<_>>() {
            self.handle(Event::Folder { application, version, why: None });
        }
    }

    pub(super) fn apply(&mut self) {
        let wanted: Wanted = self.settings.wanted();
        let request = self.random.percent(70).then(|| self.request());
        let plan = self.core.plan(&wanted);
        self.handle(Event::Apply { wanted: wanted.clone(), budget: self.settings.budget(), request });
        let again = self.core.plan(&wanted);
        // What follows from how a canary does is no part of a plan.
        let flux: Vec<ApplicationName> =
            self.core.releases().filter(|(_, one)| one.is_in_flux()).map(|(name, _)| name.clone()).collect();
        for change in plan.changes.iter().filter(|change| !flux.contains(&change.instance.application)) {
            let kept = !again.changes.iter().any(|other| {
                other.instance == change.instance
                    && other.action != change.action
                    && other.action != ChangeAction::Untouched
            });
            assert!(kept, "{change:?} became another change by being made");
        }
    }
}
