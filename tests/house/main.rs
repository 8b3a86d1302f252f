//! The rules of the source tree that the compiler does not check.

mod layers;
mod security;
mod tree;
mod units;
