//! Another program's output, if it comes in time.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::begin;

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli::doctor) enum Outcome {
    /// It wrote this, and ended well.
    Said(String),
    /// It is not there, or ended otherwise.
    Nothing,
    /// It took too long.
    Late,
}

/// Runs `program`, which has so long.
pub(in crate::cli::doctor) fn run(program: &str, arguments: &[&str], patience: Duration) -> Outcome {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else { return Outcome::Nothing };
    let Some(mut stdout) = child.stdout.take() else { return Outcome::Nothing };
    let written = begin(move || {
        let mut text = Vec::new();
        stdout.read_to_end(&mut text).map(|_| text)
    });
    let Some(written) = written.seen_within(patience) else {
        // It may be beyond a signal's reach. Nobody waits for it.
        let _ = child.kill();
        let _ = child.try_wait();
        return Outcome::Late;
    };
    match (written, child.wait()) {
        (Ok(text), Ok(status)) if status.success() => {
            Outcome::Said(String::from_utf8_lossy(&text).into_owned())
        }
        _ => Outcome::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_says_is_heard_and_one_that_hangs_is_left_behind() {
        let long = Duration::from_mins(1);
        assert_eq!(run("echo", &["a b"], long), Outcome::Said("a b\n".into()));
        assert_eq!(run("false", &[], long), Outcome::Nothing);
        assert_eq!(run("no-such-program-here", &[], long), Outcome::Nothing);
        let short = Duration::from_millis(50);
        assert_eq!(run("sh", &["-c", "trap '' TERM; sleep 1000"], short), Outcome::Late);
    }
}
