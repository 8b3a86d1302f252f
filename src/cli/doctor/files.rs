//! Files and folders: who could change what others run, and what cannot be read.

use std::path::{Path, PathBuf};

use super::finding::{Finding, first_line};
use crate::names::ApplicationName;

/// One entry on the way to a file, as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// Where it is.
    pub(super) path: PathBuf,
    /// Its owner.
    pub(super) uid: u32,
    /// Its group.
    pub(super) gid: u32,
    /// Its permissions, with the bits above them.
    pub(super) mode: u32,
    /// Whether it is a directory.
    pub(super) directory: bool,
}

/// A file or folder that somebody relies on.
#[derive(Debug)]
pub(super) struct Relied {
    /// The application it is the code of.
    pub(super) application: Option<ApplicationName>,
    /// `the configuration`, `the code of abaqis`.
    pub(super) what: String,
    /// Every entry on the way that is there, from the root on, symlinks left out.
    pub(super) steps: Vec<Step>,
    /// Who has to be able to enter it and read it.
    pub(super) reader: Option<Reader>,
}

/// A user.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    /// The name.
    pub(super) name: String,
    /// The number.
    pub(super) uid: u32,
    /// The numbers of its groups.
    pub(super) groups: Vec<u32>,
}

/// What is wrong with the configuration.
#[derive(Debug)]
pub(super) enum Configuration {
    /// There is none to be read, for this reason.
    Unreadable(String),
    /// It has errors: this many, of which this is the first.
    Wrong(u64, String),
}

/// A timetable that cannot be used.
#[derive(Debug)]
pub(super) struct BadTimetable {
    /// Where it is.
    pub(super) path: PathBuf,
    /// How many errors it has, and the first; or why it cannot be read.
    pub(super) why: Result<(u64, String), String>,
}

/// What is wrong with `file`.
pub(super) fn judge_configuration(file: &Path, wrong: &Configuration) -> Finding {
    let place = file.display().to_string();
    match wrong {
        Configuration::Unreadable(why) => Finding::new(
            "config",
            place,
            first_line(why),
            "put it there, for root to read and nobody else to change",
        ),
        Configuration::Wrong(errors, first) => {
            let what = errors_of(*errors, first);
            let mend = "abaqis-daemons check shows them; what runs goes on as it was configured before";
            Finding::new("config", place, what, mend)
        }
    }
}

/// `an error at 3:5: …`, `3 errors, the first at 3:5: …`
fn errors_of(errors: u64, first: &str) -> String {
    let which = if errors == 1 { "an error".to_owned() } else { format!("{errors} errors, the first") };
    format!("{which} at {}", first_line(first))
}

/// What is wrong with timetables.
pub(super) fn judge_timetables(timetables: &[BadTimetable]) -> Vec<Finding> {
    let finding = |timetable: &BadTimetable| {
        let place = timetable.path.display().to_string();
        let check = format!("ayl_scheduler check {}", shell_words::quote(&place));
        let what = match &timetable.why {
            Ok((errors, first)) => errors_of(*errors, first),
            Err(why) => first_line(why).to_owned(),
        };
        Finding::new("timetable", place.as_str(), what, check)
    };
    timetables.iter().map(finding).collect()
}

/// Who could change what is relied on, and who cannot read it. An application of `ready` can be
/// read, whatever its permissions look like: there are access lists.
pub(super) fn judge(relied: &[Relied], ready: &[ApplicationName]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for one in relied {
        let open = one.steps.iter().find(|step| is_open(step));
        if let Some(step) = open.filter(|step| !findings.iter().any(|told| told.place == shown(&step.path))) {
            let what = format!("every user of this host can change {}", one.what);
            let mend = format!("chmod o-w {}", shell_words::quote(&shown(&step.path)));
            findings.push(Finding::new("writable", shown(&step.path), what, mend));
        }
        let works = one.application.as_ref().is_some_and(|application| ready.contains(application));
        if let Some(reader) = one.reader.as_ref().filter(|_| !works)
            && let Some(step) = closed(&one.steps, reader)
        {
            let what = format!("user {} cannot {} {}", reader.name, verb(step, &one.steps), one.what);
            let mend = format!("give {} a right to it, or set another `user`", reader.name);
            findings.push(Finding::new("unreadable", shown(&step.path), what, mend));
        }
    }
    findings
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Whether everybody may change it. In a directory with the sticky bit everybody may add
/// entries, but not replace those of others.
fn is_open(step: &Step) -> bool {
    let sticky = step.directory && step.mode & 0o1000 != 0;
    step.mode & 0o002 != 0 && !sticky
}

/// The first step that `reader` may not take.
fn closed<'s>(steps: &'s [Step], reader: &Reader) -> Option<&'s Step> {
    let last = steps.len().checked_sub(1)?;
    steps.iter().enumerate().find_map(|(at, step)| {
        let wanted = match (at == last, step.directory) {
            (true, true) => 0o5,
            (true, false) => 0o4,
            (false, _) => 0o1,
        };
        (rights(step, reader) & wanted != wanted).then_some(step)
    })
}

fn rights(step: &Step, reader: &Reader) -> u32 {
    if reader.uid == 0 {
        0o7
    } else if step.uid == reader.uid {
        step.mode >> 6 & 0o7
    } else if reader.groups.contains(&step.gid) {
        step.mode >> 3 & 0o7
    } else {
        step.mode & 0o7
    }
}

fn verb(step: &Step, steps: &[Step]) -> &'static str {
    if steps.last() == Some(step) { "read" } else { "get to" }
}
