//! The scripts that were named: files, and what is in folders.

use std::fs;
use std::path::{Path, PathBuf};

/// A script to begin with.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli) struct Start {
    /// As the user would type it.
    pub(in crate::cli) path: PathBuf,
    /// The folder that it was found in, where it was not named itself.
    pub(in crate::cli) folder: Option<PathBuf>,
}

/// The script, or the scripts in the folder and below, by their paths. Links to folders are not followed.
///
/// # Errors
///
/// What cannot be read, or that there is nothing.
pub(in crate::cli) fn starts(path: &Path) -> Result<Vec<Start>, String> {
    if !path.is_dir() {
        let path = path.to_owned();
        return Ok(vec![Start { path, folder: None }]);
    }
    let mut found = Vec::new();
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        let because = |error| format!("cannot read the folder {}: {error}", folder.display());
        for entry in fs::read_dir(&folder).map_err(because)? {
            let entry = entry.map_err(because)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = entry.file_type().map_err(because)?;
            if name.starts_with('.') {
                continue;
            }
            // `.` stays out of messages.
            let place = match folder == Path::new(".") {
                true => PathBuf::from(&entry.file_name()),
                false => entry.path(),
            };
            if kind.is_dir() {
                folders.push(place);
            } else if is_script(&name) {
                found.push(place);
            }
        }
    }
    if found.is_empty() {
        return Err(format!("{} has no *.luau and no *.lua in it", path.display()));
    }
    found.sort();
    let folder = Some(path.to_owned());
    Ok(found
        .into_iter()
        .map(|path| Start {
            path,
            folder: folder.clone(),
        })
        .collect())
}

/// Definition files have a grammar of their own.
fn is_script(name: &str) -> bool {
    (name.ends_with(".luau") || name.ends_with(".lua"))
        && !name.ends_with(".d.luau")
        && !name.ends_with(".d.lua")
}
