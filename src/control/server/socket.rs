//! Making the socket: where it lies, whose it is.

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use thiserror::Error;
use tokio::net::UnixStream;

use crate::control::SOCKET;
use crate::control::access::{Access, GROUP, Peer};
use crate::process::peer::peer_groups;

/// The longest path of a socket, in bytes (`sizeof sun_path - 1`).
const MAX_PATH: usize = 107;

/// Why there is no control socket.
#[derive(Debug, Error)]
pub enum SocketError {
    /// Longer than the kernel takes.
    #[error("{path}: {len} bytes are too many for a socket's path, at most {MAX_PATH}; use a shorter runtime directory", len = path.as_os_str().len())]
    TooLong {
        /// The path.
        path: PathBuf,
    },
    /// Something else has its name.
    #[error("{path}: not a socket; remove it")]
    Occupied {
        /// The path.
        path: PathBuf,
    },
    /// The system said no.
    #[error("{path}: cannot {what}: {source}")]
    Io {
        /// The path.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// Why not.
        source: io::Error,
    },
}

impl Peer {
    /// Who is at the other end of `stream`.
    pub fn of(stream: &UnixStream) -> io::Result<Self> {
        let credentials = stream.peer_cred()?;
        Ok(Self {
            uid: credentials.uid(),
            gid: credentials.gid(),
            groups: peer_groups(stream.as_fd())?,
            pid: credentials.pid(),
        })
    }
}

impl Access {
    /// As fits this process: its own user, and the group `abaqis` when it is root and there is one.
    pub fn of_this_process() -> Self {
        let owner = nix::unistd::geteuid();
        let group = if owner.is_root() { nix::unistd::Group::from_name(GROUP).ok().flatten() } else { None };
        Self { owner: owner.as_raw(), group: group.map(|group| group.gid.as_raw()) }
    }
}

/// Makes the socket in `runtime`, mode 0660, and gives it to the group of `access`.
///
/// The caller holds the lock of that directory, so a socket that lies there is what a
/// killed supervisor left, and is replaced.
pub fn listen(runtime: &Path, access: Access) -> Result<(UnixListener, PathBuf), SocketError> {
    let path = runtime.join(SOCKET);
    let io = |what| {
        let path = path.clone();
        move |source| SocketError::Io { path, what, source }
    };
    if path.as_os_str().len() > MAX_PATH {
        return Err(SocketError::TooLong { path });
    }
    match fs::symlink_metadata(&path) {
        Ok(there) if there.file_type().is_socket() => {
            fs::remove_file(&path).map_err(io("remove what a killed supervisor left"))?;
        }
        Ok(_) => return Err(SocketError::Occupied { path }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(io("look at it")(error)),
    }
    let listener = UnixListener::bind(&path).map_err(io("make the socket"))?;
    listener.set_nonblocking(true).map_err(io("set it up"))?;
    if let Some(group) = access.group {
        chown(&path, None, Some(group)).map_err(io("give it to the group abaqis"))?;
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o660)).map_err(io("set its mode"))?;
    Ok((listener, path))
}
