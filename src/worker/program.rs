//! What `ayl_worker` and `ayl_scheduler` have around them: a runtime, the signals that end them, and
//! the supervisor's watchdog.

use std::future::Future;
use std::io;

use futures_util::StreamExt;
use signal_hook_tokio::Signals;
use tokio::sync::mpsc;

use super::notify;
use crate::process::block_on;

/// Runs `work`, which gets one item for each SIGTERM and SIGINT, until it ends.
///
/// # Errors
/// When there can be no runtime, or signals cannot be heard.
pub(crate) fn run<F: Future>(work: impl FnOnce(mpsc::Receiver<()>) -> F) -> io::Result<F::Output> {
    block_on(async {
        let mut signals = Signals::new([libc::SIGTERM, libc::SIGINT])?;
        let (tell, terminations) = mpsc::channel(4);
        tokio::spawn(async move { while signals.next().await.is_some() && tell.send(()).await.is_ok() {} });
        if let Some(period) = notify::watchdog() {
            tokio::spawn(notify::ping(period));
        }
        Ok(work(terminations).await)
    })?
}
