//! The supervisor and its operator's commands.

fn main() {}
