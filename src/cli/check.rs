//! `check`: whether the configuration can be used, with everything that is wrong.

use std::io::{self, Write};
use std::path::Path;

use clap::Args;

use super::ask::Supervisor;
use super::exit::{Error, Exit};
use super::place::ConfigFile;
use super::running;
use super::say;
use crate::config::{Config, Host, Loaded, Privilege, Problems, load};
use crate::process::host::System;
use crate::process::users::own_uid;
use crate::supervisor::files::ReadError;
use crate::supervisor::sources;

/// The arguments of `check`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    config: ConfigFile,
    /// Also ask the supervisor: 1 when an instance has failed, waits, or ended and is not back yet
    #[arg(long)]
    running: bool,
    #[command(flatten)]
    supervisor: Supervisor,
}

impl Check {
    /// Runs the command.
    pub(crate) fn run(&self) -> Result<Exit, Error> {
        let file = self.config.path();
        // As the supervisor that it belongs to will judge it, whoever checks.
        let host = System::serving(&file);
        if host.privilege() == Privilege::Root && own_uid() != 0 {
            say(&format!("{} belongs to root, and is judged for root's supervisor", file.display()));
        }
        let exit = check(&file, &host, &mut io::stdout().lock(), &mut io::stderr().lock())?;
        if self.running && exit == Exit::Success {
            return running::check(&self.supervisor, &mut io::stderr().lock());
        }
        Ok(exit)
    }
}

/// Why there is no configuration.
pub(super) enum NoConfig {
    /// A file cannot be read.
    Unreadable(ReadError),
    /// What the files say cannot be used.
    Unusable(Problems),
}

impl NoConfig {
    /// Says why, and how the program ends.
    pub(super) fn tell(&self, err: &mut dyn Write) -> io::Result<Exit> {
        match self {
            Self::Unreadable(error) => {
                writeln!(err, "{error}")?;
                Ok(match error {
                    ReadError::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                        Exit::NotPermitted
                    }
                    ReadError::Io { .. } => Exit::NoInput,
                    _ => Exit::Configuration,
                })
            }
            Self::Unusable(problems) => {
                writeln!(err, "{problems}")?;
                Ok(Exit::Configuration)
            }
        }
    }
}

/// The configuration at `file` with what its folder adds.
pub(super) fn read(file: &Path, host: &dyn Host) -> Result<Loaded, NoConfig> {
    let root = host.privilege() == Privilege::Root;
    let files = sources::read(file, root).map_err(NoConfig::Unreadable)?;
    load(&files, host).map_err(NoConfig::Unusable)
}

/// Checks `file`: problems and warnings go to `err`, a word of praise to `out`.
fn check(file: &Path, host: &dyn Host, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let Loaded { config, warnings } = match read(file, host) {
        Ok(loaded) => loaded,
        Err(no_config) => return no_config.tell(err),
    };
    for warning in warnings {
        writeln!(err, "{}", warning.with_source())?;
    }
    writeln!(out, "{}: {}", file.display(), summary(&config))?;
    Ok(Exit::Success)
}

/// What it would run: `2 applications, 5 daemons, 9 instances`; `3 to 9` where that goes by the load.
fn summary(config: &Config) -> String {
    let daemons = || config.applications.values().flat_map(|application| application.daemons.values());
    let most: u64 = daemons().map(|daemon| u64::from(daemon.count)).sum();
    let least: u64 =
        daemons().map(|daemon| u64::from(daemon.scale.map_or(daemon.count, |scale| scale.min))).sum();
    let count = |n: u64, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    [
        count(config.applications.len() as u64, "application"),
        count(daemons().count() as u64, "daemon"),
        if least < most { format!("{least} to {most} instances") } else { count(most, "instance") },
    ]
    .join(", ")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    /// The exit code and what is written, the folder's name taken out.
    fn run(text: Option<&str>) -> (Exit, String, String) {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("daemons.yml");
        if let Some(text) = text {
            fs::write(&file, text).unwrap();
        }
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let exit = check(&file, &System::dev(), &mut out, &mut err).unwrap();
        let plain =
            |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(&*dir.path().to_string_lossy(), "DIR");
        (exit, plain(out), plain(err))
    }

    #[test]
    fn what_can_be_used_is_summed_up() {
        let (exit, out, err) =
            run(Some("applications: {a: {path: /, workers: 3, daemons: {x: {command: x}}}}"));
        assert_eq!(exit, Exit::Success);
        assert_eq!(out, "DIR/daemons.yml: 1 application, 2 daemons, 4 instances\n");
        assert_eq!(err, "");
    }

    #[test]
    fn a_path_that_is_not_there_is_a_warning() {
        let (exit, _, err) = run(Some("applications:\n  a:\n    path: /no/such/path\n"));
        assert_eq!(exit, Exit::Success);
        assert_eq!(
            err,
            "DIR/daemons.yml:3:11: warning: applications.a.path: \"/no/such/path\" is not there (yet)\n \
             3 |     path: /no/such/path\n   |           ^^^^^^^^^^^^^\n"
        );
    }

    #[test]
    fn what_cannot_be_used_is_shown_and_ends_with_78() {
        let (exit, out, err) = run(Some("applications: 4\n"));
        assert_eq!((exit, out.as_str()), (Exit::Configuration, ""));
        assert!(err.starts_with("DIR/daemons.yml:1:15: applications: expected a map of applications, found"));
    }

    #[test]
    fn no_file_ends_with_66() {
        let (exit, out, err) = run(None);
        assert_eq!((exit, out.as_str()), (Exit::NoInput, ""));
        assert_eq!(err, "DIR/daemons.yml: No such file or directory\n");
    }
}
