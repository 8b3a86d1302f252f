//! Keeps what is configured running: [`core`] decides, the driver acts.

pub mod core;
