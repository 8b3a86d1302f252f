//! Processes: spawn, signal, limit, reap. The only home of `unsafe`, `fork` and file descriptors by number.

pub mod peer;
pub mod ready_set;
