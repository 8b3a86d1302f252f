//! YAML text -> a tree in which everything knows its place.
//!
//! An ordinary YAML library forgets where a value stood, and settles what is text
//! and what a number before anybody has said which is wanted (`1.10` is `1.1`). So
//! the tree is built from the parser's events, and a scalar stays as written.
//!
//! Aliases are resolved, with a cap on what they can grow to; merge keys, tags and
//! a second document are refused. Whatever the input, the tree has at most
//! [`MAX_NODES`] nodes and is at most [`MAX_DEPTH`] deep.

mod build;
mod node;

pub use build::{MAX_BYTES, MAX_DEPTH, MAX_NODES, Report, YamlError, parse};
pub use node::{Entry, Node, Place, ScalarKind, Value};

#[cfg(test)]
mod tests;
