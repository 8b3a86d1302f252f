//! The service: whether systemd would bring everything back after a reboot, and what it and
//! the kernel have complained about.

use super::finding::{Finding, first_line};

/// The units that matter.
pub(super) const UNITS: [&str; 3] = ["abaqis-daemons.service", "beanstalkd.service", "beanstalkd.socket"];

/// What is asked of each.
pub(super) const PROPERTIES: &str =
    "Id,LoadState,ActiveState,UnitFileState,NeedDaemonReload,Result,ExecMainStatus,ExecStart";

/// Exit codes that systemd does not try again after: the configuration is not there, or wrong.
const CONFIGURATION: [&str; 2] = ["66", "78"];

/// What systemd says of a unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Unit {
    /// Its name.
    id: String,
    /// Whether there is such a unit.
    loaded: bool,
    /// `active`, `inactive`, `failed`, …
    active: String,
    /// `enabled`, `disabled`, `masked`, …
    enabled: String,
    /// Whether its files have changed since systemd read them.
    stale: bool,
    /// Why it failed: `exit-code`, `watchdog`, …
    result: String,
    /// The exit code of its main process.
    status: String,
    /// The command it runs, as systemd shows it.
    command: String,
}

/// What is known of the service.
#[derive(Debug, Default)]
pub(super) struct Service {
    /// The units; empty where systemd does not run.
    pub(super) units: Vec<Unit>,
    /// What the kernel's security module has denied, from the journal of this boot.
    pub(super) denials: Vec<String>,
    /// Programs that have not answered in time.
    pub(super) silent: Vec<&'static str>,
}

/// Reads what `systemctl show` prints: `Key=value` lines, an empty line between units.
pub(super) fn units(text: &str) -> Vec<Unit> {
    let unit = |block: &str| {
        let mut unit = Unit::default();
        for (key, value) in block.lines().filter_map(|line| line.split_once('=')) {
            let value = value.to_owned();
            match key {
                "Id" => unit.id = value,
                "LoadState" => unit.loaded = value == "loaded" || value == "masked",
                "ActiveState" => unit.active = value,
                "UnitFileState" => unit.enabled = value,
                "NeedDaemonReload" => unit.stale = value == "yes",
                "Result" => unit.result = value,
                "ExecMainStatus" => unit.status = value,
                "ExecStart" => unit.command = value,
                _ => {}
            }
        }
        unit
    };
    text.split("\n\n").filter(|block| !block.trim().is_empty()).map(unit).collect()
}

/// The lines of a journal in which something of ours was denied.
pub(super) fn denials(journal: &str) -> Vec<String> {
    let ours = |line: &&str| {
        line.contains("avc:")
            && line.contains("denied")
            && ["abaqis", "ayl_", "beanstalkd"].iter().any(|name| line.contains(name))
    };
    journal.lines().filter(ours).map(str::to_owned).collect()
}

/// What is wrong. `queue`: whether a beanstalkd of this host is configured, and if so whether
/// it answers.
pub(super) fn judge(service: &Service, queue: Option<bool>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for program in &service.silent {
        let mend = "see what holds it up: top, dmesg";
        findings.push(Finding::new("silent", *program, "does not answer", mend));
    }
    let find = |id: &str| service.units.iter().find(|unit| unit.id == id && unit.loaded);
    let [ours, beanstalkd, socket] = UNITS.map(find);
    if let Some(unit) = ours {
        if unit.active == "failed" {
            findings.push(failed(unit));
        }
        findings.extend(unbooted(unit));
    }
    if let (Some(unit), Some(answers)) = (beanstalkd, queue) {
        // A queue that answers while this unit does nothing is another's to start.
        let starts_it = unit.active == "active" || !answers;
        let by_socket = socket.is_some_and(|socket| socket.enabled == "enabled");
        if starts_it && !by_socket {
            findings.extend(unbooted(unit));
        }
        let arguments = unit.command.split_ascii_whitespace();
        let hidden = unit.command.contains('$');
        // One that answers says itself whether it has a binlog.
        if !answers
            && !hidden
            && !unit.command.is_empty()
            && !arguments.into_iter().any(|word| word.starts_with("-b"))
        {
            let what = "starts it without a binlog: a restart or reboot loses every job";
            let mend = "systemctl edit beanstalkd, with -b FOLDER in its ExecStart";
            findings.push(Finding::new("binlog", unit.id.as_str(), what, mend));
        }
    }
    for unit in [ours, beanstalkd].into_iter().flatten().filter(|unit| unit.stale) {
        let what = "its files have changed since systemd read them";
        findings.push(Finding::new("stale-unit", unit.id.as_str(), what, "systemctl daemon-reload"));
    }
    findings.extend(denied(&service.denials));
    findings
}

fn failed(unit: &Unit) -> Finding {
    let configuration = CONFIGURATION.contains(&unit.status.as_str());
    let what = match unit.result.as_str() {
        "exit-code" => format!("failed: exit {}", unit.status),
        other => format!("failed: {other}"),
    };
    let mend = if configuration {
        "abaqis-daemons check; then systemctl restart abaqis-daemons"
    } else {
        "journalctl -u abaqis-daemons; then systemctl restart abaqis-daemons"
    };
    Finding::new("unit-failed", unit.id.as_str(), what, mend)
}

/// A unit that a reboot would not bring back.
fn unbooted(unit: &Unit) -> Option<Finding> {
    let mend = match unit.enabled.as_str() {
        "disabled" | "enabled-runtime" | "linked" | "linked-runtime" => {
            format!("systemctl enable {}", unit.id)
        }
        "masked" | "masked-runtime" => format!("systemctl unmask {0} && systemctl enable {0}", unit.id),
        _ => return None,
    };
    let what = format!("it is {}: it would not be there after a reboot", unit.enabled);
    Some(Finding::new("unit-disabled", unit.id.as_str(), what, mend))
}

fn denied(denials: &[String]) -> Option<Finding> {
    let last = first_line(denials.last()?);
    let what = match denials.len() {
        1 => format!("denied since the boot: {last}"),
        number => format!("denied {number} times since the boot, the last time: {last}"),
    };
    let mend = "ausearch -m avc -ts boot | audit2why";
    Some(Finding::new("selinux", "SELinux", what, mend))
}
