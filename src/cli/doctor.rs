//! `doctor`: what is wrong on this host, where, and how to mend it.
//!
//! ```text
//!     look ─► facts ─► judge (pure) ─► findings ─► one line each, exit 1
//!      │
//!      ├─ supervisor, its instances      ├─ files: configuration, code, timetables
//!      ├─ queue: servers and tubes       └─ service: systemd, the journal; disks
//! ```
//!
//! There is a file for each family of checks: what is known and what follows from it, with
//! no I/O; below `look` stands where it is got from. Every family is looked at on a thread of
//! its own for so long and no longer: the supervisor may be down, the queue away and systemd
//! stuck, which is when somebody asks.

mod application;
mod disk;
mod files;
mod finding;
mod look;
mod queue;
mod service;
mod supervisor;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use super::exit::{Error, Exit};
use super::json;
use super::place::{ConfigFile, RuntimeDir};
use super::say;
use super::screen::{Screen, Tone};
use crate::config::Config;
use crate::control::SOCKET;
use crate::control::status::State;
use crate::names::{ApplicationName, ServerAddress, Tube};
use files::Configuration;
use finding::{Finding, count};
use look::files::{Configured, Seen};
use queue::{Server, is_local};
use service::Service;
use supervisor::Supervisor;

/// The arguments of `doctor`.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Write a JSON array, an object for each thing that is wrong
    #[arg(long)]
    json: bool,
    /// Look at this beanstalkd instead of those that are configured
    #[arg(long, value_name = "HOST:PORT")]
    beanstalk: Option<ServerAddress>,
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    runtime: RuntimeDir,
}

/// What was seen of the host.
struct Facts {
    now: Timestamp,
    file: PathBuf,
    wrong: Option<Configuration>,
    supervisor: Supervisor,
    servers: Vec<Server>,
    seen: Seen,
    service: Service,
    /// What could not be looked at, and why.
    unseen: Vec<String>,
}

impl Doctor {
    /// Runs the command.
    pub(crate) fn run(&self) -> Result<Exit, Error> {
        let facts = self.look();
        let findings = facts.judge();
        let mut screen = Screen::stdout();
        if self.json {
            json::array(&mut screen, &findings)?;
        } else {
            // Lines that a terminal breaks, not cut.
            let mut whole = screen.unbounded();
            findings.iter().try_for_each(|finding| finding.write(&mut whole))?;
            if findings.is_empty() {
                whole
                    .line(&[(Tone::Good, "all is well"), (Tone::Plain, &format!(": {}", facts.summary()))])?;
            }
        }
        screen.flush()?;
        for unseen in &facts.unseen {
            say(&format!("not looked at: {unseen}"));
        }
        Ok(if findings.is_empty() { Exit::Success } else { Exit::Failed })
    }

    fn look(&self) -> Facts {
        let mut unseen = Vec::new();
        let (file, runtime) = (self.config.path(), self.runtime.path());
        let service = look::begin(look::service::look);
        let (folder, read) = (runtime.clone(), file.clone());
        let supervisor = look::begin(move || look::supervisor::look(&folder));
        let configured = look::begin(move || look::files::configured(&read)).seen();
        let Configured { config, wrong, blinkered } = configured.unwrap_or_else(Configured::late);
        let seen = config.clone().map(|config| {
            let file = file.clone();
            look::begin(move || look::files::look(&file, &config, blinkered))
        });
        let supervisor = supervisor.seen().unwrap_or_else(|| {
            Supervisor::Ails(format!("{}: no answer in time", runtime.join(SOCKET).display()))
        });
        if matches!(supervisor, Supervisor::Refuses) {
            unseen.push("the supervisor: be root, or a member of the group abaqis".to_owned());
        }
        let (servers, binlogs) = self.look_at_queue(&supervisor, config.as_ref());
        let mut seen = seen.map_or_else(Seen::default, |looking| {
            looking.seen().unwrap_or_else(|| {
                unseen.push("files: the file system does not answer".to_owned());
                Seen::default()
            })
        });
        if blinkered {
            unseen.push("what only root and the applications' users can read: run it as root".to_owned());
        }
        seen.rooms.extend(binlogs);
        let service = service.seen().unwrap_or_default();
        Facts { now: Timestamp::now(), file, wrong, supervisor, servers, seen, service, unseen }
    }

    /// The servers: those of the command line, else those that what runs was told of, else
    /// those of the configuration; and the disks with their binlogs.
    fn look_at_queue(
        &self,
        supervisor: &Supervisor,
        config: Option<&Config>,
    ) -> (Vec<Server>, Vec<disk::Room>) {
        let told = match supervisor {
            Supervisor::Runs(running) => running.beanstalk.clone(),
            _ => None,
        };
        let named = self.beanstalk.clone().map(|one| vec![one]).or(told);
        let named = named.or_else(|| config.map(|config| config.beanstalk.clone()));
        // Where nobody says that there is a queue, none is missed.
        let missed = named.is_some();
        let addresses = named.unwrap_or_else(|| vec![ServerAddress::default()]);
        let begin = |address: ServerAddress| {
            let asked = address.clone();
            (address, look::begin(move || look::queue::look(asked)))
        };
        let looking: Vec<_> = addresses.into_iter().map(begin).collect();
        let mut rooms = Vec::new();
        let servers = looking.into_iter().map(|(address, looking)| match looking.seen() {
            Some((server, room)) => {
                rooms.extend(room);
                server
            }
            None => Server { address, answer: Err("no answer in time".to_owned()), listens: Vec::new() },
        });
        let servers = servers.filter(|server| missed || server.answer.is_ok()).collect();
        (servers, rooms)
    }
}

impl Facts {
    /// What is wrong: first what does not run now, then what would not after a reboot, then
    /// who could do harm.
    fn judge(&self) -> Vec<Finding> {
        let Self { supervisor, seen, .. } = self;
        let instances = supervisor.instances();
        let mut findings = supervisor::judge(supervisor, env!("CARGO_PKG_VERSION"));
        findings.extend(self.wrong.iter().map(|wrong| files::judge_configuration(&self.file, wrong)));
        findings.extend(supervisor::judge_instances(instances, self.now));
        findings.extend(supervisor::judge_blocked(&seen.blocked, supervisor));
        let mut applications = seen.applications.clone();
        if let Supervisor::Runs(running) = supervisor {
            applications = application::served(&applications, &running.releases);
            findings.extend(supervisor::judge_code(running, &applications));
        }
        let kept: Vec<Tube> = instances.iter().filter_map(|instance| instance.tube.clone()).collect();
        findings.extend(queue::judge(&self.servers, &applications, &kept));
        findings.extend(files::judge_timetables(&seen.timetables));
        findings.extend(service::judge(&self.service, self.own_queue_answers()));
        findings.extend(disk::judge(&seen.rooms));
        let ready = instances.iter().filter(|instance| instance.state == State::Ready);
        let ready: Vec<ApplicationName> = ready.map(|instance| instance.application.clone()).collect();
        findings.extend(files::judge(&seen.relied, &ready));
        findings
    }

    /// Whether the queue of this host answers; `None`: it has none.
    fn own_queue_answers(&self) -> Option<bool> {
        self.servers.iter().find(|server| is_local(&server.address)).map(|server| server.answer.is_ok())
    }

    /// What there is that is well: `2 applications, 9 instances, 1 queue, 3 tubes`.
    fn summary(&self) -> String {
        let tubes = self.servers.iter().filter_map(|server| server.answer.as_ref().ok());
        let tubes: usize = tubes.map(|answer| answer.tubes.len()).sum();
        [
            count(self.seen.applications.len() as u64, "application", "applications"),
            count(self.supervisor.instances().len() as u64, "instance", "instances"),
            count(self.servers.len() as u64, "queue", "queues"),
            count(tubes as u64, "tube", "tubes"),
        ]
        .join(", ")
    }
}
