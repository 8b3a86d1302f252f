//! What is configured and deployed, as far as other checks need to know it.

use crate::control::status::{Part, ReleaseStatus};
use crate::names::{ApplicationName, Tube, Version};

/// One application of the configuration.
#[derive(Debug, Clone)]
pub(super) struct Application {
    /// Its name.
    pub(super) name: ApplicationName,
    /// The version on the disk, or why there is none.
    pub(super) version: Result<Version, String>,
    /// The tube of that version.
    pub(super) tube: Option<Tube>,
    /// What stands before and behind the version in its tubes' names, where that is all
    /// that differs between them.
    pub(super) tubes: Option<(String, String)>,
    /// Its older releases, as far as the supervisor tells of them.
    pub(super) older: Vec<Older>,
}

/// A release that is not current, and of which something runs or should.
#[derive(Debug, Clone)]
pub(super) struct Older {
    /// Its version.
    pub(super) version: Version,
    /// Its tube.
    pub(super) tube: Tube,
    /// Why it is not as it should be.
    pub(super) trouble: Option<String>,
}

/// The applications as they are served: an operator may have gone back from what is on the disk.
pub(super) fn served(applications: &[Application], releases: &[ReleaseStatus]) -> Vec<Application> {
    let mut served = applications.to_vec();
    for release in releases {
        let Some(one) = served.iter_mut().find(|one| one.name == release.application) else { continue };
        let (Some(version), Some(tube)) = (&release.version, &release.tube) else { continue };
        if release.part != Part::Current {
            let (version, tube, trouble) = (version.clone(), tube.clone(), release.reason.clone());
            one.older.push(Older { version, tube, trouble });
        } else if release.pinned_against.is_some() {
            (one.version, one.tube) = (Ok(version.clone()), Some(tube.clone()));
        }
    }
    served
}

impl Application {
    /// The version that a tube of this application is for, going by its name.
    pub(super) fn version_of<'t>(&self, tube: &'t Tube) -> Option<&'t str> {
        let (before, behind) = self.tubes.as_ref()?;
        let version = tube.as_str().strip_prefix(before.as_str())?.strip_suffix(behind.as_str())?;
        // `abaqis-` also begins the tubes of `abaqis-web`: a version begins with a digit, or
        // is the abbreviated name of a commit.
        let number = version.strip_prefix('v').unwrap_or(version);
        let likely = number.starts_with(|c: char| c.is_ascii_digit())
            || version.len() >= 7 && version.bytes().all(|byte| byte.is_ascii_hexdigit());
        likely.then_some(version)
    }
}

/// The application that `tube` belongs to, be it the current one's or that of another
/// version. Of several that fit the one with the longest name.
pub(super) fn owner<'a>(tube: &Tube, applications: &'a [Application]) -> Option<&'a Application> {
    let current = applications.iter().find(|application| application.tube.as_ref() == Some(tube));
    current.or_else(|| {
        let fit = applications.iter().filter(|application| application.version_of(tube).is_some());
        fit.max_by_key(|application| application.name.as_str().len())
    })
}
