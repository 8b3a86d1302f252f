//! Asks from outside whether a process is ready, until it is.
//!
//! A check lives as long as its process is starting and no longer; how long that may
//! take at most is the core's to say (`ready_timeout`).

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::helper::Helper;
use crate::lifecycle::{ProcessEvent, Run};
use crate::process::{Command, Exit, Output};

/// The first pause between two tries, which grows by half each time
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// up to this.
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// A connection that is not made within this time is tried anew.
const CONNECT: Duration = Duration::from_secs(1);

/// How long one run of a check's command may take.
const COMMAND: Duration = Duration::from_secs(10);

/// Whether a process is ready; if not, why.
pub(super) type Found = Result<(), Arc<str>>;

/// Where it is told what the checks of a process find.
pub(super) struct Answers {
    pub(super) run: Run,
    pub(super) to: mpsc::Sender<(Run, ProcessEvent)>,
}

impl Answers {
    async fn tell(&self, news: ProcessEvent) {
        // The supervisor ends with its receiver.
        let _ = self.to.send((self.run, news)).await;
    }
}

/// Checks until `check` finds that the process is ready. Tells that, and each time why it is not, if that is
/// another reason than before.
pub(super) async fn until<F: Future<Output = Found>>(mut check: impl FnMut() -> F, answers: Answers) {
    let mut pause = FIRST_PAUSE;
    let mut last = None;
    while let Err(reason) = check().await {
        if last.as_ref() != Some(&reason) {
            last = Some(reason.clone());
            answers.tell(ProcessEvent::NotReady { reason }).await;
        }
        sleep(pause).await;
        pause = (pause * 3 / 2).min(LAST_PAUSE);
    }
    answers.tell(ProcessEvent::Ready).await;
}

/// Whether something on this host takes connections at `port`.
pub(super) async fn tcp(port: u16) -> Found {
    for address in [SocketAddr::from((Ipv4Addr::LOCALHOST, port)), (Ipv6Addr::LOCALHOST, port).into()] {
        if let Ok(Ok(stream)) = timeout(CONNECT, TcpStream::connect(address)).await {
            // Connecting to a free port in the ephemeral range can meet oneself.
            if stream.local_addr().ok() != stream.peer_addr().ok() {
                return Ok(());
            }
        }
    }
    Err(format!("nothing listens on port {port}").into())
}

/// Whether there is a file, or anything else, at `path`.
pub(super) fn file(path: &str) -> Found {
    let is_there = Path::new(path).try_exists().unwrap_or(false);
    is_there.then_some(()).ok_or_else(|| format!("there is no {path}").into())
}

/// Whether a command ends with 0, in good time.
pub(super) async fn exec(command: &Command) -> Found {
    let ended = async {
        let null = std::fs::File::options().write(true).open("/dev/null")?;
        let output = Output { stdout: null.as_fd(), stderr: null.as_fd() };
        Helper::start(command, output)?.ended().await
    };
    Err(match timeout(COMMAND, ended).await {
        Ok(Ok(exit)) if exit.is_success() => return Ok(()),
        Ok(Ok(exit @ Exit::Code(_))) => format!("its check {exit}"),
        Ok(Ok(exit @ Exit::Signal { .. })) => format!("its check was {exit}"),
        Ok(Err(error)) => format!("its check: {error}"),
        Err(_) => format!("its check took longer than {} s", COMMAND.as_secs()),
    }
    .into())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::net::TcpListener;

    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    #[test]
    fn a_port_is_ready_while_somebody_listens() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(block_on(tcp(port)), Ok(()));
        drop(listener);
        assert_eq!(block_on(tcp(port)), Err(format!("nothing listens on port {port}").into()));
    }

    #[test]
    fn a_command_that_does_not_succeed_says_how_it_ended() {
        let path = || vec![("PATH".into(), "/usr/bin:/bin".into())];
        let found = |argv: &[&str]| {
            let found = block_on(exec(&Command { env: path(), ..Command::new(argv) }));
            found.map_err(|reason| reason.to_string())
        };
        assert_eq!(found(&["true"]), Ok(()));
        assert_eq!(found(&["false"]), Err("its check exited with status 1".to_owned()));
        assert_eq!(found(&["sh", "-c", "kill -9 $$"]), Err("its check was killed by SIGKILL".to_owned()));
        assert_eq!(
            found(&["/no/such"]),
            Err("its check: cannot run /no/such: No such file or directory".to_owned())
        );
    }

    #[test]
    fn it_is_asked_until_it_is_ready_and_each_reason_is_told_once() {
        let asked = Cell::new(0);
        let (to, mut told) = mpsc::channel(16);
        let check = || {
            asked.set(asked.get() + 1);
            std::future::ready(match asked.get() {
                1 | 2 => Err("one".into()),
                3 => Err("another".into()),
                _ => Ok(()),
            })
        };
        block_on(until(check, Answers { run: Run(7), to }));
        let not_ready = |reason: &str| (Run(7), ProcessEvent::NotReady { reason: reason.into() });
        let all: Vec<_> = std::iter::from_fn(|| told.try_recv().ok()).collect();
        assert_eq!(all, [not_ready("one"), not_ready("another"), (Run(7), ProcessEvent::Ready)]);
    }
}
