//! Finds out which code an application has now: its path with every symlink resolved,
//! and the version that is written there.
//!
//! ```text
//!     /var/www/abaqis/current ─► /var/www/abaqis/releases/20261124
//!                                  └── VERSION, else REVISION: "4.2.0\n" ─► 4.2.0
//! ```

use std::path::{Path, PathBuf};

use super::reading::{Looking, Silent};
use crate::config::{Application, VersionSource};
use crate::names::Version;
use crate::plan::Found;
use crate::process::plain;
use crate::supervisor::files::{For, read_text};
use crate::watch::Interest;

/// The most bytes of a version file.
const MAX_VERSION: u64 = 4096;

/// Where a version is looked for unless the configuration says otherwise, in this order.
const VERSION_FILES: [&str; 2] = ["VERSION", "REVISION"];

/// Looks for an application. `root`: whether this process is root's.
pub fn find(application: &Application, root: bool) -> Found {
    let path = path(application);
    let version = version(application, &path, root);
    found(path, version)
}

/// The same where one must not wait for what does not answer.
pub(super) fn look(application: &Application, root: bool, looking: &Looking) -> Result<Found, Silent> {
    looking.at_path(&application.path)?;
    let path = path(application);
    if let Some(file) = version_files(application).first() {
        looking.at_path(file)?;
    }
    let version = version(application, &path, root);
    Ok(found(path, version))
}

fn found(path: Result<PathBuf, String>, version: Result<Version, String>) -> Found {
    Found { path: path.map_err(Into::into), version: version.map_err(Into::into) }
}

/// Where its path leads.
fn path(application: &Application) -> Result<PathBuf, String> {
    let at = application.path.display();
    let path = application.path.canonicalize().map_err(|error| format!("{at}: {}", plain(&error)))?;
    if path.is_dir() { Ok(path) } else { Err(format!("{at}: not a directory")) }
}

fn version(application: &Application, path: &Result<PathBuf, String>, root: bool) -> Result<Version, String> {
    match (&application.version, path) {
        (VersionSource::Literal(version), _) => Ok(version.clone()),
        (VersionSource::File(file), _) if file.is_absolute() => version_in(file, reader(application), root),
        (_, Err(why)) => Err(why.clone()),
        (VersionSource::File(file), Ok(path)) => version_in(&path.join(file), reader(application), root),
        (VersionSource::Found, Ok(path)) => first_version(path, reader(application), root),
    }
}

/// What to watch to learn that [`find`] would find something else.
pub(super) fn interests(application: &Application) -> Vec<Interest> {
    version_files(application).into_iter().chain([application.path.clone()]).map(Interest::Path).collect()
}

/// Where its version may stand, as its path is written.
fn version_files(application: &Application) -> Vec<PathBuf> {
    match &application.version {
        VersionSource::Literal(_) => Vec::new(),
        VersionSource::File(file) => vec![application.path.join(file)],
        VersionSource::Found => VERSION_FILES.map(|name| application.path.join(name)).into(),
    }
}

/// Who has to be able to read the application's files: its workers' user, else that of
/// its first daemon.
fn reader(application: &Application) -> For {
    let worker = application.daemons.values().find(|daemon| daemon.name.as_str() == "worker");
    worker.or_else(|| application.daemons.values().next()).map_or(For::Supervisor, |daemon| {
        For::Application { uid: daemon.process.account.uid, gid: daemon.process.account.gid }
    })
}

fn first_version(path: &Path, reader: For, root: bool) -> Result<Version, String> {
    let file = VERSION_FILES.iter().map(|name| path.join(name)).find(|file| file.exists());
    match file {
        Some(file) => version_in(&file, reader, root),
        None => Err(format!("no version: there is neither VERSION nor REVISION in {}", path.display())),
    }
}

fn version_in(file: &Path, reader: For, root: bool) -> Result<Version, String> {
    let text = read_text(file, MAX_VERSION, reader, root).map_err(|error| format!("no version: {error}"))?;
    text.trim().parse().map_err(|error| format!("no version: {}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::time::Duration;

    use tempfile::TempDir;

    use super::*;
    use crate::config::{Drain, OnDrainTimeout};

    fn application(path: &Path, version: VersionSource) -> Application {
        Application {
            name: "abaqis".parse().unwrap(),
            path: path.to_owned(),
            version,
            tube: "{app}-{version}".parse().unwrap(),
            daemons: BTreeMap::new(),
            drain: Drain { timeout: Duration::from_secs(1), on_timeout: OnDrainTimeout::Report },
        }
    }

    fn version(path: &Path, source: VersionSource) -> Result<String, String> {
        let found = find(&application(path, source), false);
        found.version.map(|version| version.to_string()).map_err(|why| why.to_string())
    }

    #[test]
    fn the_version_is_read_where_current_leads() {
        let dir = TempDir::new().unwrap();
        let root = dir.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("releases/2")).unwrap();
        symlink("releases/2", root.join("current")).unwrap();
        let current = root.join("current");
        assert_eq!(
            version(&current, VersionSource::Found),
            Err(format!(
                "no version: there is neither VERSION nor REVISION in {}",
                root.join("releases/2").display()
            ))
        );
        fs::write(current.join("REVISION"), " 0a1b2c3\n").unwrap();
        assert_eq!(version(&current, VersionSource::Found).unwrap(), "0a1b2c3");
        fs::write(current.join("VERSION"), "4.2.0\n").unwrap();
        assert_eq!(version(&current, VersionSource::Found).unwrap(), "4.2.0");
        assert_eq!(version(&current, VersionSource::File("REVISION".into())).unwrap(), "0a1b2c3");
        assert_eq!(version(&current, VersionSource::File(current.join("VERSION"))).unwrap(), "4.2.0");
        let found = find(&application(&current, VersionSource::Found), false);
        assert_eq!(found.path, Ok(root.join("releases/2")));
    }

    #[test]
    fn what_is_not_there_yet_is_a_reason() {
        let dir = TempDir::new().unwrap();
        let missing = dir.path().join("current");
        let why = Err(format!("{}: No such file or directory", missing.display()));
        assert_eq!(version(&missing, VersionSource::Found), why);
        let literal = find(&application(&missing, VersionSource::Literal("1".parse().unwrap())), false);
        assert_eq!(literal.path.map_err(|why| why.to_string()), why.map(PathBuf::from));
        assert_eq!(literal.version.unwrap().as_str(), "1");
        fs::write(&missing, "").unwrap();
        assert_eq!(
            version(&missing, VersionSource::Found),
            Err(format!("{}: not a directory", missing.display()))
        );
    }

    #[test]
    fn what_is_no_version_is_a_reason() {
        let dir = TempDir::new().unwrap();
        let file = dir.path().canonicalize().unwrap().join("VERSION");
        let at = file.display();
        fs::write(&file, "4 2\n").unwrap();
        assert_eq!(
            version(dir.path(), VersionSource::Found),
            Err(format!(
                r#"no version: {at}: "4 2" has ' ' in it; allowed are letters, digits and -_.+, first a letter or digit"#
            ))
        );
        fs::write(&file, "\n").unwrap();
        assert_eq!(
            version(dir.path(), VersionSource::Found),
            Err(format!("no version: {at}: a name may not be empty"))
        );
        assert_eq!(
            version(dir.path(), VersionSource::File("X".into())),
            Err(format!("no version: {}: No such file or directory", file.with_file_name("X").display()))
        );
    }
}
