//! The rules of supervision, one test each, on a bench where time stands still unless told.

mod bench;
mod entry;
mod releases;
mod reloads;
mod requests;
mod rules;
mod scaling;
