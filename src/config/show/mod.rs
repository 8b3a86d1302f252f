//! The configuration as YAML again: everything resolved, every default filled in.
//!
//! What is shown loads to the same configuration on the same host. Nothing is left to
//! `defaults`, so that each daemon can be read by itself; what is not set is left out.

mod write;

use serde_json::{Map, Value, json};

use super::quantity::{write_duration, write_size};
use super::{
    Application, Backoff, Bound, Command, Config, Daemon, Kill, Kind, Limits, LogTarget, Milli,
    OnDrainTimeout, Policy, Process, Ready, Restart, Runtime, Scale, Scheduler, Signing, Template,
    VersionSource, Worker,
};
use crate::names::DaemonName;

impl Config {
    /// The configuration as YAML that loads to the same.
    pub fn to_yaml(&self) -> String {
        let applications = self.applications.iter();
        let applications: Map<String, Value> =
            applications.map(|(name, one)| (name.to_string(), application(one))).collect();
        let beanstalk: Vec<String> = self.beanstalk.iter().map(ToString::to_string).collect();
        let mut all = Map::new();
        all.insert("beanstalk".into(), beanstalk.into());
        all.insert("watch".into(), self.watch.into());
        insert(&mut all, "max_workers", self.budget.workers);
        insert(&mut all, "max_workers_memory", self.budget.memory.map(write_size));
        all.insert("applications".into(), applications.into());
        write::write(&all.into())
    }
}

fn application(application: &Application) -> Value {
    let mut map = Map::new();
    map.insert("path".into(), application.path.to_string_lossy().into());
    match &application.version {
        VersionSource::Found => {}
        VersionSource::File(file) => {
            map.insert("version".into(), json!({ "file": file.to_string_lossy() }));
        }
        VersionSource::Literal(version) => {
            map.insert("version".into(), version.as_str().into());
        }
    }
    map.insert("tube".into(), application.tube.as_str().into());
    map.insert("drain_timeout".into(), write_duration(application.drain.timeout).into());
    let on_timeout = match application.drain.on_timeout {
        OnDrainTimeout::Report => "report",
        OnDrainTimeout::Move => "move",
    };
    map.insert("on_drain_timeout".into(), on_timeout.into());
    let mut others = Map::new();
    for (name, one) in &application.daemons {
        let settings = Value::Object(daemon(one));
        match one.kind {
            Kind::Worker(_) => map.insert("workers".into(), settings),
            Kind::Scheduler(_) => map.insert("scheduler".into(), settings),
            // Made by `workers`.
            Kind::Preloader => None,
            Kind::Other => others.insert(name.to_string(), settings),
        };
    }
    if !others.is_empty() {
        map.insert("daemons".into(), others.into());
    }
    map.into()
}

fn daemon(daemon: &Daemon) -> Map<String, Value> {
    let mut map = Map::new();
    let own_command = match &daemon.kind {
        Kind::Worker(Worker::Own) | Kind::Scheduler(Scheduler::Own) | Kind::Other => true,
        Kind::Worker(settings) => {
            worker(&mut map, settings);
            false
        }
        Kind::Scheduler(Scheduler::Ayl { file }) => {
            map.insert("file".into(), file.to_string_lossy().into());
            false
        }
        Kind::Preloader => false,
    };
    if own_command {
        map.insert("command".into(), command(&daemon.process.command));
    }
    if let Some(Scale { min, max, target }) = daemon.scale {
        map.insert("min".into(), min.into());
        map.insert("max".into(), max.into());
        map.insert("target_wait".into(), write_duration(target).into());
    } else {
        map.insert("count".into(), daemon.count.into());
    }
    process(&mut map, &daemon.process);
    policy(&mut map, &daemon.policy);
    map
}

fn worker(map: &mut Map<String, Value>, settings: &Worker) {
    let Worker::Ayl { runtime, job, require, preload, max_jobs, max_memory, max_age, max_runtime, signing } =
        settings
    else {
        return;
    };
    let runtime = match runtime {
        Runtime::Ruby => "ruby",
        Runtime::Python => "python",
        Runtime::Exec => "exec",
    };
    let signing = match signing {
        Signing::Off => "off",
        Signing::Warn => "warn",
        Signing::Require => "require",
    };
    map.insert("runtime".into(), runtime.into());
    insert(map, "command", job.as_ref().map(command));
    insert(map, "require", require.as_ref().map(|require| require.to_string_lossy()));
    map.insert("preload".into(), (*preload).into());
    insert(map, "max_jobs", *max_jobs);
    insert(map, "max_memory", max_memory.map(write_size));
    insert(map, "max_age", max_age.map(write_duration));
    insert(map, "max_runtime", max_runtime.map(write_duration));
    map.insert("signing".into(), signing.into());
}

fn insert(map: &mut Map<String, Value>, key: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        map.insert(key.into(), value.into());
    }
}

fn command(command: &Command) -> Value {
    command.iter().map(Template::as_str).collect()
}

fn process(map: &mut Map<String, Value>, process: &Process) {
    map.insert("user".into(), (*process.account.user).into());
    map.insert("group".into(), (*process.account.group).into());
    map.insert("directory".into(), process.directory.as_str().into());
    map.insert("umask".into(), format!("{:04o}", process.umask).into());
    if !process.env.is_empty() {
        let env = process.env.iter().map(|(name, value)| (name.to_string(), value.as_str().into()));
        map.insert("env".into(), Value::Object(env.collect()));
    }
    insert(map, "env_file", process.env_file.as_ref().map(Template::as_str));
    map.insert("nice".into(), process.nice.into());
    if *process.limits != Limits::default() {
        map.insert("limits".into(), limits(&process.limits));
    }
    insert(map, "watchdog", process.watchdog.map(write_duration));
    let log = match &process.log {
        LogTarget::Journal => "journal".into(),
        LogTarget::Null => "null".into(),
        LogTarget::File { path, max_size, keep } => {
            json!({ "file": path.as_str(), "max_size": write_size(*max_size), "keep": keep })
        }
    };
    map.insert("log".into(), log);
}

fn limits(limits: &Limits) -> Value {
    let Limits { nofile, nproc, core, stack, fsize, memlock, memory, cpu } = limits;
    let mut map = Map::new();
    for (key, bound) in [("nofile", nofile), ("nproc", nproc)] {
        insert(&mut map, key, bound.map(|bound| number(bound, Value::from)));
    }
    let sizes =
        [("core", core), ("stack", stack), ("fsize", fsize), ("memlock", memlock), ("memory", memory)];
    for (key, bound) in sizes {
        insert(&mut map, key, bound.map(|bound| number(bound, |bytes| write_size(bytes).into())));
    }
    insert(&mut map, "cpu", cpu.map(|share| format!("{}%", share.0)));
    map.into()
}

fn number(bound: Bound, write: impl FnOnce(u64) -> Value) -> Value {
    match bound {
        Bound::Unlimited => "unlimited".into(),
        Bound::At(value) => write(value),
    }
}

fn policy(map: &mut Map<String, Value>, policy: &Policy) {
    let restart = match policy.restart {
        Restart::Always => "always",
        Restart::OnFailure => "on-failure",
        Restart::Never => "never",
    };
    let kill = match policy.kill {
        Kill::Group => "group",
        Kill::Process => "process",
    };
    let start_limit = policy.start_limit;
    map.insert("restart".into(), restart.into());
    map.insert("backoff".into(), backoff(&policy.backoff));
    let within = write_duration(start_limit.within);
    map.insert("start_limit".into(), json!({ "count": start_limit.count, "within": within }));
    map.insert("ready".into(), ready(&policy.ready));
    map.insert("ready_timeout".into(), write_duration(policy.ready_timeout).into());
    if !policy.after.is_empty() {
        map.insert("after".into(), policy.after.iter().map(DaemonName::as_str).collect());
    }
    map.insert("stop_signal".into(), policy.stop_signal.name().into());
    map.insert("stop_timeout".into(), write_duration(policy.stop_timeout).into());
    map.insert("kill".into(), kill.into());
}

fn backoff(backoff: &Backoff) -> Value {
    json!({
        "initial": write_duration(backoff.initial),
        "max": write_duration(backoff.max),
        "factor": milli(backoff.factor),
        "jitter": milli(backoff.jitter),
        "reset_after": write_duration(backoff.reset_after),
    })
}

/// Whole numbers without a point.
fn milli(number: Milli) -> Value {
    if number.0.is_multiple_of(1000) { (number.0 / 1000).into() } else { number.as_f64().into() }
}

fn ready(ready: &Ready) -> Value {
    match ready {
        Ready::None => "none".into(),
        Ready::Notify => "notify".into(),
        Ready::Tcp(port) => json!({ "tcp": port }),
        Ready::File(path) => json!({ "file": path.as_str() }),
        Ready::Exec(words) => json!({ "exec": command(words) }),
        Ready::Delay(time) => json!({ "delay": write_duration(*time) }),
    }
}
