//! What an executor is made of: which interpreter, which application.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::frame::{PROTOCOL, ToExecutor};
use crate::names::Tube;

/// What runs the application's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Runtime {
    /// The code is Ruby, evaluated in the top-level binding.
    #[default]
    Ruby,
    /// The code is a Python expression, evaluated in the application's module.
    Python,
    /// The code is not looked at: a command per job, with the body on its standard input.
    Exec,
}

/// One application, as `ayl_worker` was told of it.
#[derive(Debug, Clone)]
pub struct Launch {
    /// What runs its code.
    pub runtime: Runtime,
    /// Its folder, absolute.
    pub path: PathBuf,
    /// What to load, relative to it.
    pub require: String,
    /// Whether it is a Rails application.
    pub rails: bool,
    /// `production`, …
    pub environment: Option<String>,
    /// The tube.
    pub tube: Tube,
    /// The application's name.
    pub application: Option<String>,
    /// The application's version.
    pub version: Option<String>,
    /// The worker's name.
    pub instance: Option<String>,
    /// Whether the executor is to tell its memory.
    pub memory: bool,
    /// Where a preloader listens that has booted the application.
    pub preloader: Option<PathBuf>,
    /// With [`Runtime::Exec`]: the command.
    pub command: Vec<String>,
}

impl Launch {
    /// The command that starts an executor.
    pub fn command(&self) -> Command {
        let mut command = match self.runtime {
            Runtime::Ruby => {
                let mut command = self.ruby();
                command.arg(library("ruby/lib/ayl/executor.rb"));
                command
            }
            Runtime::Python => {
                let mut command = Command::new("python3");
                command.arg(library("python/ayl_executor.py"));
                command
            }
            Runtime::Exec => {
                let own = std::env::current_exe().unwrap_or_else(|_| "ayl_worker".into());
                let mut command = Command::new(own);
                command.args(["--be", "executor", "--"]).args(&self.command);
                command
            }
        };
        command.current_dir(&self.path).stdin(Stdio::null());
        // The worker's own conversation with the supervisor is not the application's.
        for variable in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] {
            command.env_remove(variable);
        }
        command
    }

    /// Ruby with the application's own gems, and no others.
    fn ruby(&self) -> Command {
        if self.path.join("Gemfile").is_file() {
            let mut bundle = Command::new("bundle");
            bundle.args(["exec", "ruby"]);
            bundle
        } else {
            Command::new("ruby")
        }
    }

    /// Becomes the application's preloader. Returns only with the reason why it cannot.
    pub fn exec_preloader(&self) -> io::Error {
        let mut command = self.ruby();
        command.arg(library("ruby/lib/ayl/preloader.rb")).arg("-a").arg(&self.path);
        command.args(["-t", self.tube.as_str(), "-c", &self.require]);
        if self.rails {
            command.arg("-r");
        }
        if let Some(environment) = &self.environment {
            command.args(["-e", environment]);
        }
        // What is forked from it belongs to the workers, not to the instance that it is itself;
        // a supervisor would end it with the preloader.
        command.env_remove("AYL_INSTANCE");
        command.current_dir(&self.path).stdin(Stdio::null()).exec()
    }

    /// The first thing an executor hears.
    pub fn boot(&self) -> ToExecutor<'_> {
        ToExecutor::Boot {
            protocol: PROTOCOL,
            application: self.application.as_deref(),
            version: self.version.as_deref(),
            tube: self.tube.as_str(),
            instance: self.instance.as_deref(),
            path: self.path.to_str().unwrap_or_default(),
            require: &self.require,
            rails: self.rails,
            environment: self.environment.as_deref(),
            memory: self.memory,
        }
    }
}

/// A file of the Ruby or Python library that came with this program: where
/// `AYL_LIBRARY` says, where the package puts it, or in the source tree.
fn library(file: &str) -> PathBuf {
    if let Some(folder) = std::env::var_os("AYL_LIBRARY") {
        return Path::new(&folder).join(file);
    }
    let program = std::env::current_exe().unwrap_or_default();
    let beside = |up: usize, below: &str| {
        program.ancestors().nth(up).map(|folder| folder.join(below).join(file)).filter(|path| path.is_file())
    };
    beside(2, "share/abaqis-daemons")
        .or_else(|| beside(3, ""))
        .unwrap_or_else(|| Path::new("/usr/share/abaqis-daemons").join(file))
}
