//! Where things are on this host: options that several commands have.

use std::env;
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};

use crate::control::RUNTIME_DIR;

/// The configuration of the service.
const CONFIG: &str = "/etc/abaqis/daemons.yml";

/// Which runtime directory.
#[derive(Debug, Clone, Default, Args)]
pub struct RuntimeDir {
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    #[arg(
        help = "Runtime directory of the supervisor [env: ABAQIS_RUNTIME_DIR] [default: /run/abaqis-daemons]"
    )]
    runtime_dir: Option<PathBuf>,
}

/// Which configuration.
#[derive(Debug, Clone, Args)]
pub struct ConfigFile {
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(help = "The configuration [env: ABAQIS_CONFIG] [default: /etc/abaqis/daemons.yml]")]
    config: Option<PathBuf>,
}

// Not left to clap: with its `env` a usage error shows the option as if it had been given.
impl RuntimeDir {
    /// The directory.
    pub fn path(&self) -> PathBuf {
        given(self.runtime_dir.as_deref(), "ABAQIS_RUNTIME_DIR", RUNTIME_DIR)
    }
}

impl ConfigFile {
    /// The file.
    pub fn path(&self) -> PathBuf {
        given(self.config.as_deref(), "ABAQIS_CONFIG", CONFIG)
    }
}

fn given(option: Option<&Path>, variable: &str, default: &str) -> PathBuf {
    let from_environment = || env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    option.map(Path::to_owned).or_else(from_environment).unwrap_or_else(|| default.into())
}
