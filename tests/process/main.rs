//! Processes as they really are: what a child gets, how it fails, what is left of it.

#[path = "../support/wait.rs"]
mod wait;
mod alone;
mod failures;
mod groups;
mod inheritance;
mod kit;
mod output;
