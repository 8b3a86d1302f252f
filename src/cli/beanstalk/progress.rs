//! Asking before many jobs go, and showing how far it is.

use std::io::{IsTerminal, Write, stderr, stdin, stdout};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::exit::{Error, Exit};

/// Asks on a terminal whether to go on; elsewhere `--yes` has to say so.
///
/// `question` is what is about to happen, such as `Delete 5 ready jobs of tube a`.
pub(super) fn confirm(question: &str, yes: bool) -> Result<(), Error> {
    if yes {
        return Ok(());
    }
    if !stdin().is_terminal() || !stderr().is_terminal() {
        return Err(Error::new(Exit::Usage, format!("{question}? Nobody can be asked here: say --yes")));
    }
    write!(stderr(), "{question}? [y/N] ")?;
    let mut answer = String::new();
    stdin().read_line(&mut answer)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Error::new(Exit::Failed, "nothing was done")),
    }
}

/// How far it is, on a terminal; nothing elsewhere, nor where the output itself scrolls by.
pub(super) struct Bar(Option<ProgressBar>);

impl Bar {
    /// A bar for work of which little is printed.
    pub(super) fn new(total: u64) -> Self {
        // What is over at once needs no bar.
        const FEW: u64 = 1000;
        if total < FEW || !stderr().is_terminal() {
            return Self(None);
        }
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{wide_bar} {human_pos} of {human_len}, {eta} left") {
            bar.set_style(style);
        }
        Self(Some(bar))
    }

    /// A bar for work whose lines go to the output: only where that is not the terminal too.
    pub(super) fn beside_output(total: u64) -> Self {
        if stdout().is_terminal() { Self(None) } else { Self::new(total) }
    }

    /// This much is done.
    pub(super) fn show(&self, done: u64) {
        if let Some(bar) = &self.0 {
            bar.set_position(done);
        }
    }

    /// It is over.
    pub(super) fn end(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.end();
    }
}
