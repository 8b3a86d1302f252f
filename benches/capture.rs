//! What it takes to get a flood of lines into a file: ours beside a plain loop that reads
//! 64 KiB from a pipe and writes them.
//!
//! ```text
//!   cargo bench --bench capture [MEGABYTES]
//! ```

#![allow(clippy::cast_precision_loss)]

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::chown;
use std::path::Path;
use std::time::Instant;

use abaqis_daemons::logs::{Destination, FileLog, Logs};
use abaqis_daemons::process::users;

/// As a daemon that logs in blocks writes: twenty lines of 200 bytes.
fn block() -> Vec<u8> {
    [&[b'x'; 199][..], b"\n"].concat().repeat(20)
}

fn main() {
    let megabytes: usize = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(200);
    println!("{megabytes} MB in lines of 200 bytes, written 4000 bytes at a time");
    let folder = tempfile::tempdir().unwrap();
    let owner = (users::own_uid() == 0).then_some((65534, 65534));
    if let Some((uid, gid)) = owner {
        chown(folder.path(), Some(uid), Some(gid)).unwrap();
    }
    let floor = plain_loop(&folder.path().join("floor.log"), megabytes);
    println!("plain loop   {floor:6.0} MB/s");
    let path = folder.path().join("ours.log");
    let log = FileLog { path: path.clone(), max_size: 1 << 40, keep: 1, owner };
    let mut logs = Logs::new();
    let pipe = logs.open("bench/flood/1", &Destination::File(Box::new(log))).unwrap();
    logs.forget("bench/flood/1");
    let began = Instant::now();
    flood(File::from(pipe), megabytes);
    let writer = rate(megabytes, began);
    // The last thing in the file: the last line, or how many are missing before it.
    let mut size = 0;
    loop {
        std::thread::sleep(std::time::Duration::from_millis(20));
        let now = path.metadata().map_or(0, |found| found.len());
        if now == size {
            break;
        }
        size = now;
    }
    let kept = 100.0 * size as f64 / (megabytes as f64 * 1e6);
    println!(
        "ours         {writer:6.0} MB/s as the daemon sees it, {kept:.1} % kept  {:.2} x",
        writer / floor
    );
}

fn rate(megabytes: usize, began: Instant) -> f64 {
    megabytes as f64 / began.elapsed().as_secs_f64()
}

fn flood(mut to: File, megabytes: usize) {
    let block = block();
    for _ in 0..megabytes * 1_000_000 / block.len() {
        to.write_all(&block).unwrap();
    }
}

fn plain_loop(path: &Path, megabytes: usize) -> f64 {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut file = File::create(path).unwrap();
    let began = Instant::now();
    let writer = std::thread::spawn(move || flood(File::from(std::os::fd::OwnedFd::from(writer)), megabytes));
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(n @ 1..) = reader.read(&mut buffer) {
        file.write_all(&buffer[..n]).unwrap();
    }
    writer.join().unwrap();
    rate(megabytes, began)
}
