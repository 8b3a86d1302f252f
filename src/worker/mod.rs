//! The worker: takes jobs from one tube, has an executor run them, and decides what
//! becomes of each.
mod core;
pub use core::{
    Action, Answer, Ask, Content, Core, Doing, Event, Facts, Failure, Job, Recycle, Report, Settings,
};
