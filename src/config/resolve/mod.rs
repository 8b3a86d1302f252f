//! Layers -> the configuration: inheritance, defaults, and what daemons are to each
//! other.

mod after;
mod application;
mod budget;
mod intern;
mod process;
mod programs;

pub(super) use application::resolve;
