//! The programs as an operator meets them: words, exit codes, terminals.

mod answers;
mod golden;
mod manual;
mod real;
mod scripted;
mod terminal;
