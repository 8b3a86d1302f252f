//! Who may ask the supervisor for what.
//!
//! | peer | may |
//! |---|---|
//! | root, the supervisor's own user | everything |
//! | a member of the group `abaqis` | look, and restart |
//! | anybody else | not even connect |

use super::messages::{Refusal, Request, Verb};

/// The group whose members may look and restart.
pub const GROUP: &str = "abaqis";

/// Who is at the other end of a connection, as the kernel says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its effective user when it connected.
    pub uid: u32,
    /// Its effective group when it connected.
    pub gid: u32,
    /// Its other groups when it connected.
    pub groups: Vec<u32>,
    /// Its process, where the kernel knows it.
    pub pid: Option<i32>,
}

/// Who is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// The supervisor's user.
    pub owner: u32,
    /// The group whose members may look and restart.
    pub group: Option<u32>,
}

/// How much a peer may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// See what is there, and restart it.
    Look,
    /// Everything.
    Everything,
}

impl Access {
    /// What `peer` may do, or why it may not connect.
    pub fn level(&self, peer: &Peer) -> Result<Level, Refusal> {
        if peer.uid == 0 || peer.uid == self.owner {
            return Ok(Level::Everything);
        }
        match self.group {
            Some(group) if peer.gid == group || peer.groups.contains(&group) => Ok(Level::Look),
            _ => Err(Refusal::Stranger { uid: peer.uid, owner: self.owner }),
        }
    }

    /// Whether `peer`, who is let in at `level`, may ask for `request`.
    pub fn check(&self, peer: &Peer, level: Level, request: &Request) -> Result<(), Refusal> {
        let (needs, what) = needs(request);
        if level >= needs {
            return Ok(());
        }
        Err(Refusal::NotPermitted { uid: peer.uid, owner: self.owner, what: what.to_owned() })
    }
}

fn needs(request: &Request) -> (Level, &'static str) {
    match request {
        Request::Status { .. } => (Level::Look, "status"),
        Request::Plan => (Level::Look, "plan"),
        Request::Events { .. } => (Level::Look, "events"),
        Request::Logs { .. } | Request::Output { .. } => (Level::Look, "logs"),
        Request::Releases { .. } => (Level::Look, "releases"),
        // What a watched folder brings about by itself.
        Request::Deploy { .. } => (Level::Look, "deploy"),
        Request::Rollback { .. } => (Level::Everything, "rollback"),
        Request::Reload => (Level::Everything, "reload"),
        Request::Upgrade => (Level::Everything, "upgrade"),
        Request::Signal { .. } => (Level::Everything, "signal"),
        Request::Operate(operation) => match operation.verb {
            Verb::Restart => (Level::Look, "restart"),
            Verb::Start => (Level::Everything, "start"),
            Verb::Stop => (Level::Everything, "stop"),
        },
    }
}
