//! The programs as an operator meets them: words, exit codes, terminals.

#[path = "../support/wait.rs"]
mod wait;
mod answers;
mod golden;
mod manual;
mod real;
mod scripted;
mod terminal;
