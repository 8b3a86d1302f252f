//! The supervisor with real processes.

#[path = "../support/mod.rs"]
mod support;

mod life;
mod start;
