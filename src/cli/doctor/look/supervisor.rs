//! What the supervisor says, and what is seen of its processes.

use std::fs;
use std::path::Path;

use crate::cli::doctor::supervisor::{Running, Supervisor};
use crate::control::client::{Client, ClientError};
use crate::control::messages::{FailureKind, Refusal, Request, Response};
use crate::control::status::{InstanceStatus, ReleaseStatus};
use crate::names::{Selector, ServerAddress};
use crate::process::block_on;

/// Asks the supervisor whose runtime directory this is.
pub(in crate::cli::doctor) fn look(runtime: &Path) -> Supervisor {
    match block_on(ask(runtime)) {
        Ok(Ok(running)) => Supervisor::Runs(running),
        Ok(Err(ClientError::NotRunning { path, .. })) => Supervisor::Away(path),
        Ok(Err(ClientError::NotPermitted(_) | ClientError::Refused(Refusal::Stranger { .. }))) => {
            Supervisor::Refuses
        }
        Ok(Err(error)) => Supervisor::Ails(error.to_string()),
        Err(error) => Supervisor::Ails(error.to_string()),
    }
}

async fn ask(runtime: &Path) -> Result<Running, ClientError> {
    let client = Client::connect(runtime).await?;
    let hello = client.hello().clone();
    let mut answer = client.ask(&Request::Status { selector: Selector::All }).await?;
    let mut instances: Vec<InstanceStatus> = Vec::new();
    while let Some(response) = answer.next().await? {
        match response {
            Response::Instance(instance) => instances.push(*instance),
            // Nothing is running: not even an instance named `all`.
            Response::Failed { kind: FailureKind::Instances, .. } => break,
            _ => {}
        }
    }
    let releases = releases(runtime).await.unwrap_or_default();
    let of = |instance: &&InstanceStatus| instance.pid.is_some_and(|pid| is_gone(pid, "cwd"));
    let adrift = instances.iter().filter(of).map(|instance| instance.instance.clone()).collect();
    let beanstalk = instances.iter().filter_map(|instance| instance.pid).find_map(told_beanstalk);
    let replaced = is_gone(hello.pid, "exe");
    Ok(Running { version: hello.version, replaced, instances, adrift, releases, beanstalk })
}

/// What it tells of releases; nothing where it is older and does not know of them.
async fn releases(runtime: &Path) -> Result<Vec<ReleaseStatus>, ClientError> {
    let client = Client::connect(runtime).await?;
    let mut answer = client.ask(&Request::Releases { application: None }).await?;
    let mut releases = Vec::new();
    while let Some(response) = answer.next().await? {
        if let Response::Release(release) = response {
            releases.push(*release);
        }
    }
    Ok(releases)
}

/// Where a process was told that the queue is, for those who may see it.
fn told_beanstalk(pid: u32) -> Option<Vec<ServerAddress>> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let mut variables = environment.split(|&byte| byte == 0);
    let told = variables.find_map(|variable| variable.strip_prefix(b"AYL_BEANSTALK="))?;
    ServerAddress::list(std::str::from_utf8(told).ok()?).ok()
}

/// Whether what a process has open there, its program (`exe`) or its folder (`cwd`), is no
/// longer on the disk. Unknown is no.
fn is_gone(pid: u32, link: &str) -> bool {
    let target = fs::read_link(format!("/proc/{pid}/{link}"));
    target.is_ok_and(|target| target.as_os_str().as_encoded_bytes().ends_with(b" (deleted)"))
}
