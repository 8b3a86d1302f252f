//! `check --running`: whether what is configured is up, for monitoring.

use std::io::{self, Write};

use super::ask::Supervisor;
use super::exit::{Error, Exit};
use crate::control::messages::{Request, Response};
use crate::control::status::{InstanceStatus, State};
use crate::names::Selector;

/// Asks the supervisor; writes a line to `err` for each instance that is not as it should be.
pub(super) fn check(supervisor: &Supervisor, err: &mut dyn Write) -> Result<Exit, Error> {
    let mut exit = Exit::Success;
    supervisor.ask("the look at instances", &Request::Status { selector: Selector::All }, |response| {
        if let Response::Instance(instance) = response
            && is_trouble(instance.state)
        {
            exit = Exit::Failed;
            tell(&instance, err)?;
        }
        Ok(())
    })?;
    Ok(exit)
}

/// Neither up, nor on its way there for the first time, nor as an operator wants it.
fn is_trouble(state: State) -> bool {
    match state {
        State::Failed | State::Backoff | State::Waiting => true,
        State::Ready
        | State::Running
        | State::Starting
        | State::Stopping
        | State::Stopped
        | State::Completed => false,
    }
}

/// `abaqis/solr/1: failed: bin/solr: No such file or directory`
fn tell(instance: &InstanceStatus, err: &mut dyn Write) -> io::Result<()> {
    write!(err, "{}: {}", instance.instance, instance.state)?;
    match instance.reason.as_ref().or(instance.last_exit.as_ref()) {
        Some(why) => writeln!(err, ": {}", why.trim_end().replace('\n', "\n    ")),
        None => writeln!(err),
    }
}
