//! `status --watch`: the table again every second.

use std::time::Duration;

use jiff::Timestamp;

use super::render;
use crate::cli::exit::{Error, Exit};
use crate::cli::live;
use crate::cli::screen::{Screen, Tone};
use crate::control::status::InstanceStatus;

/// Shows what `look` sees every second.
pub(super) fn run(
    screen: &mut Screen<'_>,
    look: impl FnMut() -> Result<Vec<InstanceStatus>, Error>,
) -> Result<Exit, Error> {
    live::run(screen, Duration::from_secs(1), look, |paper, mut instances| {
        // What does not fit ought not to be what is wrong.
        if paper.terminal().is_some_and(|size| instances.len() + 3 > size.rows) {
            instances.sort_by_key(|instance| !matches!(Tone::of(instance.state), Tone::Bad | Tone::Moving));
        }
        Ok(render::table(paper, &instances, Timestamp::now())?)
    })
}
