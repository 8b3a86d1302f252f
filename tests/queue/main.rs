//! The client against the real beanstalkd, and against servers that misbehave.

#[path = "../support/beanstalkd.rs"]
mod beanstalkd;
mod fake;

mod dropped;
mod faults;
mod pool;
mod proxy;
mod server;
mod verbs;

use std::future::Future;
use std::time::{Duration, Instant};

/// Runs a test's future as the programs do: on one thread.
fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Tries until it holds: a server notices a closed connection when it comes to it.
async fn until(mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds().await {
        assert!(Instant::now() < deadline, "waited in vain");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
