//! The jobs that are put all the while, what operators do to them by name, and what is known of that afterwards.

use std::fmt::Write;
use std::process::Stdio;
use std::time::Duration;

use super::{Host, START, now};
use crate::operators::filled_in;
use crate::verdict::{Put, Tampered};

impl Host {
    /// Puts one job more for one of the applications.
    pub(super) fn put(&mut self) {
        let application = usize::try_from(self.random.below(3)).unwrap_or_default();
        let tube = self.site.tube(application);
        let body = self.one_more(&tube);
        let number = self.site.put_job(&tube, &body);
        if let Some(put) = self.puts.last_mut() {
            put.number = number;
        }
    }

    /// Puts so many jobs that are done at once for each application.
    pub(crate) fn put_many(&mut self, count: usize) {
        for tube in (0..3).map(|application| self.site.tube(application)) {
            for _ in 0..count {
                let job = self.puts.len() as u64;
                let number = self.site.put_job(&tube, &body(job, 0.0));
                self.puts.push(Put { job, tube: tube.clone(), number, at: now() });
            }
        }
    }

    /// The message of a job that nobody has put yet, and that is about to be put on this tube.
    fn one_more(&mut self, tube: &str) -> String {
        let job = self.puts.len() as u64;
        let seconds = *self.random.pick(&[0.0, 0.005, 0.02, 0.05, 0.4]);
        self.puts.push(Put { job, tube: tube.to_owned(), number: None, at: now() });
        body(job, seconds)
    }

    /// An operator gives a command.
    pub(super) fn command(&mut self, words: &[String], killed: Option<Duration>) {
        let given = self.puts[self.since..].iter().filter_map(|put| put.number).collect::<Vec<_>>();
        // Rather one that is still there than one of long ago.
        let recent = &given[given.len().saturating_sub(20)..];
        let job = (!recent.is_empty()).then(|| *self.random.pick(recent));
        let mut import = String::new();
        for _ in 0..if words.iter().any(|word| word == "{import}") { 3 } else { 0 } {
            // Whatever the line says, they go to the tube that the command names.
            let body = self.one_more(&words[2]);
            let line = serde_json::json!({"tube": "elsewhere", "ttr": 60, "body": body});
            let _ = writeln!(import, "{line}");
        }
        let words = filled_in(words, &self.site, job, &import);
        self.operators.begin(self.site.operator(&words), &words, killed);
    }

    /// Somebody starts the service by hand, though it runs.
    pub(super) fn second(&mut self) {
        let since = self.started.elapsed();
        if self.killed.is_some() || since < START || self.site.ended().is_some() || self.unusable {
            return;
        }
        let status = self.site.operator(&["run".to_owned()]).stderr(Stdio::null()).status().unwrap();
        match status.code() {
            Some(73) => self.seconds += 1,
            _ => self.seen.push(format!("a second supervisor ended with {status}")),
        }
    }

    /// What became of jobs that somebody named, or moved.
    pub(crate) fn tampered(&self) -> Tampered {
        let record = self.site.record.lock().unwrap();
        let put = |number, at| {
            let put = self.puts.iter().filter(|put| put.number == Some(number) && put.at <= at);
            put.max_by_key(|put| put.at).map(|put| put.job)
        };
        let deleted = record.deleted.iter().filter_map(|deleted| {
            let (number, at) = (deleted.number, deleted.at);
            deleted.job.or_else(|| record.copy_of(number, at)).or_else(|| put(number, at))
        });
        Tampered { copies: record.copies.clone(), deleted: deleted.collect() }
    }
}

/// The message of a job that takes so many seconds.
fn body(job: u64, seconds: f64) -> String {
    let code = format!("Ledger.run({job}, {seconds:?})");
    format!(r#"{{"type":"ayl","failed_job_handler":"delete","code":"{code}"}}"#)
}
