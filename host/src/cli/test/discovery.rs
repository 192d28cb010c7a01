//! Which files hold tests: those that are named, and those below the folders that are named.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// How the names of files with tests end.
const ENDINGS: [&str; 2] = [".test.luau", ".spec.luau"];

/// Folders of other programs, which may hold others' tests.
const PASSED_OVER: [&str; 2] = ["node_modules", "target"];

/// Why there is nothing to run.
#[derive(Debug, thiserror::Error)]
pub(super) enum DiscoveryError {
    /// A path can't be read.
    #[error("cannot look for tests in {}: {cause}", .path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// There is none.
    #[error("there are no tests in {places}: no file is called *.test.luau or *.spec.luau")]
    Nothing {
        /// The folders that were looked at.
        places: String,
    },
}

/// The files with tests, in order and each once, called as they were typed. A file that is named is one, whatever it is
/// called; below a folder no symbolic link is followed, and no hidden folder is entered.
pub(super) fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>, DiscoveryError> {
    let mut found = BTreeSet::new();
    for path in paths {
        let unreadable = |cause| DiscoveryError::Unreadable {
            path: path.clone(),
            cause,
        };
        if std::fs::metadata(path).map_err(unreadable)?.is_dir() {
            below(path, &mut found)?;
        } else {
            found.insert(path.clone());
        }
    }
    if found.is_empty() {
        let places: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        return Err(DiscoveryError::Nothing {
            places: places.join(", "),
        });
    }
    Ok(found.into_iter().collect())
}

fn below(folder: &Path, found: &mut BTreeSet<PathBuf>) -> Result<(), DiscoveryError> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let unreadable = |cause| DiscoveryError::Unreadable {
            path: folder.clone(),
            cause,
        };
        for entry in std::fs::read_dir(&folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            // What is gone since, or a link, is neither.
            let Ok(kind) = entry.file_type() else { continue };
            // The folder itself stays out of the names of files in the current one.
            let path = match folder == Path::new(".") {
                true => PathBuf::from(entry.file_name()),
                false => folder.join(entry.file_name()),
            };
            if kind.is_dir() && !name.starts_with('.') && !PASSED_OVER.contains(&name.as_ref()) {
                folders.push(path);
            } else if kind.is_file() && ENDINGS.iter().any(|ending| name.ends_with(ending)) {
                found.insert(path);
            }
        }
    }
    Ok(())
}
