//! The reconciler: a look at every token, at each connection, after each change of the
//! timetable, and once a minute.
//!
//! It seeds what is missing, wakes two that are one too many, and one whose time no longer
//! fits (another rule, a clock that was set). What is to become of a token that was woken
//! is for the turn of whoever reserves it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Options;
use super::journal::Journal;
use super::memory::Memory;
use super::round::put_token;
use crate::beanstalk::Job;
use crate::names::{EntryName, Tube};
use crate::queue::{Client, Error};
use crate::schedule::timetable::{Entry, Timetable};
use crate::schedule::{Past, Token, delay, entry_of, next_look, splay, token_tube};

/// A token that is missing for so long, and up to as long again, is put: others may be about
/// to, and no two are to do it at the same time.
pub(super) const SETTLE: Duration = Duration::from_secs(2);

/// A token may be so late without being stale.
const LATE: SignedDuration = SignedDuration::from_secs(2);

/// How many tokens of an entry that is gone are removed in one look.
const MOST: usize = 100;

/// Since when entries have no token.
pub(super) type Missing = BTreeMap<EntryName, Timestamp>;

/// What a look works with.
pub(super) struct Look<'a> {
    pub(super) client: &'a mut Client,
    pub(super) options: &'a Options,
    pub(super) memory: &'a mut Memory,
    pub(super) journal: &'a mut Journal,
    pub(super) missing: &'a mut Missing,
}

impl Look<'_> {
    /// Looks at every token.
    pub(super) async fn at(&mut self, timetable: &Timetable) -> Result<(), Error> {
        for entry in timetable.entries.iter().filter(|entry| entry.enabled) {
            self.entry(entry).await?;
        }
        self.leftovers(timetable).await
    }

    async fn entry(&mut self, entry: &Entry) -> Result<(), Error> {
        let Ok(tube) = token_tube(&self.options.application, &entry.name) else { return Ok(()) };
        let stats = self.client.stats_tube(&tube).await?;
        let (free, reserved, buried) =
            stats.map_or((0, 0, 0), |stats| (stats.ready + stats.delayed, stats.reserved, stats.buried));
        if free + reserved + buried == 0 {
            return self.absent(entry, &tube).await;
        }
        self.missing.remove(&entry.name);
        self.client.use_tube(&tube).await?;
        if buried > 0 {
            // Nobody of ours buries one.
            self.client.kick(u32::try_from(buried).unwrap_or(u32::MAX)).await?;
        }
        let Some(job) = self.client.peek_delayed().await? else { return Ok(()) };
        self.delayed(entry, &job, free > 1).await
    }

    /// There is no token: others may put one, so it is put only if that lasts.
    async fn absent(&mut self, entry: &Entry, tube: &Tube) -> Result<(), Error> {
        let now = Timestamp::now();
        let since = *self.missing.entry(entry.name.clone()).or_insert(now);
        let settle = SETTLE + splay(&self.options.name, since, SETTLE);
        if now.duration_since(since).unsigned_abs() < settle {
            return Ok(());
        }
        self.missing.remove(&entry.name);
        let past = self.memory.of(&entry.name).cloned().unwrap_or_else(|| Past::begin(entry, since));
        let Some(due) = next_look(entry, past.last, now) else { return Ok(()) };
        self.journal.seeds(&entry.name);
        let Options { application, name, .. } = self.options;
        let token = Token::new(application.clone(), entry.name.clone(), due, past, name, now);
        self.client.use_tube(tube).await?;
        put_token(self.client, &token, delay(due, now)).await?;
        Ok(())
    }

    /// The delayed token that is due first: what it knows is remembered; it is woken if it
    /// is not alone, or sleeps for another time than it should.
    async fn delayed(&mut self, entry: &Entry, job: &Job, crowd: bool) -> Result<(), Error> {
        let now = Timestamp::now();
        let token = Token::parse(&job.body);
        if let Some(token) = &token
            && let Some(error) = self.memory.remember(&entry.name, &token.past)
        {
            self.journal.trouble(&format!("cannot remember the slots that were put: {error}"));
        }
        let fits = token.as_ref().is_some_and(|token| {
            let rule = token.past.rule == entry.rule.to_string();
            let due = next_look(entry, token.past.last, now) == Some(token.due);
            rule && due && now.duration_since(token.due) < LATE
        });
        if crowd || !fits {
            match self.client.kick_job(job.id).await {
                Ok(()) | Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Tokens of entries that are not (any more) in this timetable, nor in that of another
    /// scheduler that runs.
    async fn leftovers(&mut self, timetable: &Timetable) -> Result<(), Error> {
        for tube in self.client.list_tubes().await? {
            let Some(name) = entry_of(&self.options.application, &tube) else { continue };
            let ours = timetable.entries.iter().any(|entry| entry.enabled && entry.name == name);
            let watched = self.client.stats_tube(&tube).await?.is_none_or(|stats| stats.watching > 0);
            if ours || watched {
                continue;
            }
            self.client.use_tube(&tube).await?;
            for _ in 0..MOST {
                let Some(job) = self.any().await? else { break };
                self.journal.removes(&name);
                match self.client.delete(job.id).await {
                    Ok(()) | Err(Error::NotFound { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    async fn any(&mut self) -> Result<Option<Job>, Error> {
        if let Some(job) = self.client.peek_ready().await? {
            return Ok(Some(job));
        }
        if let Some(job) = self.client.peek_delayed().await? {
            return Ok(Some(job));
        }
        self.client.peek_buried().await
    }
}
