//! The client against the real beanstalkd, and against servers that misbehave.

#[path = "../support/beanstalkd.rs"]
mod beanstalkd;

mod verbs;

use std::future::Future;

/// Runs a test's future as the programs do: on one thread.
fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
