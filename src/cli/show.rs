//! `show`: the configuration, resolved, with its defaults filled in.

use std::io::{self, Write};
use std::path::Path;

use clap::Args;

use super::check::read;
use super::exit::{Error, Exit};
use super::place::ConfigFile;
use crate::config::Host;
use crate::process::host::System;

/// The arguments of `show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    #[command(flatten)]
    config: ConfigFile,
}

impl Show {
    /// Runs the command.
    pub(crate) fn run(&self) -> Result<Exit, Error> {
        let file = self.config.path();
        Ok(show(&file, &System::service(), &mut io::stdout().lock(), &mut io::stderr().lock())?)
    }
}

/// Writes what `file` says to `out`; what keeps it from that to `err`.
fn show(file: &Path, host: &dyn Host, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    match read(file, host) {
        Ok(loaded) => {
            out.write_all(loaded.config.to_yaml().as_bytes())?;
            Ok(Exit::Success)
        }
        Err(no_config) => no_config.tell(err),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    #[test]
    fn what_is_shown_says_the_same_again() {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("daemons.yml");
        let show = || {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let exit = show(&file, &System::dev(), &mut out, &mut err).unwrap();
            assert_eq!((exit, String::from_utf8(err).unwrap().as_str()), (Exit::Success, ""));
            String::from_utf8(out).unwrap()
        };
        fs::write(&file, "applications: {a: {path: /, workers: 3}}").unwrap();
        let first = show();
        assert!(first.contains("stop_timeout: 30s"), "{first}");
        fs::write(&file, &first).unwrap();
        assert_eq!(show(), first);
    }
}
