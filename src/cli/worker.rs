//! The program `ayl_worker`: its command line, with the flags of the old worker first.

mod pid_file;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, Parser};

use super::exit::Exit;
use super::program;
use crate::ayl::{Handler, KeySet, Mode};
use crate::config::{parse_duration, parse_size};
use crate::logs::{Events, under_journal};
use crate::names::{ServerAddress, Tube};
use crate::queue::read_keys;
use crate::worker::{Launch, Options, Recycle, Runtime, Settings};
use pid_file::PidFile;

/// Takes jobs from one tube and has the application's code run them
///
/// Connects to the queue, boots the application in an executor, then takes one job at a
/// time. SIGTERM: finishes the job it holds, takes no other, leaves.
#[derive(Debug, Parser)]
#[command(name = "ayl_worker", version)]
struct Arguments {
    /// The application's folder
    #[arg(short = 'a', long, value_name = "PATH")]
    path: Option<PathBuf>,
    /// It is a Rails application [default: whether it has `config/application.rb` and `bin/rails`, unless there is `-c`]
    #[arg(short, long)]
    rails: bool,
    /// The environment it runs in
    #[arg(short, long, value_name = "ENV", env = "RAILS_ENV", default_value = "production")]
    environment: String,
    /// The tube; an application that chooses one itself has its way [default: `AYL_TUBE`, else `default`]
    #[arg(short, long)]
    tube: Option<Tube>,
    /// What to load, relative to the application's folder [default: `config/environment`]
    #[arg(short = 'c', long, value_name = "REQUIRE")]
    require: Option<String>,
    /// The worker's name, for status and process titles [default: `AYL_INSTANCE`]
    #[arg(short, long, value_name = "NAME", env = "AYL_INSTANCE", hide_env = true)]
    name: Option<String>,
    /// Write the process number there
    #[arg(short, long, value_name = "PID_PATH")]
    pid_path: Option<PathBuf>,
    /// What runs the jobs
    #[arg(long, value_enum, default_value_t)]
    runtime: Runtime,
    /// Replace the executor after this many jobs
    #[arg(long, value_name = "JOBS", value_parser = clap::value_parser!(u64).range(1..))]
    max_jobs: Option<u64>,
    /// Replace the executor when its resident memory is larger, shared pages counted too
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_memory: Option<u64>,
    /// Replace the executor when it is older, give or take a tenth
    #[arg(long, value_name = "TIME", value_parser = duration)]
    max_age: Option<Duration>,
    /// Kill a job that runs longer; its handler applies
    #[arg(long, value_name = "TIME", value_parser = duration)]
    max_runtime: Option<Duration>,
    /// How long a job may go on after SIGTERM before it is given back to the queue
    #[arg(long, value_name = "TIME", value_parser = duration, env = "AYL_STOP_TIMEOUT", default_value = "28s")]
    stop_timeout: Duration,
    /// What to do with messages whose signature is missing or wrong
    #[arg(long, value_parser = ["off", "warn", "require"], default_value = "off")]
    signing: String,
    /// The application's keys
    #[arg(long, value_name = "FILE", env = "AYL_SIGNING_KEYS")]
    signing_keys: Option<PathBuf>,
    /// The socket of a preloader that has booted the application
    #[arg(long, value_name = "SOCKET", env = "AYL_PRELOADER")]
    preloader: Option<PathBuf>,
    /// Where beanstalkd listens; several separated by commas
    #[arg(long, value_name = "SERVERS", env = "AYL_BEANSTALK", default_value = "127.0.0.1:11300")]
    beanstalk: String,
    /// Print the manual page and leave
    #[arg(long, hide = true)]
    man: bool,
    /// Print the completions for a shell and leave
    #[arg(long, hide = true, value_name = "SHELL")]
    completions: Option<clap_complete::Shell>,
    /// Be something else
    #[arg(long, hide = true, value_enum)]
    be: Option<Role>,
    /// With `--runtime exec`: the command that runs a job, which finds the body on its standard input
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// What the program can be beside a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Role {
    /// An executor that runs the command for each job.
    Executor,
    /// The preloader of the application, on the socket `AYL_PRELOADER`.
    Preloader,
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| error.to_string())
}

fn size(text: &str) -> Result<u64, String> {
    parse_size(text).map_err(|error| error.to_string())
}

/// The program `ayl_worker`.
pub fn ayl_worker() -> ExitCode {
    let arguments = match program::read() {
        Ok(arguments) => arguments,
        Err(exit) => return exit.into(),
    };
    match run(arguments) {
        Ok(status) => status.into(),
        Err((exit, text)) => {
            let _ = writeln!(std::io::stderr(), "{text}");
            exit.into()
        }
    }
}

type Failed = (Exit, String);

fn run(arguments: Arguments) -> Result<u8, Failed> {
    if arguments.man {
        super::man::page(Arguments::command())
            .and_then(|page| std::io::stdout().write_all(&page))
            .map_err(|error| (Exit::Io, format!("ayl_worker: {error}")))?;
        return Ok(0);
    }
    if let Some(shell) = arguments.completions {
        let written = super::completions::write(shell, &Arguments::command());
        return written.map(|_| 0).map_err(|error| (Exit::Io, format!("ayl_worker: {error}")));
    }
    if arguments.be == Some(Role::Executor) {
        return Ok(crate::worker::exec_executor(&arguments.command));
    }
    let pid_path = arguments.pid_path.clone();
    let role = arguments.be;
    let options = options(arguments)?;
    if role == Some(Role::Preloader) {
        let error = options.launch.exec_preloader();
        return Err((Exit::Io, format!("ayl_worker: cannot run the preloader: {error}")));
    }
    // Under a supervisor each line has the instance's name already.
    let name = if std::env::var_os("NOTIFY_SOCKET").is_some() { "" } else { "ayl_worker" };
    let events =
        Events::begin(options.launch.instance.as_deref().filter(|_| under_journal()).unwrap_or(name))
            .map_err(|error| (Exit::Io, format!("ayl_worker: {error}")))?;
    let pid_file = pid_path.as_deref().map(|path| {
        let cannot = |error| format!("ayl_worker: cannot write {}: {error}", path.display());
        PidFile::write(path).map_err(|error| (Exit::CannotCreate, cannot(error)))
    });
    let pid_file = pid_file.transpose()?;
    let status = crate::worker::main(options).map_err(|error| (Exit::Io, format!("ayl_worker: {error}")));
    drop(pid_file);
    drop(events);
    status
}

fn usage(text: impl std::fmt::Display) -> Failed {
    (Exit::Usage, format!("ayl_worker: {text}"))
}

/// A variable of the environment that is not empty.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn options(arguments: Arguments) -> Result<Options, Failed> {
    let path = folder(arguments.path.as_deref())?;
    let tube = match (&arguments.tube, variable("AYL_TUBE")) {
        (Some(tube), _) => tube.clone(),
        (None, Some(tube)) => tube.parse().map_err(|error| usage(format!("AYL_TUBE: {error}")))?,
        (None, None) => Tube::default(),
    };
    if arguments.runtime == Runtime::Exec && arguments.command.is_empty() {
        return Err(usage("--runtime exec needs a command: ayl_worker … -- COMMAND"));
    }
    let (signing, keys) = signing(&arguments.signing, arguments.signing_keys.as_deref())?;
    let recycle = Recycle {
        max_jobs: arguments.max_jobs,
        max_memory: arguments.max_memory,
        max_age: arguments.max_age.map(jittered),
    };
    let is_rails = || ["config/application.rb", "bin/rails"].iter().all(|file| path.join(file).is_file());
    let rails = arguments.rails || (arguments.require.is_none() && is_rails());
    let servers = ServerAddress::list(&arguments.beanstalk)
        .map_err(|error| usage(format!("AYL_BEANSTALK: {error}")))?;
    Ok(Options {
        launch: Launch {
            runtime: arguments.runtime,
            path,
            require: arguments.require.unwrap_or_else(|| "config/environment".to_owned()),
            rails,
            environment: Some(arguments.environment),
            tube,
            application: variable("AYL_APP"),
            version: variable("AYL_VERSION"),
            instance: arguments.name,
            memory: recycle.max_memory.is_some(),
            preloader: arguments.preloader,
            command: arguments.command,
        },
        settings: Settings {
            stop_timeout: arguments.stop_timeout,
            max_runtime: arguments.max_runtime,
            handler: Handler::Delete,
            recycle,
            others: servers.len() > 1,
        },
        servers,
        signing,
        keys,
    })
}

/// The application's folder: absolute, there, and one that a frame can carry.
fn folder(path: Option<&Path>) -> Result<PathBuf, Failed> {
    // In the words of the old worker.
    let path = path.ok_or_else(|| (Exit::Usage, "Must specify an application path".to_owned()))?;
    let path = std::path::absolute(path).map_err(|error| usage(format!("{}: {error}", path.display())))?;
    if !path.is_dir() {
        let text = format!("ayl_worker: the application's folder {} is not there", path.display());
        return Err((Exit::NoInput, text));
    }
    if path.to_str().is_none() {
        return Err(usage(format!("{}: the path of an application has to be UTF-8", path.display())));
    }
    Ok(path)
}

fn signing(mode: &str, keys: Option<&Path>) -> Result<(Mode, KeySet), Failed> {
    let mode = match mode {
        "require" => Mode::Require,
        "warn" => Mode::Warn,
        _ => return Ok((Mode::Off, KeySet::default())),
    };
    let path = keys.ok_or_else(|| usage("--signing needs the application's keys: --signing-keys FILE"))?;
    let keys = read_keys(path).map_err(|error| (Exit::Configuration, format!("ayl_worker: {error}")))?;
    Ok((mode, keys))
}

/// A tenth more or less, so that the workers of a pool do not all do it at once.
fn jittered(age: Duration) -> Duration {
    let tenth = age / 10;
    age.saturating_sub(tenth) + tenth * (std::process::id() % 200) / 100
}
