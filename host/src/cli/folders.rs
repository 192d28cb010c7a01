//! The user's own folders (XDG Base Directory).

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

/// Where the compiled guest is kept.
pub(super) fn cache() -> Option<PathBuf> {
    own("XDG_CACHE_HOME", ".cache")
}

/// Where the history of sessions is kept.
pub(super) fn state() -> Option<PathBuf> {
    own("XDG_STATE_HOME", ".local/state")
}

/// `atoll` in the folder that the variable names, or else in that one of the home. None where it can't be there, or is not
/// ours to write: then nothing is kept.
fn own(variable: &str, otherwise: &str) -> Option<PathBuf> {
    let folder = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let base = folder(variable).or_else(|| folder("HOME").map(|home| home.join(otherwise)))?;
    let own = base.join("atoll");
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700).create(&own).ok()?;
    Some(own)
}
