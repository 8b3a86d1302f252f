//! What one program leaves to the next: data, and the numbers of open descriptors.
//!
//! The form has a number. Fields may be added with a default without changing it; anything
//! else is another form, and a program that does not know it says so in its self-check,
//! while the old one still runs. `samples/` keeps a state of each form.

use std::os::fd::AsRawFd;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::config::Account;
use crate::control::status::Event;
use crate::lifecycle::Run;
use crate::logs::{Destination, HandedPipe};
use crate::names::InstanceId;
use crate::supervisor::core::{RequestId, Snapshot};

/// The form that this code writes and reads.
pub(super) const FORM: u32 = 1;

/// All that a supervisor leaves to the next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) form: u32,
    /// The version that wrote it.
    pub(super) version: String,
    /// How many upgrades this process has seen.
    pub(super) upgrades: u32,
    pub(super) core: Snapshot,
    pub(super) processes: Vec<SavedProcess>,
    /// Reloads that are not over: whoever asked for them may be gone, systemd is not.
    #[serde(default)]
    pub(super) applying: Vec<RequestId>,
    /// The last events, for `abaqis-daemons events`.
    #[serde(default)]
    pub(super) events: Vec<Event>,
    #[serde(default)]
    pub(super) pipes: Vec<SavedPipe>,
    /// Who is in which groups: what dies is started again before that can be asked anew.
    #[serde(default)]
    pub(super) users: Vec<SavedUser>,
    /// The listening control socket.
    pub(super) control: i32,
    /// The lock of the runtime directory.
    pub(super) lock: i32,
}

/// A process of the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct SavedProcess {
    pub(in super::super) run: Run,
    /// The name it was started by, which its control group has, too.
    pub(in super::super) name: InstanceId,
    pub(in super::super) pid: i32,
    pub(in super::super) stage: SavedStage,
    /// Its notify socket, and where that is.
    #[serde(default)]
    pub(in super::super) notify: Option<(i32, PathBuf)>,
}

/// A user of processes, with all its groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SavedUser {
    pub(super) account: Account,
    pub(super) groups: Vec<u32>,
}

/// How far a process is; none is on its way to its program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in super::super) enum SavedStage {
    /// It runs.
    Running,
    /// It never got to its program, which was told; it is still to be reaped.
    Failed,
    /// It has ended; others of its group have not.
    Survived,
}

/// A pipe that somebody's output comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SavedPipe {
    pub(super) instance: String,
    pub(super) to: Destination,
    pub(super) reader: i32,
    #[serde(default)]
    pub(super) writer: Option<i32>,
    /// What was read of a line that has no end yet.
    #[serde(default)]
    pub(super) partial: Vec<u8>,
}

impl SavedPipe {
    pub(super) fn of(pipe: &HandedPipe) -> Self {
        Self {
            instance: pipe.instance.clone(),
            to: pipe.to.clone(),
            reader: pipe.reader.as_raw_fd(),
            writer: pipe.writer.as_ref().map(AsRawFd::as_raw_fd),
            partial: pipe.partial.clone(),
        }
    }
}

impl State {
    pub(super) fn to_bytes(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(self)
    }

    /// What another program has left, or why that cannot be gone on with.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Form {
            form: u32,
        }
        let Form { form } =
            serde_json::from_slice(bytes).map_err(|error| format!("the state is not understood: {error}"))?;
        if form != FORM {
            return Err(format!("the state is of form {form}, this program knows form {FORM}"));
        }
        serde_json::from_slice(bytes).map_err(|error| format!("the state is not understood: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::supervisor::core::{Core, Settings};

    /// Written by version 0.1.0.
    const FORM_1: &[u8] = include_bytes!("samples/form-1.json");

    #[test]
    fn a_state_of_each_form_there_was_is_gone_on_with() {
        let state = State::parse(FORM_1).unwrap();
        assert_eq!(State::parse(&state.to_bytes().unwrap()).unwrap(), state);
        let pids: Vec<u32> = state.processes.iter().map(|process| process.pid.unsigned_abs()).collect();
        let core = Core::restore(state.core, Settings { herd: 4, seed: 1 }).unwrap();
        let mut running: Vec<u32> = core.processes().filter_map(|(_, pid, _)| pid).collect();
        running.sort_unstable();
        assert_eq!(running, pids);
        assert!(!running.is_empty());
    }

    #[test]
    fn a_state_that_contradicts_itself_is_refused_in_words() {
        let worker = "/instances/6/spec/id";
        let run = "/instances/6/life/actual/Live/0/run";
        for (place, value, what) in [
            ("/version", json!(9), "the state is of form 9, this supervisor knows form 1"),
            ("/instances/6/slot", json!(5), "two have the same place"),
            ("/instances/6/slot", json!(u32::MAX), "two have the same place"),
            ("/instances/6/group", json!(1), "an instance is not in its group"),
            ("/instances/6/group", json!(99), "an instance is not in its group"),
            ("/instances/6/spec/daemon", json!(99), "an instance refers to what is not there"),
            ("/blueprints", json!([]), "a release has no blueprint"),
            (worker, json!("abaqis/worker/1"), "two have the same name, or the same process"),
            (run, json!(6), "two have the same name, or the same process"),
            ("/last_run", json!(6), "a process is of a run that never was"),
            ("/last_run", json!(u64::MAX), "a process is of a run that never was"),
            ("/mode", json!("Finished"), "it has finished, and something is left"),
        ] {
            let mut state: serde_json::Value = serde_json::from_slice(FORM_1).unwrap();
            *state["core"].pointer_mut(place).unwrap() = value;
            let state = State::parse(&serde_json::to_vec(&state).unwrap()).unwrap();
            let said = Core::restore(state.core, Settings { herd: 1, seed: 0 }).unwrap_err().to_string();
            assert_eq!(said.trim_start_matches("the state contradicts itself: "), what, "{place}");
        }
    }

    #[test]
    fn another_form_and_garbage_are_refused_in_words() {
        let said = |bytes: &[u8]| State::parse(bytes).unwrap_err();
        assert_eq!(said(b"{\"form\": 7}"), "the state is of form 7, this program knows form 1");
        assert_eq!(said(b""), "the state is not understood: EOF while parsing a value at line 1 column 0");
        assert!(said(b"{\"form\": 1}").starts_with("the state is not understood: missing field"));
    }
}
