//! What operators have under way.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::site::Site;

/// How long a command may take that nobody kills.
const PATIENCE: Duration = Duration::from_mins(1);

/// Their commands.
#[derive(Default)]
pub(crate) struct Operators(Vec<Client>);

struct Client {
    words: String,
    child: Child,
    began: Instant,
    killed_at: Option<Instant>,
}

impl Operators {
    /// One gives a command, and kills it after a while if that is given.
    pub(crate) fn begin(&mut self, mut command: Command, words: &[String], killed: Option<Duration>) {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let (words, began) = (words.join(" "), Instant::now());
        self.0.push(Client { words, child, began, killed_at: killed.map(|after| began + after) });
    }

    /// Kills what is to be killed, and says what takes too long.
    pub(crate) fn tend(&mut self, seen: &mut Vec<String>) {
        self.0.retain_mut(|client| {
            let over = client.killed_at.is_some_and(|at| at <= Instant::now());
            let late = !over && client.began.elapsed() > PATIENCE;
            if late {
                seen.push(format!("`{}` does not end", client.words));
            }
            if over || late {
                let _ = client.child.kill();
            }
            matches!(client.child.try_wait(), Ok(None))
        });
    }

    /// All of them lose their patience.
    pub(crate) fn leave(&mut self) {
        for mut client in std::mem::take(&mut self.0) {
            let _ = client.child.kill();
            let _ = client.child.wait();
        }
    }
}

/// A command's words with what is in braces filled in: a job's number, the file for `dev`, or one of what
/// is to be imported, which is laid down for it.
pub(crate) fn filled_in(words: &[String], site: &Site, job: Option<u64>, import: &str) -> Vec<String> {
    let word = |word: &String| match word.as_str() {
        "{job}" => job.unwrap_or(u64::MAX).to_string(),
        "{dev}" => site.path("dev.yml").display().to_string(),
        "{import}" => {
            let file = site.path("import");
            fs::write(&file, import).unwrap();
            file.display().to_string()
        }
        word => word.to_owned(),
    };
    words.iter().map(word).collect()
}
