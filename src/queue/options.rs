//! How a client behaves.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use super::client::Client;
use crate::beanstalk::MAX_BODY;
use crate::names::{ServerAddress, Tube};

/// How a [`Client`](super::Client) behaves; begin with the default.
#[derive(Debug, Clone)]
pub struct Options {
    /// The tube that puts, peeks and kicks are for.
    pub used: Tube,
    /// The tubes that are reserved from; the server's own default where empty.
    pub watched: BTreeSet<Tube>,
    /// How long looking up the host, connecting and choosing the tubes may take together.
    pub connect_timeout: Duration,
    /// How long a reply may take, the wait of a reserve not counted. Then the connection
    /// is given up.
    pub reply_timeout: Duration,
    /// After how much silence the kernel asks whether the other end is still there, and
    /// how long it may leave that and anything sent unanswered.
    pub keep_alive: Duration,
    /// The first wait before connecting again.
    pub backoff_initial: Duration,
    /// The longest wait before connecting again.
    pub backoff_max: Duration,
    /// The longest body taken from the server, in bytes.
    pub max_body: usize,
    /// How many commands may be without a reply in a pipeline.
    pub window: usize,
    /// Where the jitter of the backoff begins.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            used: Tube::default(),
            watched: BTreeSet::new(),
            connect_timeout: Duration::from_secs(5),
            reply_timeout: Duration::from_secs(30),
            keep_alive: Duration::from_secs(30),
            backoff_initial: Duration::from_millis(100),
            backoff_max: Duration::from_secs(10),
            max_body: MAX_BODY,
            window: 1024,
            // What the standard library seeds its maps with: different in every process.
            seed: RandomState::new().hash_one(std::process::id()) >> 1,
        }
    }
}

impl Options {
    /// For one who puts on `tube`.
    pub fn using(tube: Tube) -> Self {
        Self { used: tube, ..Self::default() }
    }

    /// For one who reserves from `tube` alone.
    pub fn watching(tube: Tube) -> Self {
        Self { watched: BTreeSet::from([tube]), ..Self::default() }
    }

    /// A client for each of `servers`, with jitters of their own.
    pub(super) fn clients(&self, servers: &[ServerAddress]) -> impl Iterator<Item = Client> {
        (self.seed..).zip(servers).map(|(seed, server)| {
            let options = Self { seed, ..self.clone() };
            Client::new(server.clone(), options)
        })
    }
}
