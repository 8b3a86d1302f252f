//! The host that chaos is brought over: three applications, a queue that keeps its jobs, and a
//! supervisor that is started again whenever it ends, as systemd would.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::beanstalkd::Beanstalkd;
use crate::clock::Clock;
use crate::configuration::{Configuration, deploy, lay};
use crate::journal;
use crate::processes::{OPERATOR, kill, marked};
use crate::proxy::Proxy;
use crate::record::Record;
use crate::schedule::{APPLICATIONS, Disk};
use crate::slots::{TUBE, slot_of};

/// Writes down when a job begins and ends; the clock is the one that the test reads.
const RUBY: &str = r#"
module Ledger
  FILE = File.open(File.join(ENV.fetch("CHAOS"), "ledger"), "a")
  def self.now = Process.clock_gettime(Process::CLOCK_MONOTONIC, :millisecond)
  def self.run(job, seconds)
    FILE.syswrite("begin #{job} #{ENV["AYL_INSTANCE"]} #{ENV["AYL_VERSION"]} #{$$} #{now}\n")
    sleep seconds
    FILE.syswrite("end #{job} #{$$} #{now}\n")
  end
  def self.beat(entry) = FILE.syswrite("beat #{entry} #{now} #{Time.now.to_i}\n")
end
"#;

/// The same in another language.
const PYTHON: &str = r#"
import os
import select
import time

class Ledger:
    FILE = os.open(os.path.join(os.environ["CHAOS"], "ledger"), os.O_WRONLY | os.O_APPEND)

    @classmethod
    def say(cls, words):
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000_000
        os.write(cls.FILE, f"{words} {os.getpid()} {now}\n".encode())

    @classmethod
    def run(cls, job, seconds):
        cls.say(f"begin {job} {os.environ['AYL_INSTANCE']} {os.environ['AYL_VERSION']}")
        # What sets the clock has `time.sleep` fail.
        select.select([], [], [], seconds)
        cls.say(f"end {job}")
"#;

/// What an operator tries with `dev`: what it starts is known as an operator's, like everything else.
const DEV: &str = "\
applications:
  x: {path: /, version: '1', daemons: {rest: {command: [sleep, infinity], env: {OPERATOR: MARK}}}}
";

/// Whose the applications are where this is root: limits on processes count for this user
/// alone, whom nobody else is likely to be.
pub(crate) const USER: &str = "games";

pub(crate) struct Site {
    folder: TempDir,
    pub(crate) queue: Beanstalkd,
    /// The queue can be reached by two addresses, and by a third one that operators have.
    pub(crate) proxies: [Proxy; 3],
    /// What came of what was said there.
    pub(crate) record: Arc<Mutex<Record>>,
    supervisor: Option<Child>,
    pub(crate) clock: Clock,
    pub(crate) root: bool,
    versions: [u64; 3],
    pub(crate) configuration: Configuration,
}

impl Site {
    pub(crate) fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let root = nix::unistd::geteuid().is_root();
        prepare(folder.path(), root);
        // Small files, so that a new one is begun again and again: a full disk is felt at once.
        let binlog = folder.path().join("binlog").display().to_string();
        let queue = Beanstalkd::with(&["-b", &binlog, "-f", "0", "-s", "16384"]);
        let record = Arc::default();
        let proxies =
            [false, false, true].map(|operators| Proxy::before(&queue.socket(), &record, operators));
        let clock = Clock::new(folder.path(), root);
        let (versions, configuration) = ([1; 3], Configuration::usual());
        let mut site =
            Self { folder, queue, proxies, record, supervisor: None, clock, root, versions, configuration };
        site.put_right();
        site.begin();
        site
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What stands in the environment of every process of this site.
    pub(crate) fn mark(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }

    /// The supervisor's process.
    pub(crate) fn pid(&self) -> i32 {
        let supervisor = self.supervisor.as_ref().expect("a supervisor was started");
        i32::try_from(supervisor.id()).unwrap()
    }

    fn begin(&mut self) {
        let (said, log) = std::io::pipe().unwrap();
        journal::keep(said, self.path("log"), 0);
        let mut command = program(self.folder.path());
        command.envs(self.clock.environment());
        command.arg("run").stdout(log.try_clone().unwrap()).stderr(log);
        self.supervisor = Some(command.spawn().unwrap());
    }

    /// What the supervisor has written.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.path("log")).unwrap_or_default()).into_owned()
    }

    /// What its daemons have written to the journal.
    pub(crate) fn journal(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.path("journal")).unwrap_or_default()).into_owned()
    }

    /// A command of an operator: of `abaqis-daemons`, unless it names another program.
    pub(crate) fn operator(&self, words: &[String]) -> Command {
        if let Some((tool, words)) = words.split_first().filter(|(first, _)| first.starts_with("ayl_")) {
            let mut command = Command::new(self.path("bin").join(tool));
            let address = self.proxies[2].address;
            command.args(["--host", &address.ip().to_string(), "-p", &address.port().to_string()]);
            command.args(words).stdin(Stdio::null()).env(OPERATOR, self.mark());
            return command;
        }
        let mut command = program(self.folder.path());
        command.args(words).env(OPERATOR, self.mark());
        command
    }

    /// Whose the applications are; nothing: whose the supervisor is.
    pub(crate) fn user(&self) -> Option<&'static str> {
        self.root.then_some(USER)
    }

    /// Whether the supervisor has ended; then nothing of it is left and another one is started,
    /// as systemd does for a service of its own control group.
    pub(crate) fn revive(&mut self) -> Option<String> {
        let status = self.ended()?;
        self.end_all();
        self.begin();
        Some(status.to_string())
    }

    /// How the supervisor ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.supervisor.as_mut()?.try_wait().unwrap()
    }

    /// Kills whatever the supervisor has left.
    pub(crate) fn end_all(&self) {
        loop {
            let left = marked(self.mark());
            if left.is_empty() {
                return;
            }
            for process in left {
                kill(process.pid, Signal::SIGKILL);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The version that an application has now.
    pub(crate) fn version(&self, application: usize) -> u64 {
        self.configuration.version(application).unwrap_or(self.versions[application])
    }

    /// The tube that it has now.
    pub(crate) fn tube(&self, application: usize) -> String {
        self.configuration.tube(application, self.version(application))
    }

    /// Has an application go to another version, and back the next time.
    pub(crate) fn deploy(&mut self, application: usize) {
        self.versions[application] = 3 - self.versions[application];
        deploy(self.folder.path(), application, self.versions[application]);
    }

    /// Puts a job on a tube: the number the queue gave it, if it said that it has it.
    pub(crate) fn put_job(&self, tube: &str, body: &str) -> Option<u64> {
        let put = format!("use {tube}\r\nput 512 0 60 {}\r\n{body}\r\n", body.len());
        let answer = self.ask_queue(&put)?;
        answer.strip_prefix(&format!("USING {tube}\r\nINSERTED "))?.strip_suffix("\r\n")?.parse().ok()
    }

    /// What the queue says; nothing where it is away or stopped.
    pub(crate) fn ask_queue(&self, lines: &str) -> Option<String> {
        let mut stream = UnixStream::connect(self.queue.socket()).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
        stream.write_all(lines.as_bytes()).ok()?;
        stream.write_all(b"quit\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// Deletes what was put by hand and is no message: it was buried, and would be again.
    pub(crate) fn delete_what_is_no_message(&self, tube: &str) {
        let found = |answer: &String| {
            let (head, body) = answer.split_once("\r\n")?.1.split_once("\r\n")?;
            let number = head.strip_prefix("FOUND ")?.split(' ').next()?.to_owned();
            (!body.starts_with(r#"{"type":"ayl""#)).then_some(number)
        };
        while let Some(number) =
            self.ask_queue(&format!("use {tube}\r\npeek-buried\r\n")).as_ref().and_then(found)
        {
            let _ = self.ask_queue(&format!("delete {number}\r\n"));
        }
    }

    /// The slots of the jobs that nobody works on. They go back when the connection ends.
    pub(crate) fn slots(&self) -> Vec<Timestamp> {
        let reserve = "reserve-with-timeout 0\r\n".repeat(3000);
        let answer = self.ask_queue(&format!("watch {TUBE}\r\n{reserve}")).unwrap_or_default();
        answer.lines().filter_map(|line| slot_of(line.as_bytes())).collect()
    }

    /// The ledger.
    pub(crate) fn ledger(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.path("ledger")).unwrap()).into_owned()
    }

    /// Puts what everybody wrote into a folder, with the list of faults.
    pub(crate) fn keep(&self, folder: &Path, faults: &str) {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("faults"), faults).unwrap();
        for name in ["log", "journal", "ledger"] {
            let _ = fs::copy(self.path(name), folder.join(name));
        }
    }

    /// Fills a disk, or makes room on it again.
    pub(crate) fn fill(&self, disk: Disk, full: bool) {
        let file = self.path(disk.folder()).join("fill");
        if full {
            // Ends with the disk.
            let _ = std::io::copy(&mut std::io::repeat(1), &mut fs::File::create(file).unwrap());
        } else {
            let _ = fs::remove_file(file);
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(mut supervisor) = self.supervisor.take() {
            let _ = supervisor.kill();
            let _ = supervisor.wait();
        }
        self.end_all();
    }
}

/// The folders, the programs, a journal and a small disk, which are mounted for this test alone.
fn prepare(site: &Path, root: bool) {
    fs::set_permissions(site, fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(site.join("bin")).unwrap();
    for program in [
        env!("CARGO_BIN_EXE_abaqis-daemons"),
        env!("CARGO_BIN_EXE_ayl_worker"),
        env!("CARGO_BIN_EXE_ayl_scheduler"),
        env!("CARGO_BIN_EXE_ayl_beanstalk"),
    ] {
        // The build folder need not be open to the applications' user.
        let to = site.join("bin").join(Path::new(program).file_name().unwrap());
        fs::hard_link(program, &to).or_else(|_| fs::copy(program, &to).map(|_| ())).unwrap();
    }
    let parts =
        [concat!(env!("CARGO_MANIFEST_DIR"), "/ruby"), concat!(env!("CARGO_MANIFEST_DIR"), "/python")];
    assert!(Command::new("cp").arg("-r").args(parts).arg(site).status().unwrap().success());
    let dev = DEV.replace("OPERATOR", OPERATOR).replace("MARK", &site.display().to_string());
    fs::write(site.join("dev.yml"), dev).unwrap();
    fs::write(site.join("ledger"), "").unwrap();
    fs::set_permissions(site.join("ledger"), fs::Permissions::from_mode(0o666)).unwrap();
    (0..APPLICATIONS.len()).for_each(|application| lay(site, application, RUBY, PYTHON));
    for disk in Disk::ALL {
        fs::create_dir(site.join(disk.folder())).unwrap();
    }
    if root {
        unshare(CloneFlags::CLONE_NEWNS).expect("root may have a mount namespace of its own");
        let none: Option<&str> = None;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
        mount(none, "/run", Some("tmpfs"), MsFlags::empty(), Some("mode=755")).unwrap();
        journal::listen(site.join("journal"));
        for disk in Disk::ALL {
            let folder = site.join(disk.folder());
            // Jobs that wait long keep the files of the binlog that they are in.
            let megabytes = if disk == Disk::Binlog { 16 } else { 2 };
            let options = format!("size={megabytes}m,mode=755");
            mount(none, &folder, Some("tmpfs"), MsFlags::empty(), Some(&*options)).unwrap();
        }
        // What sets the clock leaves things there when its program is killed.
        mount(none, "/dev/shm", Some("tmpfs"), MsFlags::empty(), Some("mode=1777")).unwrap();
    }
    fs::create_dir(site.join("small/logs")).unwrap();
}

fn program(site: &Path) -> Command {
    let mut command = Command::new(site.join("bin/abaqis-daemons"));
    for name in ["NOTIFY_SOCKET", "JOURNAL_STREAM"] {
        command.env_remove(name);
    }
    command.env("ABAQIS_CONFIG", site.join("daemons.yml")).env("ABAQIS_RUNTIME_DIR", site.join("small/run"));
    command.stdin(Stdio::null());
    command
}

/// Puts a file in another's place, as editors and deploys do.
pub(crate) fn replace(file: &Path, text: &str) {
    let new = file.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(&new, file).unwrap();
}
