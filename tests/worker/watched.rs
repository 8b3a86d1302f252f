//! A worker whose supervisor is the test.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::process::Command;

use crate::scene::{Scene, Worker, until};

/// A worker, and what it tells its supervisor.
pub(crate) struct Watched {
    pub(crate) worker: Worker,
    notify: UnixDatagram,
    said: Vec<String>,
}

impl Watched {
    /// The scene's worker, whose notify socket has that name.
    pub(crate) fn new(scene: &Scene, name: &str) -> Self {
        Self::spawn(scene, name, &mut scene.command())
    }

    pub(crate) fn spawn(scene: &Scene, name: &str, command: &mut Command) -> Self {
        let path = scene.path(name);
        let notify = UnixDatagram::bind(&path).unwrap();
        notify.set_nonblocking(true).unwrap();
        let worker = scene.spawn(command.env("NOTIFY_SOCKET", &path));
        Self { worker, notify, said: Vec::new() }
    }

    /// What it said last of `key`.
    pub(crate) fn says(&mut self, key: &str) -> Option<&str> {
        let mut bytes = [0; 4096];
        while let Ok(count) = self.notify.recv(&mut bytes) {
            self.said.extend(String::from_utf8_lossy(&bytes[..count]).lines().map(str::to_owned));
        }
        self.said.iter().rev().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
    }

    #[track_caller]
    pub(crate) fn until_says(&mut self, key: &str, text: &str) {
        until(&format!("{key} begins with {text:?}"), || {
            self.says(key).is_some_and(|value| value.starts_with(text))
        });
    }

    /// How often it has gone to sleep so far.
    pub(crate) fn sleeps(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.worker.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap();
        line.trim().parse().unwrap()
    }

    /// Processor time used so far, in hundredths of a second.
    pub(crate) fn cost(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.worker.pid())).unwrap();
        let fields = stat.rsplit_once(')').unwrap().1.split_whitespace();
        fields.skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
    }
}
