//! What a client may say, and how it is written.

use bytes::{BufMut, BytesMut};

use super::error::Invalid;
use super::value::{Delay, JobId, Priority, Ttr};
use crate::names::Tube;

/// The longest `reserve-with-timeout` that the server takes, in seconds (C's `INT_MAX`).
const MAX_TIMEOUT: u32 = 0x7fff_ffff;

/// The longest body: the server adds 2 to its length and counts in 32 bits.
const LONGEST_BODY: usize = u32::MAX as usize - 2;

/// One command of the protocol, borrowed from whoever sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command<'a> {
    /// Puts a job on the tube in use.
    Put {
        /// Its urgency.
        priority: Priority,
        /// How long it waits before it is ready.
        delay: Delay,
        /// How long a reservation of it lasts.
        ttr: Ttr,
        /// What it says: any bytes.
        body: &'a [u8],
    },
    /// Chooses the tube of later puts, peeks and kicks.
    Use(&'a Tube),
    /// Waits for a job, for ever.
    Reserve,
    /// Waits for a job, at most this many seconds; up to 2,147,483,647.
    ReserveWithTimeout(u32),
    /// Takes this job, be it ready, delayed or buried.
    ReserveJob(JobId),
    /// Removes a job: one's own reservation, or one that nobody has reserved.
    Delete(JobId),
    /// Gives a reservation back.
    Release {
        /// Which.
        job: JobId,
        /// Its new urgency.
        priority: Priority,
        /// How long it waits before it is ready.
        delay: Delay,
    },
    /// Sets a reservation aside until somebody kicks it.
    Bury {
        /// Which.
        job: JobId,
        /// Its new urgency.
        priority: Priority,
    },
    /// Starts the time to run of a reservation again.
    Touch(JobId),
    /// Adds a tube to those reserved from.
    Watch(&'a Tube),
    /// Takes a tube from those reserved from.
    Ignore(&'a Tube),
    /// Looks at a job.
    Peek(JobId),
    /// Looks at the next ready job of the tube in use.
    PeekReady,
    /// Looks at the delayed job of the tube in use that is due first.
    PeekDelayed,
    /// Looks at the buried job of the tube in use that a kick would take first.
    PeekBuried,
    /// Makes at most this many jobs of the tube in use ready: buried ones, or delayed ones
    /// where none is buried.
    Kick(u32),
    /// Makes this buried or delayed job ready.
    KickJob(JobId),
    /// Asks for the figures of a job.
    StatsJob(JobId),
    /// Asks for the figures of a tube.
    StatsTube(&'a Tube),
    /// Asks for the figures of the server.
    Stats,
    /// Asks which tubes exist.
    ListTubes,
    /// Asks which tube is in use.
    ListTubeUsed,
    /// Asks which tubes are reserved from.
    ListTubesWatched,
    /// Lets nobody reserve from a tube for a while.
    PauseTube {
        /// Which.
        tube: &'a Tube,
        /// How long; the server makes a second of 0.
        delay: Delay,
    },
    /// Ends the connection; there is no reply.
    Quit,
}

macro_rules! verbs {
    ($($verb:ident $word:literal),* $(,)?) => {
        /// A command without its arguments: what a reply is held against.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Verb {
            $(#[doc = concat!("`", $word, "`")] $verb,)*
        }

        impl Verb {
            /// Every verb there is.
            pub const ALL: &[Self] = &[$(Self::$verb),*];

            /// The word on the wire.
            pub fn word(self) -> &'static str {
                match self { $(Self::$verb => $word),* }
            }
        }
    };
}

verbs! {
    Put "put", Use "use", Reserve "reserve", ReserveWithTimeout "reserve-with-timeout",
    ReserveJob "reserve-job", Delete "delete", Release "release", Bury "bury", Touch "touch",
    Watch "watch", Ignore "ignore", Peek "peek", PeekReady "peek-ready", PeekDelayed "peek-delayed",
    PeekBuried "peek-buried", Kick "kick", KickJob "kick-job", StatsJob "stats-job",
    StatsTube "stats-tube", Stats "stats", ListTubes "list-tubes", ListTubeUsed "list-tube-used",
    ListTubesWatched "list-tubes-watched", PauseTube "pause-tube", Quit "quit",
}

impl Command<'_> {
    /// The command without its arguments.
    pub fn verb(&self) -> Verb {
        match self {
            Self::Put { .. } => Verb::Put,
            Self::Use(_) => Verb::Use,
            Self::Reserve => Verb::Reserve,
            Self::ReserveWithTimeout(_) => Verb::ReserveWithTimeout,
            Self::ReserveJob(_) => Verb::ReserveJob,
            Self::Delete(_) => Verb::Delete,
            Self::Release { .. } => Verb::Release,
            Self::Bury { .. } => Verb::Bury,
            Self::Touch(_) => Verb::Touch,
            Self::Watch(_) => Verb::Watch,
            Self::Ignore(_) => Verb::Ignore,
            Self::Peek(_) => Verb::Peek,
            Self::PeekReady => Verb::PeekReady,
            Self::PeekDelayed => Verb::PeekDelayed,
            Self::PeekBuried => Verb::PeekBuried,
            Self::Kick(_) => Verb::Kick,
            Self::KickJob(_) => Verb::KickJob,
            Self::StatsJob(_) => Verb::StatsJob,
            Self::StatsTube(_) => Verb::StatsTube,
            Self::Stats => Verb::Stats,
            Self::ListTubes => Verb::ListTubes,
            Self::ListTubeUsed => Verb::ListTubeUsed,
            Self::ListTubesWatched => Verb::ListTubesWatched,
            Self::PauseTube { .. } => Verb::PauseTube,
            Self::Quit => Verb::Quit,
        }
    }

    /// Appends the command to `out`; on an error nothing is appended.
    pub fn encode(&self, out: &mut BytesMut) -> Result<(), Invalid> {
        self.check()?;
        out.put_slice(self.verb().word().as_bytes());
        match *self {
            Self::Put { priority, delay, ttr, body } => {
                let length = body.len() as u64;
                for number in [priority.0.into(), delay.0.into(), ttr.seconds().into(), length] {
                    put_number(out, number);
                }
                out.reserve(body.len() + 4);
                out.put_slice(b"\r\n");
                out.put_slice(body);
            }
            Self::Use(tube) | Self::Watch(tube) | Self::Ignore(tube) | Self::StatsTube(tube) => {
                put_word(out, tube.as_str());
            }
            Self::ReserveWithTimeout(number) | Self::Kick(number) => put_number(out, number.into()),
            Self::ReserveJob(job)
            | Self::Delete(job)
            | Self::Touch(job)
            | Self::Peek(job)
            | Self::KickJob(job)
            | Self::StatsJob(job) => put_number(out, job.0),
            Self::Release { job, priority, delay } => {
                put_number(out, job.0);
                put_number(out, priority.0.into());
                put_number(out, delay.0.into());
            }
            Self::Bury { job, priority } => {
                put_number(out, job.0);
                put_number(out, priority.0.into());
            }
            Self::PauseTube { tube, delay } => {
                put_word(out, tube.as_str());
                put_number(out, delay.0.into());
            }
            Self::Reserve
            | Self::PeekReady
            | Self::PeekDelayed
            | Self::PeekBuried
            | Self::Stats
            | Self::ListTubes
            | Self::ListTubeUsed
            | Self::ListTubesWatched
            | Self::Quit => {}
        }
        out.put_slice(b"\r\n");
        Ok(())
    }

    fn check(&self) -> Result<(), Invalid> {
        match *self {
            Self::Put { body, .. } if body.len() > LONGEST_BODY => {
                Err(Invalid::Body { length: body.len(), max: LONGEST_BODY })
            }
            Self::ReserveWithTimeout(seconds) if seconds > MAX_TIMEOUT => {
                Err(Invalid::Timeout { seconds, max: MAX_TIMEOUT })
            }
            _ => Ok(()),
        }
    }
}

fn put_word(out: &mut BytesMut, word: &str) {
    out.put_u8(b' ');
    out.put_slice(word.as_bytes());
}

/// A space and the number in decimal. Written out, since formatting would cost as much
/// as the rest of a `put`.
fn put_number(out: &mut BytesMut, mut number: u64) {
    let mut text = [0u8; 21];
    let mut at = text.len();
    loop {
        at -= 1;
        text[at] = b"0123456789"[(number % 10) as usize];
        number /= 10;
        if number == 0 {
            break;
        }
    }
    at -= 1;
    text[at] = b' ';
    out.put_slice(&text[at..]);
}
