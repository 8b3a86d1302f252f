//! A beanstalkd on a socket, and what is asked of it without a client.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

/// A beanstalkd on a socket. It dies with the value.
pub(crate) struct Server {
    child: Child,
    pub(crate) socket: PathBuf,
}

/// A connection that uses and watches one tube, `t`.
pub(crate) struct Connection(BufReader<UnixStream>);

impl Server {
    pub(crate) fn start(folder: &Path) -> Outcome<Self> {
        let socket = folder.join("socket");
        let listen = format!("unix:{}", socket.display());
        let child = Command::new("beanstalkd").args(["-l", &listen]).stderr(Stdio::null()).spawn()?;
        let server = Self { child, socket };
        let deadline = Instant::now() + Duration::from_secs(10);
        while UnixStream::connect(&server.socket).is_err() {
            if Instant::now() > deadline {
                return Err("beanstalkd does not listen".into());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(server)
    }

    pub(crate) fn connect(&self) -> Outcome<Connection> {
        let mut connection = Connection(BufReader::new(UnixStream::connect(&self.socket)?));
        for command in ["use t", "watch t", "ignore default"] {
            connection.ask(command)?;
        }
        Ok(connection)
    }

    /// `ayl_worker` for the tube, of an application in `folder`.
    pub(crate) fn worker(&self, folder: &Path) -> io::Result<Child> {
        Command::new(env!("CARGO_BIN_EXE_ayl_worker"))
            .args(["-t", "t", "-a"])
            .arg(folder)
            .env("AYL_BEANSTALK", format!("unix:{}", self.socket.display()))
            .env("AYL_LIBRARY", env!("CARGO_MANIFEST_DIR"))
            .stderr(Stdio::null())
            .spawn()
    }
}

impl Connection {
    /// The first line of the answer to a command.
    pub(crate) fn ask(&mut self, command: &str) -> io::Result<String> {
        self.0.get_mut().write_all(format!("{command}\r\n").as_bytes())?;
        self.line()
    }

    /// One more line of it.
    pub(crate) fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        line.truncate(line.trim_end().len());
        Ok(line)
    }

    /// What comes after the first line: so many bytes, and the end of a line.
    pub(crate) fn data(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut data = vec![0; length + 2];
        self.0.read_exact(&mut data)?;
        data.truncate(length);
        Ok(data)
    }

    pub(crate) fn put(&mut self, body: &str) -> Outcome<()> {
        let reply = self.ask(&format!("put 512 0 120 {}\r\n{body}", body.len()))?;
        if reply.starts_with("INSERTED") { Ok(()) } else { Err(reply.into()) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
