//! The application's end of the queue: what puts its jobs, and what is left of them.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use crate::ledger::Puts;
use crate::wait::until;

/// A web application that puts jobs as long as it is allowed to, in a thread of its own.
pub(crate) struct Putter(JoinHandle<Puts>);

impl Putter {
    /// Puts the jobs 0 to `jobs`, each when `may` says so; `code` is what a job runs.
    pub(crate) fn start(
        socket: PathBuf,
        jobs: u32,
        may: impl Fn(u32) -> bool + Send + 'static,
        mut code: impl FnMut(u32) -> String + Send + 'static,
    ) -> Self {
        Self(std::thread::spawn(move || {
            let mut puts = Puts { jobs, uncertain: HashMap::new() };
            let mut connection = None;
            for name in 0..jobs {
                until("the next job may be put", || may(name).then_some(()));
                let body = format!(r#"{{"type":"ayl","failed_job_handler":"bury","code":"{}"}}"#, code(name));
                until("the job is put", || match put(&socket, &mut connection, &body) {
                    Ok(()) => Some(()),
                    Err(sent) => {
                        connection = None;
                        // It may be there, or not.
                        *puts.uncertain.entry(name).or_default() += usize::from(sent);
                        None
                    }
                });
            }
            puts
        }))
    }

    /// What it knows when all are put.
    pub(crate) fn finish(self) -> Puts {
        self.0.join().unwrap()
    }
}

/// Puts a job; an error says whether the queue may have it all the same.
fn put(socket: &Path, connection: &mut Option<BufReader<UnixStream>>, body: &str) -> Result<(), bool> {
    let stream = match connection {
        Some(stream) => stream,
        None => connection.insert(connect(socket).map_err(|_| false)?),
    };
    let mut line = String::new();
    let sent = stream.get_mut().write_all(format!("put 512 0 120 {}\r\n{body}\r\n", body.len()).as_bytes());
    match sent.and_then(|()| stream.read_line(&mut line)) {
        Ok(_) if line.starts_with("INSERTED ") && line.ends_with("\r\n") => Ok(()),
        _ => Err(true),
    }
}

fn connect(socket: &Path) -> io::Result<BufReader<UnixStream>> {
    let mut stream = BufReader::new(UnixStream::connect(socket)?);
    stream.get_mut().write_all(b"use t\r\n")?;
    let mut line = String::new();
    stream.read_line(&mut line)?;
    if line == "USING t\r\n" { Ok(stream) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// How many jobs there are: ready, reserved, delayed, buried; `None` while nobody can say.
pub(crate) fn left(socket: &Path) -> Option<[u32; 4]> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.write_all(b"stats-tube t\r\nquit\r\n").ok()?;
    let text = io::read_to_string(stream).ok()?;
    let count = |state: &str| {
        let key = format!("current-jobs-{state}: ");
        text.lines().find_map(|line| line.strip_prefix(&key)?.trim().parse().ok())
    };
    Some([count("ready")?, count("reserved")?, count("delayed")?, count("buried")?])
}
