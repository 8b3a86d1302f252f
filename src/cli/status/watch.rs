//! `status --watch`: the table again every second.

use std::time::Duration;

use jiff::Timestamp;

use super::{Seen, render};
use crate::cli::exit::{Error, Exit};
use crate::cli::screen::{Screen, Tone};
use crate::cli::{live, releases};

/// Shows what `look` sees every second.
pub(super) fn run(screen: &mut Screen<'_>, look: impl FnMut() -> Result<Seen, Error>) -> Result<Exit, Error> {
    live::run(screen, Duration::from_secs(1), look, |paper, Seen { mut instances, releases }| {
        // What does not fit ought not to be what is wrong.
        if paper.terminal().is_some_and(|size| instances.len() + 3 > size.rows) {
            instances.sort_by_key(|instance| !matches!(Tone::of(instance.state), Tone::Bad | Tone::Moving));
        }
        render::table(paper, &instances, Timestamp::now())?;
        Ok(releases::below_status(paper, &releases)?)
    })
}
