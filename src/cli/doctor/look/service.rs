//! What systemd and the journal say.

use std::time::Duration;

use super::outside::{Outcome, run};
use crate::cli::doctor::service::{PROPERTIES, Service, UNITS, denials, units};

/// How long each of them may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks them. Where systemd does not run there is nothing to be said.
pub(in crate::cli::doctor) fn look() -> Service {
    let mut service = Service::default();
    let properties = format!("--property={PROPERTIES}");
    let mut arguments = vec!["show", properties.as_str(), "--no-pager"];
    arguments.extend(UNITS);
    match run("systemctl", &arguments, PATIENCE) {
        Outcome::Said(text) => service.units = units(&text),
        Outcome::Late => service.silent.push("systemctl"),
        Outcome::Nothing => {}
    }
    if service.units.is_empty() {
        return service;
    }
    // The kernel's own entries and those it sends for the audit: few, and found by an index.
    let arguments =
        ["--boot", "--quiet", "--no-pager", "--output=cat", "_TRANSPORT=kernel", "_TRANSPORT=audit"];
    match run("journalctl", &arguments, PATIENCE) {
        Outcome::Said(text) => service.denials = denials(&text),
        Outcome::Late => service.silent.push("journalctl"),
        Outcome::Nothing => {}
    }
    service
}
