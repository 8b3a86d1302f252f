//! The worker with jobs that do nothing, beside what it is made of.
//!
//! `cargo bench --bench worker [JOBS]` prints jobs a second, the median of several rounds
//! in turn:
//!
//! - *bare*: a loop of `reserve` and `delete` over a socket, in Rust, that runs nothing
//! - *piped*: the same with each `delete` and the next `reserve` in one write, as the worker does
//! - *eval*: Ruby that evaluates a line and answers, a line at a time over pipes
//! - *floor*: these two in turn, *piped* and *eval*, by somebody who is woken for each answer. A
//!   worker has no second job at hand while the first one runs; it can only be faster by staying
//!   awake where that pays
//! - *worker*: `ayl_worker` with its executor, which does both and decides

mod wire;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use wire::{Connection, Outcome, Server};

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
        bare.push(self::bare(&server, jobs)?);
        piped.push(self::piped(&server, jobs)?);
        eval.push(evaluate(jobs)?);
        worker.push(work(&server, folder.path(), jobs)?);
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

/// A connection to a tube that has `jobs` more jobs.
fn filled(server: &Server, jobs: u32) -> Outcome<Connection> {
    let mut connection = server.connect()?;
    for _ in 0..jobs {
        connection.put(BODY)?;
    }
    Ok(connection)
}

/// Jobs a second of a loop that reserves and deletes.
fn bare(server: &Server, jobs: u32) -> Outcome<f64> {
    let mut connection = filled(server, jobs)?;
    let start = Instant::now();
    for _ in 0..jobs {
        let reserved = connection.ask("reserve")?;
        connection.data(BODY.len())?;
        let id = reserved.split(' ').nth(1).ok_or("no job")?;
        connection.ask(&format!("delete {id}"))?;
    }
    Ok(f64::from(jobs) / start.elapsed().as_secs_f64())
}

/// Jobs a second of a loop that deletes and reserves in one breath.
fn piped(server: &Server, jobs: u32) -> Outcome<f64> {
    let mut connection = filled(server, jobs)?;
    let mut reserved = connection.ask("reserve")?;
    let start = Instant::now();
    for _ in 1..jobs {
        connection.data(BODY.len())?;
        let id = reserved.split(' ').nth(1).ok_or("no job")?;
        connection.ask(&format!("delete {id}\r\nreserve"))?;
        reserved = connection.line()?;
    }
    let rate = f64::from(jobs - 1) / start.elapsed().as_secs_f64();
    connection.data(BODY.len())?;
    let id = reserved.split(' ').nth(1).ok_or("no job")?;
    connection.ask(&format!("delete {id}"))?;
    Ok(rate)
}

/// Jobs a second of the worker, boot and end left out.
fn work(server: &Server, folder: &Path, jobs: u32) -> Outcome<f64> {
    let mut connection = filled(server, jobs)?;
    let mut worker = server.worker(folder)?;
    let mut until = |left: u32| -> Outcome<(Instant, u32)> {
        loop {
            let ready = ready(&mut connection)?;
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

/// How many jobs of the tube are ready.
fn ready(connection: &mut Connection) -> Outcome<u32> {
    let head = connection.ask("stats-tube t")?;
    let length = head.rsplit(' ').next().unwrap_or_default().parse()?;
    let text = String::from_utf8(connection.data(length)?)?;
    let line = text.lines().find_map(|line| line.strip_prefix("current-jobs-ready: "));
    Ok(line.ok_or("no figure")?.trim().parse()?)
}
