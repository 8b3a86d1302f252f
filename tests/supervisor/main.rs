//! The supervisor with real processes.

#[path = "../support/mod.rs"]
mod support;

mod dev;
mod life;
mod reload;
mod start;
