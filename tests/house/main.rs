//! The rules of the source tree that the compiler does not check.

mod layers;
mod tree;
mod units;
