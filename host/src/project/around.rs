//! The project that a script on the disk belongs to. Called by `Script::from_path` and by `atoll check`.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::folder::{Folder, Naming};
use super::{Modules, Seen, Source};

/// The modules around the script at this path, and the script's own path among them.
///
/// The root is the nearest of the folders that hold the script with an `atoll.toml`; without one, the nearest with a
/// `.luaurc`; without one, the script's own folder. Messages call a module as the script is called: by its path from
/// the working folder, or by its whole path where that is how the script was named. The files that are looked for are noted
/// in `seen`.
///
/// # Errors
///
/// Where one of the folders cannot be found or opened.
pub(crate) fn around(script: &Path, seen: Option<&Seen>) -> io::Result<(Modules, String)> {
    modules(script, None, seen)
}

/// As [`around`], for a script that was found in a folder: without an `atoll.toml` and a `.luaurc` that folder is the root.
///
/// # Errors
///
/// As `around`.
pub(crate) fn around_within(script: &Path, folder: &Path) -> io::Result<(Modules, String)> {
    modules(script, Some(&folder.canonicalize()?), None)
}

fn modules(script: &Path, found_in: Option<&Path>, seen: Option<&Seen>) -> io::Result<(Modules, String)> {
    let folder = match script.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let folder = folder.canonicalize()?;
    let root = root(&folder, found_in);
    let naming = match script.is_absolute() {
        true => Naming::Absolute,
        false => Naming::From(std::env::current_dir()?.canonicalize()?),
    };
    let own = folder.strip_prefix(&root).unwrap_or(Path::new(""));
    let own: Vec<_> = own
        .components()
        .map(|name| name.as_os_str())
        .chain(script.file_name())
        .map(|name| name.to_string_lossy())
        .collect();
    let modules = Modules(Source::Folder(Arc::new(Folder::open(
        &root,
        naming,
        seen.cloned(),
    )?)));
    Ok((modules, own.join("/")))
}

fn root(folder: &Path, found_in: Option<&Path>) -> PathBuf {
    let nearest = |mark: &str| folder.ancestors().find(|folder| folder.join(mark).is_file());
    nearest("atoll.toml")
        .or_else(|| nearest(".luaurc"))
        .or(found_in)
        .unwrap_or(folder)
        .to_owned()
}
