//! The client beside a bare loop over a socket, on the same server in the same run.
//!
//! `cargo bench --bench queue [JOBS]` prints both rates and their ratio, the median of
//! several rounds in turn. The bare loop writes a whole window of ready-made commands
//! and then reads as many lines; it parses nothing. `put_floor.c` is the same in C.

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use abaqis_daemons::beanstalk::{self, Delay, JobId, Priority, Reply, Ttr};
use abaqis_daemons::names::{ServerAddress, Tube};
use abaqis_daemons::queue::{Client, NewJob, Options, Reservation};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// What an application puts: the code of a call.
const BODY: &str = r#"{"type":"ayl","failed_job_handler":"delete","code":"Resident.clear_stay(3)"}"#;

/// Commands without a reply, on both sides.
const WINDOW: usize = 64;

/// Rounds of each, in turn.
const ROUNDS: usize = 7;

fn main() -> Outcome<()> {
    let jobs = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(100_000);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let server = Server::start()?;
    let floor = Floor::build()?;
    let (mut puts, mut drains, mut singles) = (Pair::default(), Pair::default(), Pair::default());
    let mut beside_c = Pair::default();
    for round in 0..ROUNDS {
        let mut raw = Raw::connect(server.port, &format!("raw{round}"))?;
        let mut client = runtime.block_on(connect(server.port, &format!("client{round}")))?;
        puts.raw.push(rate(jobs, || raw.put(jobs))?);
        puts.client.push(rate(jobs, || runtime.block_on(put(&mut client, jobs)))?);
        beside_c.raw.push(floor.put(server.port, &format!("c{round}"), jobs)?);
        let few = jobs / 20;
        singles.raw.push(rate(few, || raw.drain_singly(few))?);
        singles.client.push(rate(few, || runtime.block_on(drain_singly(&mut client, few)))?);
        drains.raw.push(rate(jobs - few, || raw.drain(jobs - few))?);
        drains.client.push(rate(jobs - few, || runtime.block_on(drain(&mut client, jobs - few)))?);
    }
    beside_c.client.clone_from(&puts.client);
    beside_c.print("pipelined put, bare C");
    puts.print("pipelined put, bare Rust");
    drains.print("pipelined reserve and delete");
    singles.print("reserve, then delete");
    Ok(())
}

/// Rates in jobs per second.
#[derive(Default)]
struct Pair {
    raw: Vec<f64>,
    client: Vec<f64>,
}

impl Pair {
    fn print(&mut self, what: &str) {
        let (raw, client) = (median(&mut self.raw), median(&mut self.client));
        println!("{what:<30} {raw:>9.0}/s bare {client:>9.0}/s client   {:.2} of bare", client / raw);
    }
}

/// The bare loop in C, built for this run.
struct Floor(tempfile::TempDir);

impl Floor {
    fn build() -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/put_floor.c");
        let built = Command::new("cc")
            .args(["-O2", "-o"])
            .arg(folder.path().join("put_floor"))
            .arg(source)
            .status()?;
        if built.success() { Ok(Self(folder)) } else { Err("cc cannot build put_floor.c".into()) }
    }

    /// Its rate, in jobs per second.
    fn put(&self, port: u16, tube: &str, jobs: u32) -> Outcome<f64> {
        let mut command = Command::new(self.0.path().join("put_floor"));
        command.args([&port.to_string(), tube, &jobs.to_string(), &WINDOW.to_string(), BODY]);
        Ok(String::from_utf8(command.output()?.stdout)?.trim().parse()?)
    }
}

fn median(rates: &mut [f64]) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or_default()
}

fn rate(jobs: u32, work: impl FnOnce() -> Outcome<()>) -> Outcome<f64> {
    let start = Instant::now();
    work()?;
    Ok(f64::from(jobs) / start.elapsed().as_secs_f64())
}

async fn connect(port: u16, tube: &str) -> Outcome<Client> {
    let tube: Tube = tube.parse()?;
    let address = ServerAddress::Tcp { host: "127.0.0.1".to_owned(), port };
    let options = Options { used: tube.clone(), ..Options::watching(tube) };
    Ok(Client::connect(address, options).await?)
}

fn jobs(count: u32) -> impl Iterator<Item = NewJob<&'static str>> {
    (0..count).map(|_| NewJob { priority: Priority(512), delay: Delay(0), ttr: Ttr(120), body: BODY })
}

async fn put(client: &mut Client, count: u32) -> Outcome<()> {
    let mut failed = None;
    client.put_many(jobs(count), |_, outcome| failed = outcome.err().or(failed.take())).await?;
    failed.map_or(Ok(()), |error| Err(error.into()))
}

async fn drain(client: &mut Client, count: u32) -> Outcome<()> {
    let mut ids: Vec<JobId> = Vec::with_capacity(WINDOW);
    let mut left = count as usize;
    while left > 0 {
        let some = left.min(WINDOW);
        ids.clear();
        let reserves = std::iter::repeat_n(beanstalk::Command::ReserveWithTimeout(0), some);
        client
            .pipeline(reserves, |_, reply| {
                if let Reply::Reserved(job) = reply {
                    ids.push(job.id);
                }
            })
            .await?;
        client.pipeline(ids.iter().map(|id| beanstalk::Command::Delete(*id)), |_, _| {}).await?;
        left -= some;
    }
    Ok(())
}

async fn drain_singly(client: &mut Client, count: u32) -> Outcome<()> {
    for _ in 0..count {
        if let Reservation::Job(job) = client.reserve().await? {
            client.delete(job.id).await?;
        }
    }
    Ok(())
}

/// The bare loop.
struct Raw {
    stream: BufReader<TcpStream>,
    line: String,
    body: Vec<u8>,
}

impl Raw {
    fn connect(port: u16, tube: &str) -> Outcome<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        let stream = BufReader::with_capacity(1 << 18, stream);
        let mut raw = Self { stream, line: String::new(), body: Vec::new() };
        for command in [format!("use {tube}"), format!("watch {tube}"), "ignore default".to_owned()] {
            raw.write(format!("{command}\r\n").as_bytes())?;
            raw.read()?;
        }
        Ok(raw)
    }

    fn write(&mut self, bytes: &[u8]) -> Outcome<()> {
        Ok(self.stream.get_mut().write_all(bytes)?)
    }

    fn read(&mut self) -> Outcome<&str> {
        self.line.clear();
        self.stream.read_line(&mut self.line)?;
        Ok(self.line.trim_end())
    }

    fn put(&mut self, count: u32) -> Outcome<()> {
        let one = format!("put 512 0 120 {}\r\n{BODY}\r\n", BODY.len());
        let batch = one.repeat(WINDOW);
        let mut left = count as usize;
        while left > 0 {
            let some = left.min(WINDOW);
            self.write(&batch.as_bytes()[..one.len() * some])?;
            for _ in 0..some {
                if !self.read()?.starts_with('I') {
                    return Err(self.line.clone().into());
                }
            }
            left -= some;
        }
        Ok(())
    }

    fn reserved(&mut self) -> Outcome<u64> {
        let words: Vec<u64> = self.read()?.split(' ').skip(1).map(str::parse).collect::<Result<_, _>>()?;
        let [id, length] = words[..] else { return Err(self.line.clone().into()) };
        self.body.resize(usize::try_from(length)? + 2, 0);
        self.stream.read_exact(&mut self.body)?;
        Ok(id)
    }

    fn drain(&mut self, count: u32) -> Outcome<()> {
        let batch = "reserve\r\n".repeat(WINDOW);
        let mut left = count as usize;
        while left > 0 {
            let some = left.min(WINDOW);
            self.write(&batch.as_bytes()[..9 * some])?;
            let mut deletes = Vec::new();
            for _ in 0..some {
                let id = self.reserved()?;
                write!(deletes, "delete {id}\r\n")?;
            }
            self.write(&deletes)?;
            for _ in 0..some {
                self.read()?;
            }
            left -= some;
        }
        Ok(())
    }

    fn drain_singly(&mut self, count: u32) -> Outcome<()> {
        for _ in 0..count {
            self.write(b"reserve\r\n")?;
            let id = self.reserved()?;
            self.write(format!("delete {id}\r\n").as_bytes())?;
            self.read()?;
        }
        Ok(())
    }
}

/// A beanstalkd on a free port.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start() -> Outcome<Self> {
        for _ in 0..20 {
            let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
            let mut child = Command::new("beanstalkd")
                .args(["-l", "127.0.0.1", "-p", &port.to_string()])
                .stderr(Stdio::null())
                .spawn()?;
            // Somebody else may have taken the port meanwhile: then it ends, and the next is tried.
            while child.try_wait()?.is_none() {
                if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    return Ok(Self { child, port });
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        Err("no free port for beanstalkd".into())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
