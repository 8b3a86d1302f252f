//! What a beanstalkd says, and how it was started.

use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::room;
use crate::beanstalk::{Scalar, ServerStatistics, TubeStatistics};
use crate::cli::doctor::disk::Room;
use crate::cli::doctor::finding::first_line;
use crate::cli::doctor::queue::{Answer, SeenTube, Server, is_local, listeners};
use crate::names::ServerAddress;
use crate::process::block_on;
use crate::queue::{Client, Error, Options};

/// How long it may take to connect,
const CONNECT: Duration = Duration::from_secs(2);
/// and to give each answer.
const ANSWER: Duration = Duration::from_secs(3);

/// For at most this many tubes with buried jobs the age of the oldest is looked up.
const AGES: usize = 200;

/// Looks at one server, and at the disk with its binlog.
pub(in crate::cli::doctor) fn look(address: ServerAddress) -> (Server, Option<Room>) {
    let answer = match block_on(ask(&address)) {
        Ok(answer) => answer.map_err(|error| why(&error)),
        Err(error) => Err(error.to_string()),
    };
    let local = is_local(&address);
    let room = answer.as_ref().ok().filter(|_| local).and_then(|(_, pid)| {
        let folder = binlog(*pid)?;
        room(&folder, format!("the binlog of beanstalkd {address}"))
    });
    let listens = match &address {
        ServerAddress::Tcp { port, .. } if local => listens(*port),
        _ => Vec::new(),
    };
    let answer = answer.map(|(answer, _)| answer);
    (Server { address, answer, listens }, room)
}

/// The reason alone: which server it is stands before it.
fn why(error: &Error) -> String {
    let text = match error {
        Error::Unreachable { source, .. } => source.to_string(),
        other => other.to_string(),
    };
    text.split(" (os error").next().map(first_line).unwrap_or_default().to_owned()
}

async fn ask(address: &ServerAddress) -> Result<(Answer, u64), Error> {
    let options = Options { connect_timeout: CONNECT, reply_timeout: ANSWER, ..Options::default() };
    let mut client = Client::connect(address.clone(), options).await?;
    let server = client.stats().await?;
    let figures = client.stats_tubes().await?;
    let mut tubes = Vec::with_capacity(figures.len());
    let mut looked_up = 0;
    for figures in figures {
        let mut oldest_buried = None;
        if figures.buried > 0 && looked_up < AGES {
            looked_up += 1;
            oldest_buried = age_of_buried(&mut client, &figures).await?;
        }
        tubes.push(SeenTube { figures, oldest_buried });
    }
    let answer =
        Answer { draining: server.draining, binlog: keeps_binlog(&server), workers: server.workers, tubes };
    Ok((answer, server.pid))
}

/// How old the first buried job is: buried jobs stand in the order in which they were buried.
async fn age_of_buried(client: &mut Client, tube: &TubeStatistics) -> Result<Option<u64>, Error> {
    client.use_tube(&tube.name).await?;
    let Some(job) = client.peek_buried().await? else { return Ok(None) };
    Ok(client.stats_job(job.id).await?.map(|job| job.age))
}

/// Whether its jobs are on the disk. The files of a binlog are numbered from 1.
fn keeps_binlog(server: &ServerStatistics) -> Option<bool> {
    match server.all.get("binlog-current-index")? {
        Scalar::Integer(index) => Some(*index > 0),
        Scalar::Float(_) | Scalar::Text(_) => None,
    }
}

/// The folder that the beanstalkd with this process number was told to keep its binlog in.
fn binlog(pid: u64) -> Option<PathBuf> {
    // The number means nothing where it runs in a container.
    if fs::read_to_string(format!("/proc/{pid}/comm")).ok()?.trim_end() != "beanstalkd" {
        return None;
    }
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let mut words = line.split(|&byte| byte == 0).map(String::from_utf8_lossy);
    let word = words.find(|word| word.starts_with("-b"))?;
    let folder = if word.len() > 2 { word[2..].to_owned() } else { words.next()?.into_owned() };
    // Where it is relative it begins where beanstalkd was started, which root can see.
    Some(fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default().join(folder))
}

/// On which addresses somebody listens on `port`.
fn listens(port: u16) -> Vec<IpAddr> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
    tables.iter().flat_map(|table| listeners(table, port)).collect()
}
