//! Processes as they really are: what a child gets, how it fails, what is left of it.

mod kit;
mod failures;
mod output;
