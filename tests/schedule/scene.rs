//! Schedulers of an application at a real queue.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use abaqis_daemons::beanstalk::Job;
use abaqis_daemons::queue::{Client, Options};
use jiff::Timestamp;
use tempfile::TempDir;

use crate::beanstalkd::Beanstalkd;
use crate::wait::until;

/// A queue, and a folder with the timetable of an application `a`.
pub(crate) struct Scene {
    pub(crate) queue: Beanstalkd,
    folder: TempDir,
}

impl Scene {
    pub(crate) fn new(timetable: &str) -> Self {
        Self::at(Beanstalkd::start(), timetable)
    }

    pub(crate) fn at(queue: Beanstalkd, timetable: &str) -> Self {
        let scene = Self { queue, folder: TempDir::new().unwrap() };
        fs::create_dir(scene.path("config")).unwrap();
        scene.edit(timetable);
        scene
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts another timetable over the one that is there, as an editor does.
    pub(crate) fn edit(&self, timetable: &str) {
        fs::write(self.path("config/new"), timetable).unwrap();
        fs::rename(self.path("config/new"), self.path("config/schedule.yml")).unwrap();
    }

    /// Starts a scheduler called `name` whose jobs go to `tube`.
    pub(crate) fn start(&self, name: &str, tube: &str) -> Scheduler {
        self.start_through(&[], name, tube)
    }

    /// The same by way of a command that ends up in the program.
    pub(crate) fn start_through(&self, way: &[&str], name: &str, tube: &str) -> Scheduler {
        let log = File::options().create(true).append(true).open(self.path(name)).unwrap();
        let words = [way, &[env!("CARGO_BIN_EXE_ayl_scheduler")]].concat();
        let child = Command::new(words[0])
            .args(&words[1..])
            .arg("-a")
            .arg(self.folder.path())
            .args(["-t", tube, "-n", name, "--application", "a"])
            .arg("--memory")
            .arg(self.path(&format!("{name}.json")))
            .arg("--beanstalk")
            .arg(self.queue.address().to_string())
            .env_remove("NOTIFY_SOCKET")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Scheduler { child }
    }

    /// What a scheduler has said.
    pub(crate) fn log(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Waits until a scheduler has said this so many times.
    #[track_caller]
    pub(crate) fn until_says(&self, name: &str, words: &str, times: usize) {
        until(&format!("{name} says {words}"), || {
            (self.log(name).matches(words).count() >= times).then_some(())
        });
    }

    /// The jobs of a tube, by entry: each slot, and how often it was put.
    pub(crate) fn slots(&self, tube: &str) -> BTreeMap<String, BTreeMap<Timestamp, usize>> {
        let mut slots: BTreeMap<String, BTreeMap<Timestamp, usize>> = BTreeMap::new();
        for job in self.jobs(tube) {
            let body: serde_json::Value = serde_json::from_slice(&job.body).unwrap();
            let (entry, slot) = body["slot"].as_str().unwrap().split_once('@').unwrap();
            let slot = slot.parse().unwrap();
            *slots.entry(entry.to_owned()).or_default().entry(slot).or_default() += 1;
        }
        slots
    }

    /// Takes every job of a tube.
    fn jobs(&self, tube: &str) -> Vec<Job> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let options = Options::using(tube.parse().unwrap());
            let mut client = Client::connect(self.queue.address(), options).await.unwrap();
            let mut jobs = Vec::new();
            while let Some(job) = client.peek_ready().await.unwrap() {
                client.delete(job.id).await.unwrap();
                jobs.push(job);
            }
            jobs
        })
    }
}

/// A scheduler's process; it dies with the value.
pub(crate) struct Scheduler {
    child: Child,
}

impl Scheduler {
    pub(crate) fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
    }

    /// SIGTERM, and how it ended.
    pub(crate) fn stop(mut self) -> ExitStatus {
        self.signal(nix::sys::signal::Signal::SIGTERM);
        self.ended()
    }

    pub(crate) fn ended(&mut self) -> ExitStatus {
        until("the scheduler's end", || self.child.try_wait().unwrap())
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
