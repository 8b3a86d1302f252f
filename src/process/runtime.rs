//! The runtime that every program has: one thread.

use std::future::Future;
use std::io;

use tokio::runtime::Builder;

/// Runs `work` to its end on a runtime of its own, and leaves at once: dropping the runtime would wait
/// for whatever is still under way on a thread beside it, such as a name server that does not answer.
///
/// # Errors
/// When the system has no descriptors left for it.
pub fn block_on<F: Future>(work: F) -> io::Result<F::Output> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    Ok(done)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn what_goes_on_beside_it_is_not_waited_for() {
        let (end, ended) = mpsc::channel::<()>();
        let beside = async move { drop(tokio::task::spawn_blocking(move || ended.recv())) };
        block_on(beside).unwrap();
        // It has been left while the other thread still waited for this.
        drop(end);
    }
}
