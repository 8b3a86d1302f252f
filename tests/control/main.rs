//! The control socket, with a supervisor that only answers.

mod fake;
mod hostile;
mod peers;
mod serving;
