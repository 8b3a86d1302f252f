//! A journal of this test's own, where root may have a /run of its own; and what is written to it,
//! with the moment of each line.

use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use crate::host::now;

const SOCKET: &str = "/run/systemd/journal/stdout";
const HIDDEN: &str = "/run/systemd/journal/hidden";

/// A stream begins with so many lines of its own.
const HEAD: usize = 7;

/// Takes streams, and adds what comes over them to a file, for as long as the test lasts.
pub(crate) fn listen(file: PathBuf) {
    fs::create_dir_all(Path::new(SOCKET).parent().unwrap()).unwrap();
    let listener = UnixListener::bind(SOCKET).unwrap();
    fs::set_permissions(SOCKET, Permissions::from_mode(0o666)).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            keep(stream, file.clone(), HEAD);
        }
    });
}

/// Adds each line that comes, but for the first `head`, to a file, with the moment it came.
pub(crate) fn keep(from: impl Read + Send + 'static, file: PathBuf, head: usize) {
    std::thread::spawn(move || {
        let Ok(mut file) = File::options().create(true).append(true).open(file) else { return };
        let lines = BufReader::new(from).split(b'\n').map_while(Result::ok).skip(head);
        for line in lines {
            let line = format!("{:>10}  {}\n", now(), String::from_utf8_lossy(&line));
            // Nobody can be told.
            let _ = file.write_all(line.as_bytes());
        }
    });
}

/// Takes the socket away, or puts it back. The streams that are there stay.
pub(crate) fn hide(gone: bool) {
    let (from, to) = if gone { (SOCKET, HIDDEN) } else { (HIDDEN, SOCKET) };
    // It may be so already.
    let _ = fs::rename(from, to);
}
