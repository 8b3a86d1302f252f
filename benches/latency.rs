//! How long one waits, beside the least there is: for a job to start, and for a command.
//!
//! `cargo bench --bench latency [ROUNDS]` prints the median and the 99th percentile:
//!
//! - *put to start*: from a put to the moment when the job's code has said something, with
//!   `ayl_worker` idle. Its floor reserves over a bare socket and hands the code to Ruby over a pipe
//! - `list_tubes`: `ayl_beanstalk list_tubes` from its start to its end. Its floor is
//!   `list_floor.c`, and with it the cost of any program

mod wire;

use std::fs;
use std::io::{self, Write};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use wire::{Outcome, Server};

/// What evaluates a line at a time.
const EVAL: &str = "while line = $stdin.gets; eval(line, TOPLEVEL_BINDING); end";

/// A worker that is idle for so long has gone to sleep, and so has all below it.
const PAUSE: Duration = Duration::from_millis(5);

/// Nothing takes longer than this unless it never comes.
const LONG: Duration = Duration::from_secs(30);

fn main() -> Outcome<()> {
    let rounds: usize = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(500);
    let folder = tempfile::tempdir()?;
    let server = Server::start(folder.path())?;
    let starts = Starts::begin(folder.path())?;
    let floor = starts.bare(&server, rounds)?;
    let ours = starts.worker(&server, folder.path(), rounds)?;
    report("put to start", &floor, &ours);
    let bare = folder.path().join("list_floor");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/list_floor.c");
    if !Command::new("cc").args(["-O2", "-o"]).arg(&bare).arg(source).status()?.success() {
        return Err("cc cannot build list_floor.c".into());
    }
    let address = format!("unix:{}", server.socket.display());
    let (mut floor, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        floor.push(run(Command::new(&bare).arg(&server.socket))?);
        let mut tool = Command::new(env!("CARGO_BIN_EXE_ayl_beanstalk"));
        ours.push(run(tool.arg("list_tubes").env("AYL_BEANSTALK", &address))?);
    }
    report("list_tubes", &floor, &ours);
    Ok(())
}

fn report(what: &str, floor: &[Duration], ours: &[Duration]) {
    let of = |times: &[Duration]| {
        let mut times = times.to_vec();
        times.sort();
        let at = |part: usize| times.get(times.len() * part / 100).copied().unwrap_or_default();
        (at(50), at(99))
    };
    let (floor, ours) = (of(floor), of(ours));
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    println!(
        "{what:<14} floor {:>6.3} ms, p99 {:>6.3}   ours {:>6.3} ms, p99 {:>6.3}   {:.2} of the floor",
        ms(floor.0),
        ms(floor.1),
        ms(ours.0),
        ms(ours.1),
        ours.0.as_secs_f64() / floor.0.as_secs_f64()
    );
}

/// How long a program takes from its start to its end.
fn run(command: &mut Command) -> Outcome<Duration> {
    let begun = Instant::now();
    let output = command.stdin(Stdio::null()).output()?;
    let took = begun.elapsed();
    let listed = output.status.success() && output.stdout.starts_with(b" - ");
    if listed { Ok(took) } else { Err(format!("{command:?}: {output:?}").into()) }
}

/// Jobs that say that they have started.
struct Starts {
    said: UnixDatagram,
    /// What says so, in Ruby.
    code: String,
}

impl Starts {
    fn begin(folder: &Path) -> Outcome<Self> {
        let path = folder.join("said");
        let said = UnixDatagram::bind(&path)?;
        said.set_read_timeout(Some(LONG))?;
        let open = format!("Addrinfo.unix('{}', :DGRAM).connect", path.display());
        Ok(Self { said, code: format!("($said ||= (require 'socket'; {open})).send('.', 0)") })
    }

    /// From each put to the word of its job. The first ones boot and warm what runs them.
    fn measure(&self, rounds: usize, mut put: impl FnMut() -> Outcome<()>) -> Outcome<Vec<Duration>> {
        let warm = rounds / 10 + 1;
        let mut times = Vec::with_capacity(rounds);
        for round in 0..rounds + warm {
            std::thread::sleep(PAUSE);
            let begun = Instant::now();
            put()?;
            self.said.recv(&mut [0])?;
            if round >= warm {
                times.push(begun.elapsed());
            }
        }
        Ok(times)
    }

    /// A bare socket and a bare Ruby.
    fn bare(&self, server: &Server, rounds: usize) -> Outcome<Vec<Duration>> {
        let (mut producer, mut consumer) = (server.connect()?, server.connect()?);
        let mut ruby = Command::new("ruby").args(["-e", EVAL]).stdin(Stdio::piped()).spawn()?;
        let mut to = ruby.stdin.take().ok_or("no pipe")?;
        let worker = std::thread::spawn(move || -> io::Result<()> {
            loop {
                let reserved = consumer.ask("reserve")?;
                let mut numbers = reserved.split(' ').skip(1).filter_map(|word| word.parse().ok());
                let (Some(id), Some(length)) = (numbers.next(), numbers.next()) else {
                    return Err(io::Error::other(reserved));
                };
                let body = consumer.data(length)?;
                to.write_all(&[&body[..], b"\n"].concat())?;
                consumer.ask(&format!("delete {id}"))?;
                // A job without code is the last.
                if body.is_empty() {
                    return Ok(());
                }
            }
        });
        let times = self.measure(rounds, || producer.put(&self.code));
        producer.put("")?;
        worker.join().map_err(|_| "the bare worker failed")??;
        ruby.wait()?;
        times
    }

    /// `ayl_worker` with its executor.
    fn worker(&self, server: &Server, folder: &Path, rounds: usize) -> Outcome<Vec<Duration>> {
        fs::create_dir(folder.join("config"))?;
        fs::write(folder.join("config/environment.rb"), "")?;
        let mut producer = server.connect()?;
        let mut worker = server.worker(folder)?;
        let body = format!(r#"{{"type":"ayl","failed_job_handler":"delete","code":"{}"}}"#, self.code);
        let times = self.measure(rounds, || producer.put(&body));
        worker.kill()?;
        worker.wait()?;
        times
    }
}
