//! The files of a configuration: `daemons.yml`, then `daemons.d/*.yml` in name order.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::files::{For, ReadError, read_bytes};
use crate::config::SourceFile;

/// The file that is read where neither `--config` nor `ABAQIS_CONFIG` says otherwise.
pub const DEFAULT_CONFIG: &str = "/etc/abaqis/daemons.yml";

/// The most bytes of one file.
const MAX_FILE: u64 = 4 * 1024 * 1024;

/// The directory beside `file` that others add theirs to: `daemons.d` beside `daemons.yml`.
pub fn directory(file: &Path) -> PathBuf {
    file.with_extension("d")
}

/// Reads the configuration at `file` and what stands in its directory. As root (`root`)
/// nothing is read that another could have written.
pub fn read(file: &Path, root: bool) -> Result<Vec<SourceFile>, ReadError> {
    let mut paths = vec![file.to_owned()];
    paths.extend(added(&directory(file))?);
    paths.into_iter().map(|path| read_one(path, root)).collect()
}

/// Reads one of its files.
pub fn read_one(path: PathBuf, root: bool) -> Result<SourceFile, ReadError> {
    let text = read_bytes(&path, MAX_FILE, For::Supervisor, root)?;
    Ok(SourceFile { path, text })
}

/// The files that others have put into its directory, in the order in which they are read.
pub fn added(directory: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let io = |source| ReadError::Io { path: directory.to_owned(), source };
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io(error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(io)?.path();
        // Not what an editor or a package manager leaves: `.rqi.yml.swp`, `rqi.yml.rpmnew`.
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if path.extension().is_some_and(|extension| extension == "yml") && !hidden {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn the_file_comes_first_and_the_directory_in_name_order() {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("daemons.yml");
        fs::write(&file, "0").unwrap();
        let texts = || -> Vec<String> {
            let files = read(&file, false).unwrap().into_iter();
            files.map(|file| String::from_utf8(file.text).unwrap()).collect()
        };
        assert_eq!(texts(), ["0"]);
        fs::create_dir(dir.path().join("daemons.d")).unwrap();
        for (name, text) in
            [("b.yml", "2"), ("a.yml", "1"), (".a.yml", "x"), ("a.yml.rpmnew", "x"), ("c.yaml", "x")]
        {
            fs::write(dir.path().join("daemons.d").join(name), text).unwrap();
        }
        assert_eq!(texts(), ["0", "1", "2"]);
        fs::remove_file(&file).unwrap();
        assert!(read(&file, false).unwrap_err().is_missing());
    }
}
