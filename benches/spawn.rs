//! What a start costs beside the least there is: kill a child, see its end, reap it,
//! start the next, until that has begun its program.
//!
//! ```text
//!   cargo bench --bench spawn [ROUNDS]
//! ```
//!
//! All loops run in one process, which holds as much memory as a supervisor of a
//! thousand daemons and goes on using it between the rounds.

use std::ffi::CString;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use abaqis_daemons::process::{Child, Command, Identity, Output, Signal, spawn, users};

/// As much as a supervisor of a thousand daemons holds, in bytes.
const BALLAST: usize = 8 << 20;

/// As many of its pages are written to between two starts.
const TOUCHED: usize = 40;

/// A program that waits for its end.
const PROGRAM: [&str; 2] = ["/bin/sleep", "1000"];

fn main() {
    let rounds = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(1000);
    let mut ballast = vec![1_u8; BALLAST];
    println!("{rounds} rounds of kill, reap, start; microseconds, and the ratio of p50 to posix_spawn");
    let floor = measure("posix_spawn", rounds, None, &mut ballast, posix_spawn);
    measure("fork and exec", rounds, Some(floor), &mut ballast, fork_and_exec);
    let same = command(None);
    measure("ours", rounds, Some(floor), &mut ballast, || ours(&same));
    if users::own_uid() == 0 {
        let nobody = command(Some(Identity { uid: 65534, gid: 65534, groups: vec![65534] }));
        measure("ours, another user", rounds, Some(floor), &mut ballast, || ours(&nobody));
    }
}

fn measure(
    name: &str,
    rounds: usize,
    floor: Option<f64>,
    ballast: &mut [u8],
    mut start: impl FnMut() -> Child,
) -> f64 {
    let mut child = start();
    let mut took = Vec::with_capacity(rounds);
    for round in 0..rounds {
        for page in 0..TOUCHED {
            ballast[(round * 7919 + page * 40961) % BALLAST] = 2;
        }
        let began = Instant::now();
        child.signal(Signal::KILL).unwrap();
        reap(&child);
        child = start();
        took.push(began.elapsed());
    }
    child.signal(Signal::KILL).unwrap();
    reap(&child);
    took.sort_unstable();
    let micros = |at: usize| took.get(at).map_or(0.0, |time: &Duration| time.as_secs_f64() * 1e6);
    let (p50, p99) = (micros(rounds / 2), micros(rounds * 99 / 100));
    println!("{name:20} p50 {p50:7.0}  p99 {p99:7.0}  {:5.2} x", p50 / floor.unwrap_or(p50));
    p50
}

fn reap(child: &Child) {
    let mut poll = libc::pollfd { fd: child.pidfd().as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one pollfd, which outlives the call.
    unsafe { libc::poll(&raw mut poll, 1, -1) };
    child.reap().unwrap().unwrap();
}

fn command(identity: Option<Identity>) -> Command {
    Command { env: std::env::vars_os().collect(), identity: identity.map(Arc::new), ..Command::new(PROGRAM) }
}

fn ours(command: &Command) -> Child {
    let null = File::options().write(true).open("/dev/null").unwrap();
    let output = Output { stdout: null.as_fd(), stderr: null.as_fd() };
    let mut child = spawn(command, output, None).unwrap();
    while child.started().is_none() {
        let Some(status) = child.status() else { break };
        let mut poll = libc::pollfd { fd: status.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one pollfd, which outlives the call.
        unsafe { libc::poll(&raw mut poll, 1, -1) };
    }
    child
}

/// The arguments and the environment as C has them.
fn c_strings() -> (Vec<CString>, Vec<CString>) {
    let argv = PROGRAM.map(|text| CString::new(text).unwrap()).to_vec();
    let env = std::env::vars().map(|(name, value)| CString::new(format!("{name}={value}")).unwrap());
    (argv, env.collect())
}

fn pointers(texts: &[CString]) -> Vec<*mut libc::c_char> {
    texts.iter().map(|text| text.as_ptr().cast_mut()).chain([ptr::null_mut()]).collect()
}

fn posix_spawn() -> Child {
    let (argv, env) = c_strings();
    let (argv, env) = (pointers(&argv), pointers(&env));
    let mut pid = 0;
    // SAFETY: the lists end in null pointers and outlive the call.
    let result = unsafe {
        libc::posix_spawn(&raw mut pid, argv[0], ptr::null(), ptr::null(), argv.as_ptr(), env.as_ptr())
    };
    assert_eq!(result, 0);
    Child::adopt(pid).unwrap()
}

fn fork_and_exec() -> Child {
    let (argv, env) = c_strings();
    let (argv, env) = (pointers(&argv), pointers(&env));
    let mut pipe = [0; 2];
    // SAFETY: two descriptors are written; the child of a process with one thread calls
    // nothing but exec and exit.
    let (pid, status) = unsafe {
        assert_eq!(libc::pipe2(pipe.as_mut_ptr(), libc::O_CLOEXEC), 0);
        let pid = libc::fork();
        if pid == 0 {
            libc::execve(argv[0], argv.as_ptr().cast(), env.as_ptr().cast());
            libc::_exit(127);
        }
        libc::close(pipe[1]);
        (pid, OwnedFd::from_raw_fd(pipe[0]))
    };
    let child = Child::adopt(pid).unwrap();
    // Until exec closes it.
    assert_eq!(File::from(status).read(&mut [0]).unwrap(), 0);
    child
}
