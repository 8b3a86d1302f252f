//! Keeps what is configured running: [`core`] decides, the driver acts.

pub mod core;
pub mod driver;
pub mod files;
pub mod sources;
