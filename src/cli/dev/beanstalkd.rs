//! A beanstalkd of one's own: on a free port of this host alone, its jobs in a
//! temporary folder, gone with whoever started it.

use std::ffi::OsString;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::config::ServerAddress;
use crate::process::ready_set::ReadySet;
use crate::process::{self, Child, Command, Output, Signal, SpawnError};
use crate::supervisor::driver::Known;

/// How often another port is tried when somebody was faster.
const TRIES: usize = 5;

/// How long it may take to listen, and to end.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why there is no queue.
#[derive(Debug, Error)]
pub(super) enum QueueError {
    /// It is not installed.
    #[error(
        "beanstalkd is not installed: apt-get install beanstalkd (Debian, Ubuntu) or dnf install beanstalkd (Fedora; Enterprise Linux with EPEL)"
    )]
    Missing,
    /// It was not started.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// It ended before it listened.
    #[error("beanstalkd does not start: {0}")]
    Ended(String),
    /// It does not listen.
    #[error("beanstalkd does not listen after {} s", PATIENCE.as_secs())]
    Silent,
    /// The system refused.
    #[error("cannot start beanstalkd: {0}")]
    Io(#[from] io::Error),
}

/// A running beanstalkd.
pub(super) struct PrivateQueue {
    program: PathBuf,
    folder: PathBuf,
    port: u16,
    child: Child,
    exit: ReadySet,
    /// To the supervisor in this process.
    _known: Known,
}

impl PrivateQueue {
    /// Starts it; its jobs are kept in `folder`, which has to be there.
    pub(super) async fn start(folder: &Path) -> Result<Self, QueueError> {
        let program = installed(std::env::var_os("PATH").as_ref()).ok_or(QueueError::Missing)?;
        let mut tries = 0;
        loop {
            let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
            tries += 1;
            match Self::start_at(program.clone(), folder, port).await {
                Err(QueueError::Ended(_)) if tries < TRIES => {}
                result => return result,
            }
        }
    }

    async fn start_at(program: PathBuf, folder: &Path, port: u16) -> Result<Self, QueueError> {
        let child = spawn(&program, folder, port)?;
        let known = Known::new(child.pid());
        let exit = ReadySet::new()?;
        exit.add(child.pidfd(), 0)?;
        let queue = Self { program, folder: folder.to_owned(), port, child, exit, _known: known };
        let listens = async {
            while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            exit = queue.ended() => Err(QueueError::Ended(exit)),
            listens = timeout(PATIENCE, listens) => {
                if listens.is_ok() {
                    return Ok(queue);
                }
                queue.stop().await;
                Err(QueueError::Silent)
            }
        }
    }

    /// Where it listens.
    pub(super) fn address(&self) -> ServerAddress {
        ServerAddress::Tcp { host: Ipv4Addr::LOCALHOST.to_string(), port: self.port }
    }

    /// Waits for its end, and says how it ended.
    async fn ended(&self) -> String {
        loop {
            if self.exit.ready().await.is_err() {
                return "cannot be waited for".to_owned();
            }
            match self.child.reap() {
                Ok(None) => {}
                Ok(Some(exit)) => return exit.to_string(),
                Err(error) => return error.to_string(),
            }
        }
    }

    /// Starts it again, at the same place with the same jobs, whenever it ends.
    pub(super) async fn keep(&mut self) -> QueueError {
        loop {
            let exit = self.ended().await;
            tracing::warn!("beanstalkd has ended ({exit}); it is started again");
            match Self::start_at(self.program.clone(), &self.folder, self.port).await {
                Ok(queue) => *self = queue,
                Err(error) => return error,
            }
        }
    }

    /// Ends it.
    pub(super) async fn stop(&self) {
        let _ = self.child.signal(Signal::TERM);
        if timeout(PATIENCE, self.ended()).await.is_err() {
            let _ = self.child.signal(Signal::KILL);
            let _ = self.ended().await;
        }
    }
}

fn spawn(program: &Path, folder: &Path, port: u16) -> Result<Child, QueueError> {
    let argv: Vec<OsString> = vec![
        program.into(),
        "-l".into(),
        Ipv4Addr::LOCALHOST.to_string().into(),
        "-p".into(),
        port.to_string().into(),
        "-b".into(),
        folder.into(),
    ];
    let command = Command {
        argv,
        env: Vec::new(),
        directory: folder.to_owned(),
        identity: None,
        umask: 0o077,
        nice: None,
        limits: Vec::new(),
        die_with_parent: true,
        pid_variable: None,
    };
    let stderr = io::stderr();
    Ok(process::spawn(&command, Output { stdout: stderr.as_fd(), stderr: stderr.as_fd() }, None)?)
}

/// Where beanstalkd is: in `PATH`, or where distributions put it.
fn installed(path: Option<&OsString>) -> Option<PathBuf> {
    let executable = |file: &PathBuf| {
        file.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    let path = path.map(std::env::split_paths).into_iter().flatten();
    let usual = ["/usr/bin", "/usr/sbin", "/usr/local/bin"].map(PathBuf::from);
    path.chain(usual).map(|folder| folder.join("beanstalkd")).find(executable)
}
