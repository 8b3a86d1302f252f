//! Each rule by itself, then all of them in a world that keeps breaking.

mod owed;
mod play;
mod rules;
mod world;
