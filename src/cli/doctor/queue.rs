//! The queue: whether it is there, keeps what it is given and is kept from strangers, and
//! whether somebody works on each of its tubes.

use std::net::IpAddr;

use super::application::{Application, owner};
use super::finding::{Finding, count};
use crate::beanstalk::TubeStatistics;
use crate::cli::human::span;
use crate::names::{ApplicationName, EntryName, ServerAddress, Tube};
use crate::schedule::entry_of;

/// Where distributions let beanstalkd's arguments be set.
const ARGUMENTS: &str = "BEANSTALKD_EXTRA in /etc/default/beanstalkd, /etc/sysconfig/beanstalkd on Fedora";

/// One beanstalkd, as it was seen.
#[derive(Debug)]
pub(super) struct Server {
    /// Where it listens.
    pub(super) address: ServerAddress,
    /// What it says, or why it says nothing.
    pub(super) answer: Result<Answer, String>,
    /// On which addresses of this host somebody listens on its port.
    pub(super) listens: Vec<IpAddr>,
}

/// What a beanstalkd says of itself.
#[derive(Debug)]
pub(super) struct Answer {
    /// Whether it takes no new jobs.
    pub(super) draining: bool,
    /// Whether it keeps its jobs on the disk; `None`: it does not say.
    pub(super) binlog: Option<bool>,
    /// Connections that have reserved once.
    pub(super) workers: u64,
    /// Its tubes.
    pub(super) tubes: Vec<SeenTube>,
}

/// A tube.
#[derive(Debug)]
pub(super) struct SeenTube {
    /// Its figures.
    pub(super) figures: TubeStatistics,
    /// How old the first of its buried jobs is, in seconds.
    pub(super) oldest_buried: Option<u64>,
}

/// Whether the server is on this host, and only meant for it.
pub(super) fn is_local(address: &ServerAddress) -> bool {
    match address {
        ServerAddress::Unix(_) => true,
        ServerAddress::Tcp { host, .. } => {
            host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
    }
}

/// The addresses on which somebody listens on `port`, in the text of `/proc/net/tcp` or
/// `tcp6`: `  0: 0100007F:2C24 00000000:0000 0A …`, each word of the address as the
/// processor has it in memory.
pub(super) fn listeners(table: &str, port: u16) -> Vec<IpAddr> {
    let address = |line: &str| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (address, found) = fields.next()?.split_once(':')?;
        let listens = fields.nth(1)? == "0A";
        if !listens || u16::from_str_radix(found, 16).ok()? != port {
            return None;
        }
        let words = address.as_bytes().chunks(8).map(|word| std::str::from_utf8(word).ok());
        let words: Option<Vec<u32>> = words.map(|word| u32::from_str_radix(word?, 16).ok()).collect();
        match words?.as_slice() {
            [word] => Some(IpAddr::from(word.to_ne_bytes())),
            [a, b, c, d] => {
                let bytes = [a, b, c, d].map(|word| word.to_ne_bytes()).concat();
                Some(IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?))
            }
            _ => None,
        }
    };
    table.lines().filter_map(address).collect()
}

/// What is wrong with the servers and on their tubes. `kept`: the tubes that instances of
/// this host's supervisor work on.
pub(super) fn judge(servers: &[Server], applications: &[Application], kept: &[Tube]) -> Vec<Finding> {
    let several = servers.len() > 1;
    let mut findings = Vec::new();
    for server in servers {
        let name = format!("beanstalkd {}", server.address);
        match &server.answer {
            Err(why) => findings.push(away(&name, why, is_local(&server.address))),
            Ok(answer) => {
                itself(server, answer, &name, &mut findings);
                let on = if several { format!(" on {}", server.address) } else { String::new() };
                for tube in &answer.tubes {
                    let look = Look { server, answer, applications, kept, tube };
                    let seen =
                        [look.unwatched(), look.buried(), look.stranded(), look.paused(), look.unused()];
                    let place = format!("tube {}{on}", tube.figures.name);
                    let finding = |(check, what, mend)| Finding::new(check, place.as_str(), what, mend);
                    findings.extend(seen.into_iter().flatten().map(finding));
                }
            }
        }
    }
    findings
}

fn away(name: &str, why: &str, local: bool) -> Finding {
    let mend =
        if local { "systemctl start beanstalkd" } else { "see whether it runs there and lets this host in" };
    Finding::new("beanstalkd", name, format!("does not answer: {why}"), mend)
}

fn itself(server: &Server, answer: &Answer, name: &str, findings: &mut Vec<Finding>) {
    if answer.draining {
        let mend = "systemctl restart beanstalkd, which keeps its jobs if it has a binlog";
        findings.push(Finding::new("draining", name, "it is draining and takes no new jobs", mend));
    }
    if answer.binlog == Some(false) {
        let what = "without a binlog: a restart or reboot loses every job";
        let mend = format!("start it with -b FOLDER ({ARGUMENTS})");
        findings.push(Finding::new("binlog", name, what, mend));
    }
    let open = server.listens.iter().find(|address| address.is_unspecified());
    if let Some(address) = open.filter(|_| is_local(&server.address)) {
        let what = format!("listens on {address}: whoever reaches this host can have workers run code");
        let mend = "start it with -l 127.0.0.1, or close its port to others";
        findings.push(Finding::new("exposed", name, what, mend));
    }
}

/// A tube and what is known around it.
struct Look<'a> {
    server: &'a Server,
    answer: &'a Answer,
    applications: &'a [Application],
    kept: &'a [Tube],
    tube: &'a SeenTube,
}

type Seen = Option<(&'static str, String, String)>;

impl Look<'_> {
    fn name(&self) -> &Tube {
        &self.tube.figures.name
    }

    /// `ayl_beanstalk -t TUBE`, with the server where it is not the usual one.
    fn tool(&self) -> String {
        let mut words = vec!["ayl_beanstalk".to_owned()];
        if self.server.address != ServerAddress::default() {
            words.extend(["--host".to_owned(), self.server.address.to_string()]);
        }
        words.extend(["-t".to_owned(), self.name().to_string()]);
        shell_words::join(words)
    }

    /// How many connections could take a job of the tube. Every connection watches the tube
    /// `default` until it says otherwise, so there those count that work on no other one.
    fn watchers(&self) -> u64 {
        if *self.name() != Tube::default() {
            return self.tube.figures.watching;
        }
        let others = self.answer.tubes.iter().filter(|tube| tube.figures.name != *self.name());
        self.answer.workers.saturating_sub(others.map(|tube| tube.figures.watching).sum())
    }

    /// Whose turn it is that is kept there, if it is the tube of a timetable's entry.
    fn entry(&self) -> Option<(ApplicationName, EntryName)> {
        let application: ApplicationName = self.name().as_str().split('/').nth(1)?.parse().ok()?;
        let entry = entry_of(&application, self.name())?;
        Some((application, entry))
    }

    fn unwatched(&self) -> Seen {
        let jobs = self.tube.figures.ready + self.tube.figures.delayed;
        if jobs == 0 || self.watchers() > 0 {
            return None;
        }
        if let Some((application, entry)) = self.entry() {
            let what = format!("no scheduler waits for the next slot of {entry} of {application}");
            let here = self.applications.iter().any(|known| known.name == application);
            let mend = if here {
                format!("abaqis-daemons status {application}/scheduler")
            } else {
                format!("see whether the scheduler of {application} runs on its hosts")
            };
            return Some(("unscheduled", what, mend));
        }
        let jobs = count(jobs, "job", "jobs");
        let what = |whose: &str| format!("{jobs} and no worker: {whose}");
        let moved = |to: &Tube| format!("{} move_jobs {}", self.tool(), shell_words::quote(to.as_str()));
        let (what, mend) = match owner(self.name(), self.applications) {
            Some(application) if application.tube.as_ref() == Some(self.name()) => {
                let name = &application.name;
                (what(&format!("it is what {name} uses")), format!("abaqis-daemons status {name}"))
            }
            Some(application) => {
                let older = application.older.iter().find(|older| older.tube == *self.name());
                let trouble = older.and_then(|older| Some((&older.version, older.trouble.as_ref()?)));
                let (what, again) = if let Some((version, trouble)) = trouble {
                    let whose = format!("release {version} of {} has none: {trouble}", application.name);
                    (what(&whose), "put it there again")
                } else {
                    let version = application.version_of(self.name()).unwrap_or_default();
                    (
                        what(&format!("version {version} of {} is not current", application.name)),
                        "deploy it again",
                    )
                };
                let mend = match &application.tube {
                    Some(current) => format!("{again}, or {}", moved(current)),
                    None => again.to_owned(),
                };
                (what, mend)
            }
            None => {
                let mend = format!("start a worker for it, or {} move_jobs TUBE", self.tool());
                (what("no application here has that tube"), mend)
            }
        };
        Some(("unwatched", what, mend))
    }

    fn buried(&self) -> Seen {
        let number = self.tube.figures.buried;
        if number == 0 {
            return None;
        }
        let age = self.tube.oldest_buried.map(|seconds| format!(", the oldest {} old", span(seconds)));
        let what = format!("{}{}", count(number, "buried job", "buried jobs"), age.unwrap_or_default());
        let tool = self.tool();
        Some(("buried", what, format!("{tool} peek_buried; then {tool} kick {number}, or delete ID")))
    }

    /// More jobs reserved than somebody can hold. A worker holds one; beanstalkd 1.12, where its binlog has no
    /// room, refuses a `bury` or a `release` with a delay and forgets who held the job.
    fn stranded(&self) -> Seen {
        let (reserved, holders) = (self.tube.figures.reserved, self.watchers());
        if reserved <= holders {
            return None;
        }
        let workers = if holders == 0 { "no worker".to_owned() } else { count(holders, "worker", "workers") };
        let what = format!("{} and {workers} to hold them", count(reserved, "reserved job", "reserved jobs"));
        let mend = "unless somebody is moving jobs, its binlog had no room: make some, then systemctl restart beanstalkd";
        Some(("stranded", what, mend.to_owned()))
    }

    fn paused(&self) -> Seen {
        let TubeStatistics { ready, pause_left, .. } = self.tube.figures;
        let left = u64::try_from(pause_left).ok().filter(|&left| left > 0 && ready > 0)?;
        let what =
            format!("{} while it is paused, {} more", count(ready, "job waits", "jobs wait"), span(left));
        Some(("paused", what, format!("{} resume", self.tool())))
    }

    /// Workers of a version that is not the current one, and nothing left for them to do; or of
    /// nobody's tube on a queue that is this host's own.
    fn unused(&self) -> Seen {
        let TubeStatistics { ready, reserved, delayed, watching, using, total, .. } = self.tube.figures;
        let idle = ready + reserved + delayed + using == 0;
        if watching == 0
            || !idle
            || self.entry().is_some()
            || *self.name() == Tube::default()
            || self.kept.contains(self.name())
        {
            return None;
        }
        let workers = count(watching, "worker", "workers");
        let (whose, mend) = match owner(self.name(), self.applications) {
            Some(application) if application.tube.as_ref() != Some(self.name()) => {
                let version = application.version_of(self.name()).unwrap_or_default();
                let whose = format!("version {version} of {} is not current", application.name);
                (whose, "stop them")
            }
            None if total == 0 && is_local(&self.server.address) && !self.applications.is_empty() => {
                let whose = "no application here has that tube, and it never had a job".to_owned();
                (whose, "stop them, or start them with the right -t")
            }
            _ => return None,
        };
        Some(("unused", format!("{workers} and no jobs: {whose}"), mend.to_owned()))
    }
}
