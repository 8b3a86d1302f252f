//! Keeps the workers, schedulers and other daemons of web applications running,
//! and looks after the job queue between them.
//!
//! Data flows one way. A pure core decides, a thin shell acts:
//!
//! ```text
//!     text ─► config ─► plan ─► supervisor::core ─► supervisor::driver ─► process ─► logs
//!                                   ▲   (decides)        (acts)  ▲
//!                                   └──────── events ────────────┘
//!                                                                ▲
//!                                              control (operator)┘
//! ```
//!
//! The modules below stand in the order of their layers: a module imports only
//! from those above it. Everything down to the first gap is pure: no clock, no
//! I/O, no randomness; time and seeds come in as arguments.

// Output goes through writers that can fail; tests may print and unwrap.
#![warn(clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)]

// What tests share is a file that names this crate as those outside of it do.
#[cfg(test)]
extern crate self as abaqis_daemons;

// `unsafe` lives in `process` alone.
#[forbid(unsafe_code)]
pub mod names;
#[forbid(unsafe_code)]
pub mod beanstalk;
#[forbid(unsafe_code)]
pub mod ayl;
#[forbid(unsafe_code)]
pub mod config;
#[forbid(unsafe_code)]
pub mod schedule;
#[forbid(unsafe_code)]
pub mod plan;
#[forbid(unsafe_code)]
pub mod lifecycle;
#[forbid(unsafe_code)]
pub mod releases;

pub mod process;
#[forbid(unsafe_code)]
pub mod logs;
#[forbid(unsafe_code)]
pub mod queue;
#[forbid(unsafe_code)]
pub mod worker;
#[forbid(unsafe_code)]
pub mod watch;
#[forbid(unsafe_code)]
pub mod scheduler;
#[forbid(unsafe_code)]
pub mod control;
#[forbid(unsafe_code)]
pub mod supervisor;
#[forbid(unsafe_code)]
pub mod cli;
