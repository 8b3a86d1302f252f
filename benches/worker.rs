//! The worker with jobs that do nothing, beside what it is made of.
//!
//! `cargo bench --bench worker [JOBS]` prints jobs a second, the median of several rounds
//! in turn:
//!
//! - *bare*: a loop of `reserve` and `delete` over a socket, in Rust, that runs nothing
//! - *piped*: the same with each `delete` and the next `reserve` in one write, as the worker does
//! - *eval*: Ruby that evaluates a line and answers, a line at a time over pipes
//! - *floor*: what a worker could do that did nothing but these two in turn, *piped* and *eval*; it
//!   has no second job at hand while the first one runs, so none can be faster
//! - *worker*: `ayl_worker` with its executor, which does both and decides

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

type Outcome<T> = Result<T, Box<dyn Error>>;

const BODY: &str = r#"{"type":"ayl","failed_job_handler":"delete","code":"nil"}"#;

/// What evaluates a line at a time.
const EVAL: &str = "while line = $stdin.gets; eval(line, TOPLEVEL_BINDING); $stdout.syswrite(\"ok\\n\"); end";

/// Rounds of each, in turn.
const ROUNDS: usize = 5;

fn main() -> Outcome<()> {
    let jobs: u32 = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(10_000);
    let folder = tempfile::tempdir()?;
    fs::create_dir(folder.path().join("config"))?;
    fs::write(folder.path().join("config/environment.rb"), "")?;
    let server = Server::start(folder.path())?;
    let (mut bare, mut piped, mut eval, mut worker) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        bare.push(server.bare(jobs)?);
        piped.push(server.piped(jobs)?);
        eval.push(evaluate(jobs)?);
        worker.push(server.worker(folder.path(), jobs)?);
    }
    let (bare, piped) = (median(&mut bare), median(&mut piped));
    let (eval, worker) = (median(&mut eval), median(&mut worker));
    let floor = 1.0 / (1.0 / piped + 1.0 / eval);
    println!("bare    {bare:>8.0}/s");
    println!("piped   {piped:>8.0}/s");
    println!("eval    {eval:>8.0}/s");
    println!("floor   {floor:>8.0}/s   {:.2} of eval", floor / eval);
    println!(
        "worker  {worker:>8.0}/s   {:.2} of bare, {:.2} of eval, {:.2} of floor",
        worker / bare,
        worker / eval,
        worker / floor
    );
    Ok(())
}

fn median(rates: &mut [f64]) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or_default()
}

/// Lines that Ruby evaluates in a second.
fn evaluate(lines: u32) -> Outcome<f64> {
    let mut ruby =
        Command::new("ruby").args(["-e", EVAL]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let (Some(mut to), Some(from)) = (ruby.stdin.take(), ruby.stdout.take()) else {
        return Err("no pipes".into());
    };
    let mut from = BufReader::new(from);
    let mut ask = |count: u32| -> Outcome<f64> {
        let start = Instant::now();
        for _ in 0..count {
            to.write_all(b"nil\n")?;
            from.read_line(&mut String::new())?;
        }
        Ok(f64::from(count) / start.elapsed().as_secs_f64())
    };
    // It boots first.
    ask(100)?;
    let rate = ask(lines)?;
    drop(to);
    ruby.wait()?;
    Ok(rate)
}

/// A beanstalkd on a socket.
struct Server {
    child: Child,
    socket: PathBuf,
}

/// A connection that uses and watches one tube.
struct Connection(BufReader<UnixStream>);

impl Server {
    fn start(folder: &Path) -> Outcome<Self> {
        let socket = folder.join("socket");
        let listen = format!("unix:{}", socket.display());
        let child = Command::new("beanstalkd").args(["-l", &listen]).stderr(Stdio::null()).spawn()?;
        let server = Self { child, socket };
        let deadline = Instant::now() + Duration::from_secs(10);
        while UnixStream::connect(&server.socket).is_err() {
            if Instant::now() > deadline {
                return Err("beanstalkd does not listen".into());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(server)
    }

    /// A connection to a tube that has `jobs` more jobs.
    fn filled(&self, jobs: u32) -> Outcome<Connection> {
        let mut connection = Connection(BufReader::new(UnixStream::connect(&self.socket)?));
        for command in ["use t", "watch t", "ignore default"] {
            connection.ask(command)?;
        }
        for _ in 0..jobs {
            connection.ask(&format!("put 512 0 120 {}\r\n{BODY}", BODY.len()))?;
        }
        Ok(connection)
    }

    /// Jobs a second of a loop that reserves and deletes.
    fn bare(&self, jobs: u32) -> Outcome<f64> {
        let mut connection = self.filled(jobs)?;
        let mut body = vec![0; BODY.len() + 2];
        let start = Instant::now();
        for _ in 0..jobs {
            let reserved = connection.ask("reserve")?;
            connection.0.read_exact(&mut body)?;
            let id = reserved.split(' ').nth(1).ok_or("no job")?;
            connection.ask(&format!("delete {id}"))?;
        }
        Ok(f64::from(jobs) / start.elapsed().as_secs_f64())
    }

    /// Jobs a second of a loop that deletes and reserves in one breath.
    fn piped(&self, jobs: u32) -> Outcome<f64> {
        let mut connection = self.filled(jobs)?;
        let mut body = vec![0; BODY.len() + 2];
        let mut reserved = connection.ask("reserve")?;
        let start = Instant::now();
        for _ in 1..jobs {
            connection.0.read_exact(&mut body)?;
            let id = reserved.split(' ').nth(1).ok_or("no job")?;
            connection.ask(&format!("delete {id}\r\nreserve"))?;
            reserved.clear();
            connection.0.read_line(&mut reserved)?;
            reserved.truncate(reserved.trim_end().len());
        }
        let rate = f64::from(jobs - 1) / start.elapsed().as_secs_f64();
        connection.0.read_exact(&mut body)?;
        let id = reserved.split(' ').nth(1).ok_or("no job")?;
        connection.ask(&format!("delete {id}"))?;
        Ok(rate)
    }

    /// Jobs a second of the worker, boot and end left out.
    fn worker(&self, folder: &Path, jobs: u32) -> Outcome<f64> {
        let mut connection = self.filled(jobs)?;
        let mut worker = Command::new(env!("CARGO_BIN_EXE_ayl_worker"))
            .args(["-t", "t", "-a"])
            .arg(folder)
            .env("AYL_BEANSTALK", format!("unix:{}", self.socket.display()))
            .env("AYL_LIBRARY", env!("CARGO_MANIFEST_DIR"))
            .stderr(Stdio::null())
            .spawn()?;
        let mut until = |left: u32| -> Outcome<(Instant, u32)> {
            loop {
                let ready = connection.ready()?;
                if ready <= left {
                    return Ok((Instant::now(), ready));
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        };
        let rate = until(jobs / 10 * 9).and_then(|(start, first)| {
            let (end, last) = until(jobs / 10)?;
            Ok(f64::from(first - last) / (end - start).as_secs_f64())
        });
        until(0)?;
        worker.kill()?;
        worker.wait()?;
        rate
    }
}

impl Connection {
    /// The first line of the answer to a command.
    fn ask(&mut self, command: &str) -> Outcome<String> {
        self.0.get_mut().write_all(format!("{command}\r\n").as_bytes())?;
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }

    /// How many jobs of the tube are ready.
    fn ready(&mut self) -> Outcome<u32> {
        let head = self.ask("stats-tube t")?;
        let length: usize = head.rsplit(' ').next().unwrap_or_default().parse()?;
        let mut text = vec![0; length + 2];
        self.0.read_exact(&mut text)?;
        let text = String::from_utf8(text)?;
        let line = text.lines().find_map(|line| line.strip_prefix("current-jobs-ready: "));
        Ok(line.ok_or("no figure")?.trim().parse()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
