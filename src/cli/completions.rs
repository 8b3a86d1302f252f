//! `completions`: what a shell needs to complete the command line.
//!
//! The script asks the program each time, and that asks the supervisor, so that the names of
//! instances are completed too.

use std::ffi::OsStr;
use std::io::Write;

use clap::{Args, Command};
use clap_complete::engine::CompletionCandidate;
use clap_complete::env::Shells;
use clap_complete::{CompleteEnv, Shell};

use super::ask::Supervisor;
use super::exit::{Error, Exit};
use super::screen::Screen;
use crate::control::messages::{Request, Response};
use crate::names::{InstanceId, Selector};

/// Set by the shell when it asks.
const ASKED: &str = "_ABAQIS_COMPLETE";

/// The arguments of `completions`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// For which shell
    shell: Shell,
}

impl Completions {
    /// Writes them: see [`write`].
    pub(crate) fn run(&self, program: &Command) -> Result<Exit, Error> {
        write(self.shell, program)
    }
}

/// Writes completions for `shell` that ask `program` each time; it has to call [`answer`].
pub(crate) fn write(shell: Shell, program: &Command) -> Result<Exit, Error> {
    let (name, shell) = (program.get_name(), shell.to_string());
    let shells = Shells::builtins();
    let Some(shell) = shells.completer(&shell) else {
        return Err(Error::new(Exit::Usage, format!("no completions for {shell}")));
    };
    let mut screen = Screen::stdout();
    shell.write_registration(ASKED, name, name, name, &mut screen)?;
    screen.flush()?;
    Ok(Exit::Success)
}

/// Answers a shell that asks what may come next, and then does not return.
pub(crate) fn answer(program: impl Fn() -> Command) {
    CompleteEnv::with_factory(program).var(ASKED).complete();
}

/// The selectors that `text` may become: as with paths, one part at a time.
pub(crate) fn selectors(text: &OsStr) -> Vec<CompletionCandidate> {
    let Some(text) = text.to_str() else { return Vec::new() };
    let mut instances = Vec::new();
    // A shell shows no errors; no names are the answer then.
    let _ = Supervisor::of_environment().ask(
        "completing",
        &Request::Status { selector: Selector::All },
        |response| {
            if let Response::Instance(instance) = response {
                instances.push(instance.instance);
            }
            Ok(())
        },
    );
    continuations(text, &instances).into_iter().map(CompletionCandidate::new).collect()
}

fn continuations(text: &str, instances: &[InstanceId]) -> Vec<String> {
    let depth = text.matches('/').count();
    let names = instances.iter().map(|id| {
        let whole = id.to_string();
        let cut = whole.match_indices('/').nth(depth).map_or(whole.len(), |(at, _)| at);
        whole[..cut].to_owned()
    });
    let all = (depth == 0).then(|| "all".to_owned());
    let mut found: Vec<String> = names.chain(all).filter(|name| name.starts_with(text)).collect();
    found.sort();
    found.dedup();
    // Only one way on: what lies below it is of interest as well.
    if let [only] = found.as_slice() {
        let below = format!("{only}/");
        let mut deeper: Vec<String> = instances
            .iter()
            .map(ToString::to_string)
            .filter(|name| name.starts_with(&below))
            .map(|name| match name[below.len()..].find('/') {
                Some(at) => name[..below.len() + at].to_owned(),
                None => name,
            })
            .collect();
        deeper.sort();
        deeper.dedup();
        found.extend(deeper);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_is_completed_part_by_part() {
        let ids = ["abaqis/solr/1", "abaqis/worker/1", "abaqis/worker/2", "abaqis@4.1.0/worker/1", "rqi/w/1"]
            .map(|id| id.parse().unwrap());
        let on = |text| continuations(text, &ids);
        assert_eq!(on(""), ["abaqis", "abaqis@4.1.0", "all", "rqi"]);
        assert_eq!(on("ab"), ["abaqis", "abaqis@4.1.0"]);
        assert_eq!(on("r"), ["rqi", "rqi/w"]);
        assert_eq!(on("abaqis/"), ["abaqis/solr", "abaqis/worker"]);
        assert_eq!(on("abaqis/w"), ["abaqis/worker", "abaqis/worker/1", "abaqis/worker/2"]);
        assert_eq!(on("abaqis/worker/"), ["abaqis/worker/1", "abaqis/worker/2"]);
        assert!(on("x").is_empty());
        assert_eq!(continuations("a", &[]), ["all"]);
    }
}
