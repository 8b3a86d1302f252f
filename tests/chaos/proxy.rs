//! Stands between the workers, or the operators, and the queue, and spoils what goes through when it is told to.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::record::{Record, Talk};
use crate::schedule::Line;

const WELL: u8 = 0;
const SLOW: u8 = 1;
const CUT: u8 = 2;
const GARBLED: u8 = 3;

/// A proxy. Its threads end with the test.
pub(crate) struct Proxy {
    fate: Arc<Fate>,
    pub(crate) address: SocketAddr,
}

/// What happens to bytes, and how often each of it has happened.
#[derive(Default)]
struct Fate {
    now: AtomicU8,
    been: [AtomicUsize; 4],
}

impl Proxy {
    /// Before the queue on this socket; what is said there is recorded. `operators`: only they say it.
    pub(crate) fn before(queue: &Path, record: &Arc<Mutex<Record>>, operators: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let fate = Arc::<Fate>::default();
        let (queue, told, record) = (queue.to_owned(), Arc::clone(&fate), Arc::clone(record));
        std::thread::spawn(move || {
            accept(&listener, &queue, &told, &|| Arc::new(Mutex::new(Talk::new(record.clone(), operators))));
        });
        Self { fate, address }
    }

    /// What happens to bytes from now on.
    pub(crate) fn set(&self, line: Option<Line>) {
        let state = match line {
            None => WELL,
            Some(Line::Slow) => SLOW,
            Some(Line::Cut) => CUT,
            Some(Line::Garbled) => GARBLED,
        };
        self.fate.now.store(state, Ordering::Relaxed);
    }

    /// How many pieces were held up, how many connections cut, how many answers garbled.
    pub(crate) fn spoilt(&self) -> [usize; 3] {
        [SLOW, CUT, GARBLED].map(|state| self.fate.been[usize::from(state)].load(Ordering::Relaxed))
    }
}

fn accept(listener: &TcpListener, queue: &PathBuf, fate: &Arc<Fate>, begin: &dyn Fn() -> Arc<Mutex<Talk>>) {
    for client in listener.incoming().flatten() {
        // Where there is no queue the connection is closed.
        let Ok(server) = UnixStream::connect(queue) else { continue };
        let _ = client.set_nodelay(true);
        let (Ok(to_client), Ok(to_server)) = (client.try_clone(), server.try_clone()) else { continue };
        let (asks, answers) = (Arc::clone(fate), Arc::clone(fate));
        let talk = begin();
        let heard = Arc::clone(&talk);
        std::thread::spawn(move || pass(client, to_server, &asks, &talk, false));
        std::thread::spawn(move || pass(server, to_client, &answers, &heard, true));
    }
}

/// Passes bytes on until an end is closed. Only what the queue says is garbled (`answers`): what it is
/// told could then be to delete another job.
fn pass(mut from: impl Read, mut to: impl Write + Close, fate: &Fate, talk: &Mutex<Talk>, answers: bool) {
    let mut piece = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut piece) {
        let state = fate.now.load(Ordering::Relaxed);
        // What is cut off has been answered, and has not been said.
        if answers {
            talk.lock().unwrap().hears(&piece[..count]);
        } else if state != CUT {
            talk.lock().unwrap().says(&piece[..count]);
        }
        if state != GARBLED || answers {
            fate.been[usize::from(state)].fetch_add(1, Ordering::Relaxed);
        }
        let spoilt = match state {
            SLOW => {
                std::thread::sleep(Duration::from_millis(50));
                Ok(())
            }
            CUT => break,
            GARBLED if answers => to.write_all(b"\0WHAT 17\n"),
            _ => Ok(()),
        };
        if spoilt.and_then(|()| to.write_all(&piece[..count])).is_err() {
            break;
        }
    }
    to.close();
}

/// Both directions of a socket.
trait Close {
    fn close(&self);
}

impl Close for TcpStream {
    fn close(&self) {
        let _ = self.shutdown(Shutdown::Both);
    }
}

impl Close for UnixStream {
    fn close(&self) {
        let _ = self.shutdown(Shutdown::Both);
    }
}
