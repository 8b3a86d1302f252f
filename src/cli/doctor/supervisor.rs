//! The supervisor and its instances: whether they run, and whether they run what they should.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;

use super::application::Application;
use super::finding::{Finding, count, first_line};
use crate::cli::human::age;
use crate::control::client::hint;
use crate::control::status::{InstanceStatus, ReleaseStatus, State};
use crate::names::{ApplicationName, InstanceId, ServerAddress, Version};

/// An instance that has been starting for this long, in seconds, is stuck. An application's boot
/// takes less, and a herd of them has its turn sooner.
const STUCK: i64 = 300;

/// What is known of the supervisor.
#[derive(Debug)]
pub(super) enum Supervisor {
    /// It answers.
    Runs(Running),
    /// Nobody listens at this socket.
    Away(PathBuf),
    /// It does not say what it should, for this reason.
    Ails(String),
    /// It does not talk to whoever asks.
    Refuses,
}

/// What a supervisor says, and what is seen of its processes.
#[derive(Debug)]
pub(super) struct Running {
    /// Its version.
    pub(super) version: String,
    /// Whether its program is no longer the one on the disk.
    pub(super) replaced: bool,
    /// Every instance, in order.
    pub(super) instances: Vec<InstanceStatus>,
    /// Those whose processes run in a folder that is gone.
    pub(super) adrift: Vec<InstanceId>,
    /// Every release of which something runs or should.
    pub(super) releases: Vec<ReleaseStatus>,
    /// The queue that its instances were told of, which in `dev` is not the configured one.
    pub(super) beanstalk: Option<Vec<ServerAddress>>,
}

impl Supervisor {
    /// Its instances, as far as it tells of them.
    pub(super) fn instances(&self) -> &[InstanceStatus] {
        match self {
            Self::Runs(running) => &running.instances,
            Self::Away(_) | Self::Ails(_) | Self::Refuses => &[],
        }
    }
}

/// What is wrong with the supervisor itself. `installed`: the version of this program.
pub(super) fn judge(supervisor: &Supervisor, installed: &str) -> Vec<Finding> {
    match supervisor {
        Supervisor::Away(socket) => {
            let what = format!("not running: nobody listens at {}", socket.display());
            vec![Finding::new("supervisor", "supervisor", what, hint(socket))]
        }
        Supervisor::Ails(why) => {
            let mend = "journalctl -u abaqis-daemons; systemctl restart abaqis-daemons";
            vec![Finding::new("supervisor", "supervisor", first_line(why), mend)]
        }
        Supervisor::Runs(running) if running.version != installed => {
            let what = format!("version {} runs, {installed} is installed", running.version);
            vec![Finding::new("supervisor-version", "supervisor", what, "abaqis-daemons upgrade")]
        }
        Supervisor::Runs(running) if running.replaced => {
            let what = "the program on the disk is not the one that runs";
            vec![Finding::new("supervisor-version", "supervisor", what, "abaqis-daemons upgrade")]
        }
        Supervisor::Runs(_) | Supervisor::Refuses => Vec::new(),
    }
}

/// What is wrong with the instances: a line for all those of a daemon that have the same
/// trouble.
pub(super) fn judge_instances(instances: &[InstanceStatus], now: Timestamp) -> Vec<Finding> {
    let mut daemons: BTreeMap<_, Vec<&InstanceStatus>> = BTreeMap::new();
    for instance in instances {
        let id = &instance.instance;
        daemons.entry((&id.application, &id.release, &id.daemon)).or_default().push(instance);
    }
    let mut findings = Vec::new();
    for all in daemons.values() {
        for state in [State::Failed, State::Backoff, State::Waiting, State::Starting] {
            let ill: Vec<&InstanceStatus> =
                all.iter().copied().filter(|one| one.state == state && is_ill(one, now)).collect();
            if let Some(first) = ill.first() {
                let (place, selector) = named(&first.instance, ill.len(), all.len());
                let mend = mend(state, &selector);
                findings.push(Finding::new(check(state), place, what(first, now), mend));
            }
        }
    }
    findings
}

fn is_ill(instance: &InstanceStatus, now: Timestamp) -> bool {
    match instance.state {
        State::Failed | State::Backoff | State::Waiting => true,
        State::Starting => now.as_second() - instance.since.as_second() >= STUCK,
        State::Ready | State::Running | State::Stopping | State::Stopped | State::Completed => false,
    }
}

/// How the trouble's place is shown, and what selects it: `abaqis/worker/2`; of several
/// `abaqis/worker (2 of 8)` and `abaqis/worker`.
fn named(first: &InstanceId, ill: usize, all: usize) -> (String, String) {
    if ill == 1 {
        return (first.to_string(), first.to_string());
    }
    let whole = first.to_string();
    let daemon = whole.rsplit_once('/').map_or(whole.as_str(), |(daemon, _)| daemon);
    (format!("{daemon} ({ill} of {all})"), daemon.to_owned())
}

fn check(state: State) -> &'static str {
    match state {
        State::Failed => "failed",
        State::Backoff => "backoff",
        State::Waiting => "waiting",
        _ => "starting",
    }
}

fn what(instance: &InstanceStatus, now: Timestamp) -> String {
    let said = instance.status.as_deref().filter(|_| instance.state == State::Starting);
    let why = said.or(instance.reason.as_deref()).or(instance.last_exit.as_deref());
    let why = why.map_or_else(String::new, |why| format!(": {}", first_line(why)));
    let since = match instance.state {
        State::Starting => format!(" for {}", age(instance.since, now)),
        _ => String::new(),
    };
    format!("{}{since}{why}", instance.state)
}

fn mend(state: State, selector: &str) -> String {
    match state {
        State::Failed => {
            format!("abaqis-daemons logs {selector}; once mended, abaqis-daemons start {selector}")
        }
        State::Waiting => "it starts by itself once that is there".to_owned(),
        _ => format!("abaqis-daemons logs {selector}"),
    }
}

/// What could not be started now. What waits for that already is told with its state.
pub(super) fn judge_blocked(blocked: &[(InstanceId, String)], supervisor: &Supervisor) -> Vec<Finding> {
    let state = |id: &InstanceId| {
        supervisor.instances().iter().find(|instance| instance.instance == *id).map(|instance| instance.state)
    };
    let mut told: Vec<(&InstanceId, &str)> = Vec::new();
    let mut findings = Vec::new();
    for (id, why) in blocked {
        let same = |one: &(&InstanceId, &str)| {
            one.0.application == id.application && one.0.daemon == id.daemon && one.1 == why
        };
        if told.iter().any(same) || state(id) == Some(State::Waiting) {
            continue;
        }
        told.push((id, why));
        let what = match state(id) {
            Some(_) => format!("runs, but could not be started again: {}", first_line(why)),
            None => format!("could not be started: {}", first_line(why)),
        };
        let place = format!("{}/{}", id.application, id.daemon);
        findings.push(Finding::new("blocked", place, what, "put it there, or mend daemons.yml"));
    }
    findings
}

/// Where what runs is not what is deployed.
pub(super) fn judge_code(running: &Running, applications: &[Application]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for application in applications {
        let runs = running.instances.iter().filter(|instance| {
            instance.application == application.name
                && instance.instance.release.is_none()
                && instance.pid.is_some()
        });
        let versions: Vec<&Version> = runs.filter_map(|instance| instance.version.as_ref()).collect();
        let (Ok(found), Some(other)) = (
            &application.version,
            versions.iter().find(|version| application.version.as_ref() != Ok(version)),
        ) else {
            continue;
        };
        let what = format!("{other} runs, {found} is on the disk");
        findings.push(Finding::new("version", application.name.as_str(), what, "abaqis-daemons reload"));
    }
    findings.extend(adrift(running));
    findings
}

/// Processes whose folder somebody has removed.
fn adrift(running: &Running) -> Vec<Finding> {
    let mut releases: BTreeMap<(&ApplicationName, &Option<Version>), u64> = BTreeMap::new();
    for id in &running.adrift {
        *releases.entry((&id.application, &id.release)).or_default() += 1;
    }
    let finding = |((application, release), number): ((&ApplicationName, &Option<Version>), u64)| {
        let place = match release {
            Some(version) => format!("{application}@{version}"),
            None => application.to_string(),
        };
        let processes = count(number, "process", "processes");
        let what = format!("its folder is gone under {processes}, which cannot be started again");
        Finding::new("folder-gone", place, what, "deploy again, and keep folders until their jobs are done")
    };
    releases.into_iter().map(finding).collect()
}
