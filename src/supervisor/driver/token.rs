//! What the set of descriptors that may become readable knows each by: a run, and what is heard of it there.

use crate::lifecycle::Run;

/// What a token of the set stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Status = 0,
    Notify = 1,
    Exit = 2,
    Group = 3,
}

/// The token of what is heard of a run there.
pub(super) fn token(run: Run, source: Source) -> u64 {
    run.0 << 2 | source as u64
}

/// And back.
pub(super) fn of_token(token: u64) -> (Run, Source) {
    let source = [Source::Status, Source::Notify, Source::Exit, Source::Group][(token & 3) as usize];
    (Run(token >> 2), source)
}
