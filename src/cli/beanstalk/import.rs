//! `import`: puts what `export` wrote.
//!
//! A job that was buried is buried again: put with the longest delay, so that no worker
//! can have it, then reserved and buried. One that a worker had is ready.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write, stdin};
use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use super::fault::{broken, fault};
use super::session::{Interrupt, Session};
use super::{base64, print, say};
use crate::beanstalk::{Delay, JobId, JobState, Priority, Refusal, Ttr};
use crate::cli::exit::{Error, Exit};
use crate::cli::screen::Screen;
use crate::names::Tube;
use crate::queue::{self, Client, NewJob};

/// How many jobs are on their way together.
const BATCH: usize = 1000;

/// The arguments of `import`.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// What `export` wrote [default: standard input]
    file: Option<PathBuf>,
}

/// A line as it is read. What is not needed to put the job again is known, so that a
/// mistyped key is not taken for it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    tube: Option<Tube>,
    state: Option<JobState>,
    priority: Option<u32>,
    delay: Option<u32>,
    ttr: Option<u32>,
    body: Option<String>,
    body_base64: Option<String>,
    #[serde(rename = "id")]
    _id: Option<IgnoredAny>,
    #[serde(rename = "age")]
    _age: Option<IgnoredAny>,
}

/// A job to be put.
#[derive(Debug, PartialEq, Eq)]
struct Imported {
    line: u64,
    tube: Tube,
    buried: bool,
    job: NewJob<Vec<u8>>,
}

impl Imported {
    /// The job of a line; `tube` is where it goes whatever the line says.
    fn parse(text: &str, line: u64, tube: Option<&Tube>) -> Result<Self, Error> {
        let wrong = |reason: String| Error::new(Exit::Failed, format!("line {line}: {reason}"));
        let read: Line = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let body = match (read.body, read.body_base64) {
            (Some(body), None) => body.into_bytes(),
            (None, Some(text)) => {
                base64::decode(&text).ok_or_else(|| wrong("its \"body_base64\" is not base64".to_owned()))?
            }
            _ => return Err(wrong("a job has either \"body\" or \"body_base64\"".to_owned())),
        };
        let state = read.state.unwrap_or(JobState::Ready);
        Ok(Self {
            line,
            tube: tube.cloned().or(read.tube).unwrap_or_default(),
            buried: state == JobState::Buried,
            job: NewJob {
                priority: Priority(read.priority.unwrap_or(512)),
                delay: match state {
                    JobState::Buried => Delay(u32::MAX),
                    JobState::Delayed => Delay(read.delay.unwrap_or(0)),
                    JobState::Ready | JobState::Reserved => Delay(0),
                },
                ttr: Ttr(read.ttr.unwrap_or(120)),
                body,
            },
        })
    }
}

/// What has become of the lines so far.
#[derive(Debug, Default)]
struct Tally {
    put: u64,
    refused: u64,
    /// The server takes no job at all.
    full: bool,
}

impl Import {
    /// Runs the command.
    pub(super) fn run(&self, session: &mut Session) -> Result<Exit, Error> {
        let mut input: Box<dyn BufRead> = match &self.file {
            None => Box::new(stdin().lock()),
            Some(path) => {
                let file = File::open(path)
                    .map_err(|error| Error::new(Exit::NoInput, format!("{}: {error}", path.display())))?;
                Box::new(BufReader::new(file))
            }
        };
        let interrupt = Interrupt::watch()?;
        let mut tally = Tally::default();
        let result = import(session, &mut input, &interrupt, &mut tally);
        let mut screen = Screen::stdout();
        if session.json {
            print::json(&mut screen, &json!({"put": tally.put, "refused": tally.refused}))?;
        } else {
            writeln!(screen, "Put {} {}", tally.put, if tally.put == 1 { "job" } else { "jobs" })?;
        }
        screen.flush()?;
        result?;
        let exit = interrupt.exit("the lines behind these were not put");
        Ok(if exit == Exit::Success && tally.refused > 0 { Exit::Failed } else { exit })
    }
}

fn import(
    session: &mut Session,
    input: &mut dyn BufRead,
    interrupt: &Interrupt,
    tally: &mut Tally,
) -> Result<(), Error> {
    let tube = session.named_tube.clone();
    let mut line = 0;
    loop {
        let mut batch = Vec::new();
        let mut result = Ok(true);
        while batch.len() < BATCH && matches!(result, Ok(true)) {
            result = next(input, &mut line, tube.as_ref()).map(|job| {
                let more = job.is_some();
                batch.extend(job);
                more
            });
        }
        session.with(async |client| put(client, &batch, tally).await)?;
        if !result? || tally.full || interrupt.came() {
            return Ok(());
        }
    }
}

/// The job of the next line that is not empty; `None` at the end.
fn next(input: &mut dyn BufRead, line: &mut u64, tube: Option<&Tube>) -> Result<Option<Imported>, Error> {
    let mut text = String::new();
    loop {
        *line += 1;
        text.clear();
        match input.read_line(&mut text) {
            Ok(0) => return Ok(None),
            Ok(_) if text.trim().is_empty() => {}
            Ok(_) => return Imported::parse(&text, *line, tube).map(Some),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(Error::new(Exit::Failed, format!("line {line}: it is not UTF-8")));
            }
            Err(error) => return Err(Error::new(Exit::Io, format!("cannot read line {line}: {error}"))),
        }
    }
}

async fn put(client: &mut Client, batch: &[Imported], tally: &mut Tally) -> Result<(), Error> {
    let mut buried = Vec::new();
    let mut done = Ok(());
    for run in batch.chunk_by(|one, next| one.tube == next.tube) {
        done = put_on_one(client, run, tally, &mut buried).await;
        if done.is_err() {
            break;
        }
    }
    if done.is_ok() {
        done = client.bury_each(&buried).await.map_err(|error| broken(&error));
    }
    if done.is_err() && !buried.is_empty() {
        // On another connection these numbers may be other jobs'.
        let ids: Vec<String> = buried.iter().map(|(id, _)| id.to_string()).collect();
        let ids = ids.join(" ");
        say(&format!("jobs that were put and perhaps not buried, but delayed for 136 years: {ids}"));
    }
    done
}

/// Puts jobs of one tube; adds to `buried` those that are to be buried.
async fn put_on_one(
    client: &mut Client,
    run: &[Imported],
    tally: &mut Tally,
    buried: &mut Vec<(JobId, Priority)>,
) -> Result<(), Error> {
    client.use_tube(&run[0].tube).await.map_err(|error| fault(&error))?;
    let jobs = run.iter().map(|Imported { job, .. }| NewJob {
        priority: job.priority,
        delay: job.delay,
        ttr: job.ttr,
        body: job.body.as_slice(),
    });
    let mut due = run.iter();
    let put = client.put_many(jobs, |_, result| {
        let Some(import) = due.next() else { return };
        match result {
            Ok(id) => {
                tally.put += 1;
                if import.buried {
                    buried.push((id, import.job.priority));
                }
            }
            Err(error) => {
                tally.refused += 1;
                tally.full |= is_full(&error);
                say(&format!("line {}: {error}", import.line));
            }
        }
    });
    put.await.map_err(|error| broken(&error))
}

fn is_full(error: &queue::Error) -> bool {
    matches!(
        error,
        queue::Error::Refused { refusal: Refusal::Draining | Refusal::OutOfMemory, .. }
            | queue::Error::Buried { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        Imported::parse(text, 3, None).unwrap_err().to_string()
    }

    #[test]
    fn a_line_is_a_job_and_what_it_leaves_out_has_a_default() {
        let job = Imported::parse(r#"{"body":"a"}"#, 1, None).unwrap();
        assert_eq!((job.tube, job.buried), (Tube::default(), false));
        assert_eq!((job.job.priority.0, job.job.delay.0, job.job.ttr.0), (512, 0, 120));
        let text = r#"{"id":7,"tube":"1.10","state":"delayed","priority":1,"delay":2,"ttr":3,"age":4,"body_base64":"/wA="}"#;
        let job = Imported::parse(text, 1, None).unwrap();
        assert_eq!(
            (job.tube.as_str(), job.job.delay.0, job.job.body.as_slice()),
            ("1.10", 2, &b"\xff\0"[..])
        );
        let other = "other".parse().unwrap();
        assert_eq!(Imported::parse(text, 1, Some(&other)).unwrap().tube, other);
    }

    #[test]
    fn a_line_that_is_no_job_says_where_and_why() {
        assert_eq!(refusal("{}"), r#"line 3: a job has either "body" or "body_base64""#);
        assert_eq!(refusal(r#"{"body_base64":"?"}"#), r#"line 3: its "body_base64" is not base64"#);
        assert!(refusal("x").starts_with("line 3: expected value"));
        assert!(refusal(r#"{"body":"a","prority":1}"#).starts_with("line 3: unknown field `prority`"));
        assert!(refusal(r#"{"body":"a","tube":"a b"}"#).contains("' ' in it"));
        assert!(refusal(r#"{"body":"a","priority":-1}"#).contains("expected u32"));
    }
}
