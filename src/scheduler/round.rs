//! One turn with a reserved token: each step that [`Turn`] asks for, at the queue.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::Options;
use crate::ayl::{Engine, EngineError, KeySet, Message};
use crate::beanstalk::{Command, Delay, JobId, JobState, Priority, Refusal, Ttr};
use crate::names::Tube;
use crate::queue::{Client, Error, NewJob};
use crate::schedule::timetable::Entry;
use crate::schedule::{Ask, Heard, Outcome, Past, PutJob, Token, Turn, token_tube};

/// How long a token is its scheduler's without a sign of life, in seconds: many times what a
/// turn takes, and as late as a slot is when its scheduler was stopped in the middle.
pub(super) const TTR: Ttr = Ttr(10);

/// How long the token sleeps when the queue takes no jobs at the moment, in seconds.
const DRAINING: u32 = 5;

/// Whoever waits: told when the program is to end.
pub(super) trait Patience {
    /// Waits; false: the program is to end, at once.
    fn sleep(&mut self, time: Duration) -> impl Future<Output = bool>;
}

/// Why a turn did not end.
#[derive(Debug)]
pub(super) enum Broken {
    /// The queue failed in the middle; the token is ready again, or will be.
    Queue(Error),
    /// The queue takes no jobs now; the token was given back.
    Later(String),
    /// The program is to end.
    Leave,
}

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        Self::Queue(error)
    }
}

/// Takes the turn of `entry` with `token`, reserved as job `id` on `client`. Returns how it ended, and what
/// is known of the entry by then: the queue may have died after the job was put.
pub(super) async fn take(
    client: &mut Client,
    options: &Options,
    entry: &Entry,
    (id, token): (JobId, Token),
    known: Option<&Past>,
    patience: &mut impl Patience,
) -> (Result<Outcome, Broken>, Past) {
    let mut turn = Turn::new(entry, id, token, known, &options.name);
    let ended = steps(client, options, entry, (id, &mut turn), patience).await;
    (ended, turn.past().clone())
}

async fn steps(
    client: &mut Client,
    options: &Options,
    entry: &Entry,
    (id, turn): (JobId, &mut Turn<'_>),
    patience: &mut impl Patience,
) -> Result<Outcome, Broken> {
    let tube = token_tube(&options.application, &entry.name).map_err(|_| Error::NoServer)?;
    let session = client.session();
    let mut ask = Ask::Count;
    loop {
        let heard = match &ask {
            Ask::End(outcome) => return Ok(outcome.clone()),
            Ask::Hold(until) => {
                let time = Duration::try_from(until.duration_since(Timestamp::now())).unwrap_or_default();
                if !patience.sleep(time).await {
                    return Err(Broken::Leave);
                }
                Heard::Done
            }
            ask => {
                // On another connection the token is somebody else's.
                client.ready().await?;
                if client.session() != session {
                    return Ok(Outcome::Lost);
                }
                step(client, options, entry, (&tube, id), ask).await?
            }
        };
        ask = turn.step(heard, Timestamp::now());
    }
}

async fn step(
    client: &mut Client,
    options: &Options,
    entry: &Entry,
    (tube, id): (&Tube, JobId),
    ask: &Ask,
) -> Result<Heard, Broken> {
    Ok(match ask {
        Ask::Count => {
            let stats = client.stats_tube(tube).await?;
            Heard::Count(stats.map_or(0, |stats| stats.ready + stats.reserved + stats.delayed + stats.buried))
        }
        Ask::Look => {
            client.use_tube(tube).await?;
            let job = match client.peek_ready().await? {
                Some(job) => Some(job),
                None => client.peek_delayed().await?,
            };
            job.map_or(Heard::Missing, |job| Heard::Found(job.id, Token::parse(&job.body).map(Box::new)))
        }
        Ask::Remove(other) => found(client.delete(*other).await)?,
        Ask::Unfinished(job) => unfinished(client, job).await?,
        Ask::Touch => found(client.carry_out(&Command::Touch(id)).await)?,
        Ask::Job(slot) => match put(client, options.keys.as_ref(), entry, *slot, &options.tube).await {
            Ok((job, tube)) => Heard::Put(job, tube),
            Err(EngineError::Queue(error)) => refused(client, id, error).await?,
            Err(error @ EngineError::NoSigningKey) => Heard::Refused(error.to_string()),
        },
        Ask::Token(token, delay) => {
            client.use_tube(tube).await?;
            Heard::Put(put_token(client, token, *delay).await?, tube.clone())
        }
        Ask::Release(delay) => {
            let release = Command::Release { job: id, priority: Priority(0), delay: Delay(*delay) };
            found(client.carry_out(&release).await)?
        }
        Ask::Delete => found(client.carry_out(&Command::Delete(id)).await)?,
        Ask::Hold(_) | Ask::End(_) => Heard::Done,
    })
}

/// Puts a token on the tube in use. One that is due goes before those that are only about to be: they
/// are held until then, and an entry that has much to catch up with would wait for that each time.
pub(super) async fn put_token(client: &mut Client, token: &Token, delay: u32) -> Result<JobId, Error> {
    let priority = Priority(u32::from(token.due > token.at));
    let job = NewJob { priority, delay: Delay(delay), ttr: TTR, body: token.to_body() };
    client.put(&job).await
}

/// Puts the entry's job for `slot`, on `tube` unless the entry names one; returns where it is.
///
/// # Errors
/// [`EngineError`]
pub async fn put(
    client: &mut Client,
    keys: Option<&Arc<KeySet>>,
    entry: &Entry,
    slot: Timestamp,
    tube: &Tube,
) -> Result<(JobId, Tube), EngineError<Error>> {
    let mut message = Message::new(entry.code.clone(), Some(entry.put.handler));
    message.slot = Some(format!("{}@{slot}", entry.name));
    let options = entry.put.options(tube);
    let mut engine = match keys {
        Some(keys) => Engine::signing(client, keys.clone()),
        None => Engine::new(client),
    };
    let job = match engine.submit_message(message, &options).await {
        // It is there, and shown as buried.
        Err(EngineError::Queue(Error::Buried { job: Some(job), .. })) => job,
        put => put?,
    };
    Ok((job, options.queue_name))
}

/// A job that the queue does not take: never, or not now.
async fn refused(client: &mut Client, id: JobId, error: Error) -> Result<Heard, Broken> {
    match error {
        Error::Refused {
            refusal: Refusal::Draining | Refusal::OutOfMemory | Refusal::InternalError, ..
        } => {
            let release = Command::Release { job: id, priority: Priority(0), delay: Delay(DRAINING) };
            client.carry_out(&release).await?;
            Err(Broken::Later(error.to_string()))
        }
        Error::Refused { .. } | Error::Invalid(_) => Ok(Heard::Refused(error.to_string())),
        error => Err(error.into()),
    }
}

fn found(done: Result<(), Error>) -> Result<Heard, Error> {
    match done {
        Ok(()) => Ok(Heard::Done),
        Err(Error::NotFound { .. }) => Ok(Heard::Missing),
        Err(error) => Err(error),
    }
}

/// Whether a job is still to be done. One that is buried is not going to be by itself; of a
/// queue that has begun anew the number is another job's, which is younger.
async fn unfinished(client: &mut Client, job: &PutJob) -> Result<Heard, Error> {
    let age = Timestamp::now().duration_since(job.at).as_secs();
    let same = client.stats_job(job.id).await?.is_some_and(|stats| {
        let old = i64::try_from(stats.age).unwrap_or(i64::MAX) + 2 >= age;
        stats.tube == job.tube && old && stats.state != JobState::Buried
    });
    Ok(if same { Heard::Yes } else { Heard::Missing })
}
