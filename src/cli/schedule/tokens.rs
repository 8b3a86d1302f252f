//! What the queue and this host's disk know of an entry.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::names::{ApplicationName, EntryName};
use crate::queue::{Client, Error};
use crate::schedule::{Past, Token, token_tube};
use crate::scheduler;

/// Where systemd keeps what the service is to remember.
const STATE: &str = "/var/lib/abaqis-daemons";

/// Where a token is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Seen {
    /// In its tube, until its entry is due.
    Waiting(Box<Token>),
    /// A scheduler has it in hand at this moment; nobody else can look at it.
    Held,
}

/// The token of an entry; `None`: the queue has none.
pub(super) async fn look(
    client: &mut Client,
    application: &ApplicationName,
    entry: &EntryName,
) -> Result<Option<Seen>, Error> {
    client.ready().await?;
    let Ok(tube) = token_tube(application, entry) else { return Ok(None) };
    client.use_tube(&tube).await?;
    let mut job = client.peek_ready().await?;
    if job.is_none() {
        job = client.peek_delayed().await?;
    }
    if job.is_none() {
        job = client.peek_buried().await?;
    }
    if let Some(token) = job.and_then(|job| Token::parse(&job.body)) {
        return Ok(Some(Seen::Waiting(Box::new(token))));
    }
    let held = client.stats_tube(&tube).await?.is_some_and(|stats| stats.reserved > 0);
    Ok(held.then_some(Seen::Held))
}

/// What the scheduler on this host remembers, where that may be read: for tokens that are
/// held or gone.
pub(super) fn remembered(runtime: &Path, application: &ApplicationName) -> BTreeMap<EntryName, Past> {
    let folders = [PathBuf::from(STATE), runtime.join("state")];
    let path = |folder: PathBuf| folder.join("schedule").join(application.as_str()).join("memory.json");
    folders.into_iter().find_map(|folder| scheduler::remembered(&path(folder)).ok()).unwrap_or_default()
}
