//! What the queue is told about the jobs of the ledger by others than those who put them, and what it
//! answers: which job was copied to which tube, and which was deleted. It is read off the connections
//! right before the queue, where nothing is spoilt.
//!
//! ```text
//!     reserve, peek ──► RESERVED 7, FOUND 7     job 3 is in hand, and is number 7
//!     put …(3)…     ──► INSERTED 9              a copy of job 3, until
//!     delete 7      ──► DELETED                 the original has gone, or (delete 9) the copy
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use crate::host::now;
use crate::verdict::Moment;

/// A copy of a job, as a move makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Copied {
    /// The number in its body.
    pub(crate) job: u64,
    pub(crate) tube: String,
    pub(crate) from: Moment,
    /// From when on only one of the two was there. Nothing: whoever made it did not come to that, and
    /// both may be run.
    pub(crate) to: Option<Moment>,
    /// The queue's own number for it, if it answered.
    number: Option<u64>,
}

#[cfg(test)]
impl Copied {
    /// One as somebody tells of it.
    pub(crate) fn made(job: u64, tube: &str, from: Moment, to: Option<Moment>) -> Self {
        Self { job, tube: tube.to_owned(), from, to, number: None }
    }
}

/// A job that somebody deleted who has not run it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Deleted {
    /// The queue's number for it.
    pub(crate) number: u64,
    /// The one in its body, where that was seen.
    pub(crate) job: Option<u64>,
    pub(crate) at: Moment,
}

/// What all connections have come to.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// Every copy that was made.
    pub(crate) copies: Vec<Copied>,
    /// Every job that was deleted where that is recorded, and not because there was a copy.
    pub(crate) deleted: Vec<Deleted>,
}

impl Record {
    /// The job of the ledger that had a number in the queue, the latest before a moment.
    pub(crate) fn copy_of(&self, number: u64, before: Moment) -> Option<u64> {
        let copies = self.copies.iter().filter(|copy| copy.number == Some(number) && copy.from <= before);
        copies.max_by_key(|copy| copy.from).map(|copy| copy.job)
    }
}

/// What one connection says and hears.
pub(crate) struct Talk {
    record: Arc<Mutex<Record>>,
    /// Whether what is deleted is recorded: what workers delete they have run.
    deletions: bool,
    asked: VecDeque<Asked>,
    requests: Lines,
    answers: Lines,
    tube: String,
    /// The jobs of the ledger that were seen, by their numbers in the queue.
    in_hand: BTreeMap<u64, u64>,
    /// The copies made: where among all, and of which number.
    copies: Vec<(usize, u64)>,
}

/// A request that is not answered yet.
enum Asked {
    /// A copy is put: where it is among all.
    Copy(usize),
    Delete(u64),
    Other,
}

/// Bytes of which lines, and what follows some of them, are taken.
#[derive(Default)]
struct Lines(Vec<u8>);

impl Lines {
    /// The next line, with the data that it announces, once all of it is there.
    fn next(&mut self, announces: impl Fn(&[&str]) -> Option<usize>) -> Option<(String, Vec<u8>)> {
        let end = self.0.windows(2).position(|two| two == b"\r\n")?;
        let line = String::from_utf8_lossy(&self.0[..end]).into_owned();
        let words: Vec<&str> = line.split(' ').collect();
        let data = announces(&words).map_or(0, |data| data + 2);
        let whole = end + 2 + data;
        if self.0.len() < whole {
            return None;
        }
        let body = self.0[end + 2..whole].to_vec();
        self.0.drain(..whole);
        Some((line, body))
    }
}

/// The last word of a line, as a number.
fn last<T: std::str::FromStr>(words: &[&str]) -> Option<T> {
    words.last()?.parse().ok()
}

/// The job of the ledger that a message runs.
fn job_of(body: &[u8]) -> Option<u64> {
    let body = String::from_utf8_lossy(body);
    let (_, number) = body.split_once("Ledger.run(")?;
    number.split(',').next()?.parse().ok()
}

impl Talk {
    /// A new connection.
    pub(crate) fn new(record: Arc<Mutex<Record>>, deletions: bool) -> Self {
        Self {
            record,
            deletions,
            asked: VecDeque::new(),
            requests: Lines::default(),
            answers: Lines::default(),
            tube: "default".to_owned(),
            in_hand: BTreeMap::new(),
            copies: Vec::new(),
        }
    }

    /// The queue is about to be told this.
    pub(crate) fn says(&mut self, bytes: &[u8]) {
        self.requests.0.extend_from_slice(bytes);
        while let Some((line, body)) =
            self.requests.next(|words| (words[0] == "put").then(|| last(words)).flatten())
        {
            let words: Vec<&str> = line.split(' ').collect();
            let asked = match (words[0], last(&words)) {
                ("quit", _) => continue,
                ("use", _) => {
                    self.tube = words.get(1).unwrap_or(&"default").to_string();
                    Asked::Other
                }
                ("put", _) => self.puts(&body),
                ("delete", Some(number)) => Asked::Delete(number),
                _ => Asked::Other,
            };
            self.asked.push_back(asked);
        }
    }

    /// It may be there as soon as it is said, whether or not that is answered.
    fn puts(&mut self, body: &[u8]) -> Asked {
        let held = job_of(body).and_then(|job| {
            self.in_hand.iter().rev().find(|(_, held)| **held == job).map(|(number, _)| (*number, job))
        });
        let Some((original, job)) = held else { return Asked::Other };
        let copies = &mut self.record.lock().unwrap().copies;
        copies.push(Copied { job, tube: self.tube.clone(), from: now(), to: None, number: None });
        self.copies.push((copies.len() - 1, original));
        Asked::Copy(copies.len() - 1)
    }

    /// The queue has answered this.
    pub(crate) fn hears(&mut self, bytes: &[u8]) {
        self.answers.0.extend_from_slice(bytes);
        let announces =
            |words: &[&str]| matches!(words[0], "RESERVED" | "FOUND" | "OK").then(|| last(words)).flatten();
        while let Some((line, body)) = self.answers.next(announces) {
            let words: Vec<&str> = line.split(' ').collect();
            let number = words.get(1).and_then(|number| number.parse().ok());
            match (self.asked.pop_front(), words[0], number) {
                (_, "RESERVED" | "FOUND", Some(number)) => {
                    if let Some(job) = job_of(&body) {
                        self.in_hand.insert(number, job);
                    }
                }
                (Some(Asked::Copy(at)), "INSERTED" | "BURIED", number) => {
                    self.record.lock().unwrap().copies[at].number = number;
                }
                // Refused.
                (Some(Asked::Copy(at)), ..) => self.ends(at),
                (Some(Asked::Delete(number)), "DELETED", _) => self.deleted(number),
                _ => {}
            }
        }
    }

    fn deleted(&mut self, number: u64) {
        let of = |&(at, original): &(usize, u64)| {
            let copy = self.record.lock().unwrap().copies[at].number;
            (original == number || copy == Some(number)).then_some(at)
        };
        if let Some(at) = self.copies.iter().find_map(of) {
            return self.ends(at);
        }
        if self.deletions {
            let job = self.in_hand.get(&number).copied();
            self.record.lock().unwrap().deleted.push(Deleted { number, job, at: now() });
        }
    }

    /// From now on there is one of the two.
    fn ends(&mut self, at: usize) {
        self.record.lock().unwrap().copies[at].to = Some(now());
        self.copies.retain(|(other, _)| *other != at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"code":"Ledger.run(3, 0.1)"}"#;

    fn talk(deletions: bool, turns: &[(&str, &str)]) -> Record {
        let record = Arc::<Mutex<Record>>::default();
        let mut talk = Talk::new(Arc::clone(&record), deletions);
        for (says, hears) in turns {
            // As it may come.
            says.as_bytes().chunks(5).for_each(|piece| talk.says(piece));
            hears.as_bytes().chunks(5).for_each(|piece| talk.hears(piece));
        }
        drop(talk);
        Arc::into_inner(record).unwrap().into_inner().unwrap()
    }

    fn reserved() -> String {
        format!("RESERVED 7 {}\r\n{BODY}\r\n", BODY.len())
    }

    fn put() -> String {
        format!("put 1 0 60 {}\r\n{BODY}\r\n", BODY.len())
    }

    #[test]
    fn a_job_that_is_moved_is_there_twice_until_its_original_is_deleted() {
        let begin =
            [("watch a-1\r\nuse b-2\r\n", "WATCHING 2\r\nUSING b-2\r\n"), ("reserve\r\n", &reserved())];
        let cut = talk(false, &[&begin[..], &[(&put(), "")]].concat());
        let copy = &cut.copies[0];
        assert_eq!((copy.job, &*copy.tube, copy.number, copy.to), (3, "b-2", None, None));
        let moved = talk(
            false,
            &[&begin[..], &[(&put(), "INSERTED 9\r\n"), ("delete 7\r\n", "DELETED\r\n")]].concat(),
        );
        assert!(moved.copies[0].to.is_some() && moved.deleted.is_empty());
        let doubled = [(&*put(), "INSERTED 9\r\n"), ("delete 7\r\n", "NOT_FOUND\r\n")];
        assert_eq!(talk(false, &[&begin[..], &doubled].concat()).copies[0].to, None);
        let back = [&doubled[..], &[("delete 9\r\n", "DELETED\r\n")]].concat();
        assert!(talk(false, &[&begin[..], &back].concat()).copies[0].to.is_some());
    }

    #[test]
    fn one_that_is_refused_or_was_never_in_hand_is_no_copy() {
        assert_eq!(talk(false, &[(&put(), "INSERTED 9\r\n")]).copies.len(), 0);
        let refused = talk(false, &[("reserve\r\n", &reserved()), (&put(), "OUT_OF_MEMORY\r\n")]);
        assert!(refused.copies[0].to.is_some());
    }

    #[test]
    fn what_operators_delete_is_written_down() {
        let turns = [("delete 7\r\ndelete 8\r\n", "DELETED\r\nNOT_FOUND\r\n")];
        let numbers: Vec<_> = talk(true, &turns).deleted.iter().map(|one| (one.number, one.job)).collect();
        assert_eq!(numbers, [(7, None)]);
        let eaten = [("reserve\r\n", &*reserved()), ("delete 7\r\n", "DELETED\r\n")];
        assert_eq!(talk(true, &eaten).deleted[0].job, Some(3));
        assert_eq!(talk(false, &turns).deleted, []);
    }
}
