//! Submitting jobs from Rust: a call and options in, a job on a tube out.
//!
//! The queue, the clock and chance are the [`Queue`]'s, so that this stays pure.

use std::sync::Arc;

use thiserror::Error;

use super::{Call, Handler, KeySet, Message, Options, sign};
use crate::names::Tube;

/// How long a signed message counts after it may first be reserved, in seconds.
const LIFETIME: u64 = 7 * 24 * 3600;

/// A job, ready to be put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// The tube.
    pub tube: Tube,
    /// 0 is first.
    pub priority: u32,
    /// Seconds before it may be reserved.
    pub delay: u32,
    /// Seconds a worker may hold it without a sign of life.
    pub time_to_run: u32,
    /// The message.
    pub body: Vec<u8>,
}

/// What makes one signature differ from the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Seconds since 1970 UTC.
    pub now: u64,
    /// Random.
    pub number: u128,
}

/// Where an [`Engine`]'s jobs go.
pub trait Queue {
    /// What is known of a job that was put: its id, and on which server where there are several.
    type Receipt;
    /// Why a job could not be put.
    type Error: std::error::Error;

    /// Puts the job.
    fn put(&mut self, job: Submission) -> impl Future<Output = Result<Self::Receipt, Self::Error>>;

    /// The time and a new random number; asked only when messages are signed.
    fn stamp(&mut self) -> Stamp;
}

impl<Q: Queue> Queue for &mut Q {
    type Receipt = Q::Receipt;
    type Error = Q::Error;

    fn put(&mut self, job: Submission) -> impl Future<Output = Result<Self::Receipt, Self::Error>> {
        (**self).put(job)
    }

    fn stamp(&mut self) -> Stamp {
        (**self).stamp()
    }
}

/// Why a job was not submitted.
#[derive(Debug, Error)]
pub enum EngineError<E: std::error::Error> {
    /// The keys verify only.
    #[error("the key file has no key that signs")]
    NoSigningKey,
    /// The queue did not take it.
    #[error(transparent)]
    Queue(#[from] E),
}

/// Submits calls as jobs.
///
/// ```
/// # use abaqis_daemons::ayl::{Call, Engine, Options, Queue, Stamp, Submission};
/// # struct Client;
/// # impl Queue for Client {
/// #     type Receipt = u64;
/// #     type Error = std::io::Error;
/// #     async fn put(&mut self, job: Submission) -> Result<u64, std::io::Error> {
/// #         assert!(String::from_utf8_lossy(&job.body).contains(r#""code":"Resident.census(3)""#));
/// #         Ok(1)
/// #     }
/// #     fn stamp(&mut self) -> Stamp {
/// #         Stamp { now: 0, number: 0 }
/// #     }
/// # }
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let mut engine = Engine::new(Client);
/// let call = Call::on_module("Resident", "census")?.argument(3);
/// engine.submit(&call, &Options::default()).await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Engine<Q> {
    queue: Q,
    keys: Option<Arc<KeySet>>,
}

impl<Q: Queue> Engine<Q> {
    /// An engine that does not sign.
    pub fn new(queue: Q) -> Self {
        Self { queue, keys: None }
    }

    /// An engine that signs with the key of `keys` that is to sign.
    pub fn signing(queue: Q, keys: Arc<KeySet>) -> Self {
        Self { queue, keys: Some(keys) }
    }

    /// Submits the call as a job.
    pub async fn submit(
        &mut self,
        call: &Call,
        options: &Options,
    ) -> Result<Q::Receipt, EngineError<Q::Error>> {
        self.submit_code(call.to_string(), Some(options.failed_job_handler), options).await
    }

    /// Submits that Ruby as a job; with no handler, the worker's counts.
    pub async fn submit_code(
        &mut self,
        code: String,
        handler: Option<Handler>,
        options: &Options,
    ) -> Result<Q::Receipt, EngineError<Q::Error>> {
        self.submit_message(Message::new(code, handler), options).await
    }

    /// Submits that message as a job, signed if this engine signs.
    pub async fn submit_message(
        &mut self,
        mut message: Message,
        options: &Options,
    ) -> Result<Q::Receipt, EngineError<Q::Error>> {
        if let Some(keys) = &self.keys {
            let key = keys.signing().ok_or(EngineError::NoSigningKey)?;
            let Stamp { now, number } = self.queue.stamp();
            let until = now.saturating_add(u64::from(options.delay)).saturating_add(LIFETIME);
            let jti = format!("{number:032x}");
            let signature = sign(&message, key, &jti, (now, until), &options.queue_name);
            message = message.signed(&signature);
        }
        let job = Submission {
            tube: options.queue_name.clone(),
            priority: options.priority,
            delay: options.delay,
            time_to_run: options.time_to_run,
            body: message.to_body().into_bytes(),
        };
        Ok(self.queue.put(job).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ayl::verify;

    struct Kept(Vec<Submission>);

    impl Queue for Kept {
        type Receipt = u64;
        type Error = std::convert::Infallible;

        async fn put(&mut self, job: Submission) -> Result<u64, Self::Error> {
            self.0.push(job);
            Ok(self.0.len() as u64)
        }

        fn stamp(&mut self) -> Stamp {
            Stamp { now: 1_795_478_400, number: 0xab }
        }
    }

    fn block<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    #[test]
    fn a_call_becomes_a_job_by_its_options() {
        let mut kept = Kept(Vec::new());
        let options = Options::from_pairs([
            ("queue_name", "t"),
            ("delay", "5"),
            ("priority", "0"),
            ("failed_job_handler", "bury"),
        ])
        .unwrap();
        let call = Call::on_module("Resident", "census").unwrap().argument(3);
        assert_eq!(block(Engine::new(&mut kept).submit(&call, &options)).unwrap(), 1);
        let job = Submission {
            tube: "t".parse().unwrap(),
            priority: 0,
            delay: 5,
            time_to_run: 120,
            body: br#"{"type":"ayl","failed_job_handler":"bury","code":"Resident.census(3)"}"#.into(),
        };
        assert_eq!(kept.0, [job]);
    }

    #[test]
    fn a_signed_job_is_signed_for_its_tube_and_lives_seven_days() {
        let mut kept = Kept(Vec::new());
        let keys = Arc::new(KeySet::parse(&format!("k sign {}", "ab".repeat(32))).unwrap());
        let options = Options { delay: 10, ..Options::default() };
        let submit = block(Engine::signing(&mut kept, keys.clone()).submit_code("a".into(), None, &options));
        assert_eq!(submit.unwrap(), 1);
        let message = Message::parse(&kept.0[0].body).unwrap();
        let signature = verify(&message, &keys, &Tube::default(), 1_795_478_400).unwrap();
        assert_eq!(signature.jti, format!("{:032x}", 0xab));
        assert_eq!(signature.exp, 1_795_478_400 + 10 + LIFETIME);
    }

    #[test]
    fn without_a_key_that_signs_nothing_is_put() {
        let mut kept = Kept(Vec::new());
        let keys = Arc::new(KeySet::default());
        let submit =
            block(Engine::signing(&mut kept, keys).submit_code("a".into(), None, &Options::default()));
        assert_eq!(submit.unwrap_err().to_string(), "the key file has no key that signs");
        assert_eq!(kept.0, []);
    }
}
