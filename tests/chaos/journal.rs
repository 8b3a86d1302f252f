//! A journal of this test's own, where root may have a /run of its own.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

const SOCKET: &str = "/run/systemd/journal/stdout";
const HIDDEN: &str = "/run/systemd/journal/hidden";

/// Takes streams, and adds what comes over them to a file, for as long as the test lasts.
pub(crate) fn listen(file: PathBuf) {
    fs::create_dir_all(Path::new(SOCKET).parent().unwrap()).unwrap();
    let listener = UnixListener::bind(SOCKET).unwrap();
    fs::set_permissions(SOCKET, Permissions::from_mode(0o666)).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let Ok(mut file) = File::options().create(true).append(true).open(&file) else { return };
            std::thread::spawn(move || io::copy(&mut stream, &mut file));
        }
    });
}

/// Takes the socket away, or puts it back. The streams that are there stay.
pub(crate) fn hide(gone: bool) {
    let (from, to) = if gone { (SOCKET, HIDDEN) } else { (HIDDEN, SOCKET) };
    // It may be so already.
    let _ = fs::rename(from, to);
}
