//! The thread that copies from pipes to log files. It may wait for the disk; [`Turn`] keeps it and the
//! capturing thread apart.
//!
//! ```text
//!   capture ─ can be read ─► queue ─► read, write ─► nothing more: capture waits for the pipe again
//!                                      ▲     │
//!                                      └─────┘ it flows: looked at when its breath is over
//! ```

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::FileLog;
use super::file::LogFile;
use super::lines::Missed;
use super::pace::{Next, Pace};
use super::turn::Turn;
use crate::process::{Poller, hold_signals, pipe_room};

/// How much is read of one daemon at once, in bytes.
const READ: usize = 64 * 1024;

enum Work {
    Add { token: u64, one: Box<Copied> },
    Copy { token: u64, missed: Missed },
    Note { token: u64, missed: Missed },
    End { token: u64 },
    Reopen,
    Flush(SyncSender<()>),
}

/// A pipe and the file that what comes out of it goes to.
struct Copied {
    pipe: Arc<File>,
    turn: Arc<Turn>,
    file: LogFile,
    pace: Pace,
}

/// The thread that copies from pipes to files.
pub(super) struct Files {
    /// It has no bound of its own: of each daemon at most one request to copy waits in it.
    queue: Sender<Work>,
    thread: JoinHandle<()>,
    done: Arc<Done>,
}

/// What the thread has done and is to do.
#[derive(Debug, Default)]
struct Done {
    steps: AtomicU64,
    /// Requests to copy that it has not come to the end of.
    left: AtomicUsize,
}

impl Files {
    /// Whoever polls is told by `poller` that a pipe can be read, once; the thread sees to the next time.
    pub(super) fn begin(poller: &Arc<Poller>) -> io::Result<Self> {
        let (queue, work) = channel();
        let done = Arc::<Done>::default();
        let thread = thread::Builder::new().name("log-files".to_owned()).stack_size(256 * 1024);
        let copier = Copier::new(work, Arc::clone(&done), Arc::clone(poller));
        let thread = thread.spawn(move || {
            hold_signals();
            copier.run();
        })?;
        Ok(Self { queue, thread, done })
    }

    pub(super) fn add(&self, token: u64, name: &Arc<str>, log: &FileLog, pipe: Arc<File>, turn: Arc<Turn>) {
        let file = LogFile::new(Arc::clone(name), log.clone());
        let pace = Pace::new(pipe_room(&pipe));
        self.send(Work::Add { token, one: Box::new(Copied { pipe, turn, file, pace }) });
    }

    /// Has what is in the pipe copied to the file, after a note of what is missing there.
    pub(super) fn copy(&self, token: u64, missed: Missed) {
        self.done.left.fetch_add(1, SeqCst);
        self.send(Work::Copy { token, missed });
    }

    /// Nothing more is to come.
    pub(super) fn end(&self, token: u64, missed: Missed) {
        self.note(token, missed);
        self.send(Work::End { token });
    }

    /// Whether something is left to do, and how much was done so far.
    pub(super) fn progress(&self) -> (bool, u64) {
        (self.done.left.load(SeqCst) > 0, self.done.steps.load(SeqCst))
    }

    /// Says in its file what is missing there.
    pub(super) fn note(&self, token: u64, missed: Missed) {
        self.send(Work::Note { token, missed });
    }

    /// Waits until all is written that was asked for, but no longer than this; whether it is.
    pub(super) fn flush(&self, at_most: Duration) -> bool {
        super::flush(|done| self.queue.send(Work::Flush(done)).is_ok(), at_most)
    }

    /// Waits for the thread's end. May take as long as the disk does.
    pub(super) fn finish(self) {
        drop(self.queue);
        let _ = self.thread.join();
    }

    pub(super) fn reopen(&self) {
        self.send(Work::Reopen);
    }

    fn send(&self, work: Work) {
        // The thread ends when this does.
        let _ = self.queue.send(work);
    }
}

pub(super) struct Copier {
    work: Receiver<Work>,
    done: Arc<Done>,
    poller: Arc<Poller>,
    copied: HashMap<u64, Copied>,
    /// Those that are looked at again unasked, by when that is.
    flowing: BTreeSet<(Instant, u64)>,
}

impl Copier {
    fn new(work: Receiver<Work>, done: Arc<Done>, poller: Arc<Poller>) -> Self {
        Self { work, done, poller, copied: HashMap::new(), flowing: BTreeSet::new() }
    }

    pub(super) fn run(mut self) {
        let mut buffer = vec![0; READ];
        // What is left in the pipes when nobody asks any more is the next program's.
        while let Some(work) = self.next() {
            match work {
                Work::Add { token, one } => drop(self.copied.insert(token, *one)),
                Work::Copy { token, missed } => match self.copy(token, &missed, &mut buffer) {
                    Some(next) => drop(self.flowing.insert((next, token))),
                    None => drop(self.done.left.fetch_sub(1, SeqCst)),
                },
                Work::Note { token, missed } => {
                    if let Some(one) = self.copied.get_mut(&token) {
                        one.file.miss(&missed);
                        one.file.write(b"");
                    }
                }
                Work::End { token } => {
                    if let Some(mut one) = self.copied.remove(&token) {
                        one.file.end();
                    }
                }
                Work::Flush(done) => drop(done.try_send(())),
                Work::Reopen => self.copied.values_mut().for_each(|one| one.file.reopen()),
            }
        }
    }

    /// Waits for something to do. What was asked for comes first: those that flow come again and again.
    fn next(&mut self) -> Option<Work> {
        let Some(&(due, token)) = self.flowing.first() else { return self.work.recv().ok() };
        match self.work.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Ok(work) => Some(work),
            Err(RecvTimeoutError::Timeout) => {
                self.flowing.pop_first();
                Some(Work::Copy { token, missed: Missed::default() })
            }
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }

    /// When to do so again; `None`: once it is asked for.
    fn copy(&mut self, token: u64, missed: &Missed, buffer: &mut [u8]) -> Option<Instant> {
        let one = self.copied.get_mut(&token)?;
        one.file.miss(missed);
        let mut found = 0;
        loop {
            if !one.turn.begin() {
                // It was taken; the other thread listens to the pipe.
                one.turn.rest();
                return None;
            }
            let read = (&*one.pipe).read(buffer);
            one.turn.done();
            match read {
                Ok(n) if n > 0 => {
                    one.file.write(&buffer[..n]);
                    self.done.steps.fetch_add(1, SeqCst);
                    found += n;
                    if n < buffer.len() || found >= one.pace.turn() {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => {
                    one.turn.end();
                    let _ = self.poller.again(&one.pipe, token);
                    return None;
                }
            }
        }
        let now = Instant::now();
        match one.pace.after(found, now) {
            Next::Again => Some(now),
            Next::Breathe(breath) => Some(now + breath),
            Next::Wait => {
                one.turn.rest();
                let _ = self.poller.again(&one.pipe, token);
                None
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
