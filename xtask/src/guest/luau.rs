//! Luau's sources as the guest compiles them: two lines of them are other than what its package brings.
//!
//! Called by the build. Luau asks at each safepoint (loop edge, call, return, step of a pattern) whether the embedder wants to
//! interrupt, and calls it each time where it does: an indirect call that costs more than most of what lies between two of them.
//! Here it counts down, and calls below 0; `guest/src/safepoint.rs` has the counter. The changed copies lie in the build folder,
//! and the compiler reads them in place of the package's files. A Luau in which the lines are not found once each is an error.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use thiserror::Error;

use super::toolchain::Toolchain;
use crate::process::{self, ProcessError};

/// The package that brings Luau's sources.
const PACKAGE: &str = "/luau0-src-";

/// Where the package has the virtual machine.
const FOLDER: &str = "luau/VM/src";

/// The counter, as C++ sees it.
const COUNTER: &str = "extern \"C\" int ATOLL_SAFEPOINTS;\n";

/// The files, each with the text in it that asks, and with what asks in its place.
const CHANGES: &[(&str, &str, &str)] = &[
    (
        "lvmexecute.cpp",
        "if (LUAU_UNLIKELY(!!interrupt)) \\\n",
        "if (LUAU_UNLIKELY(--ATOLL_SAFEPOINTS < 0) && interrupt) \\\n",
    ),
    (
        "lstrlib.cpp",
        "if (LUAU_UNLIKELY(!!interrupt))\n",
        "if (LUAU_UNLIKELY(--ATOLL_SAFEPOINTS < 0) && interrupt)\n",
    ),
];

/// Why there are no sources to compile.
#[derive(Debug, Error)]
pub enum LuauError {
    /// cargo does not say where the package is.
    #[error(transparent)]
    Cargo(#[from] ProcessError),
    /// The guest has no such package any more.
    #[error("the guest's packages have none called luau0-src, which brings Luau's sources")]
    NoPackage,
    /// Another Luau than the changes were made for.
    #[error("`{0}` of Luau has changed: {1:?} is not in it once; see xtask/src/guest/luau.rs")]
    Changed(&'static str, &'static str),
    /// A file could not be read or written.
    #[error("cannot use `{0}`: {1}")]
    File(PathBuf, io::Error),
}

/// Writes the changed sources below `folder`, and the file that tells the compiler of them, whose path is returned.
///
/// # Errors
/// [`LuauError`] when Luau's sources are not where or what they were.
pub fn ensure(toolchain: &Toolchain, guest: &Path, folder: &Path) -> Result<PathBuf, LuauError> {
    let mut cargo = Command::new(&toolchain.cargo);
    cargo
        .current_dir(guest)
        .args(["metadata", "--locked", "--format-version=1"]);
    let source = find(&process::output(&mut cargo)?)
        .ok_or(LuauError::NoPackage)?
        .join(FOLDER);
    fs::create_dir_all(folder).map_err(|error| LuauError::File(folder.into(), error))?;
    let mut roots = Vec::new();
    for (file, asked, asks) in CHANGES {
        let (from, to) = (source.join(file), folder.join(file));
        let text = fs::read_to_string(&from).map_err(|error| LuauError::File(from.clone(), error))?;
        let text = change(&text, asked, asks).ok_or(LuauError::Changed(file, asked))?;
        write(&to, &text)?;
        roots.push(format!(
            "{{ \"type\": \"file\", \"name\": {from:?}, \"external-contents\": {to:?} }}"
        ));
    }
    let overlay = folder.join("overlay.yaml");
    let text = format!(
        "{{ \"version\": 0, \"use-external-names\": false, \"roots\": [{}] }}\n",
        roots.join(", ")
    );
    write(&overlay, &text)?;
    Ok(overlay)
}

/// What decides the changes, for whoever keeps what was built with them.
#[must_use]
pub fn version() -> String {
    format!("{CHANGES:?} {COUNTER}")
}

/// The package's folder in what cargo says of all packages.
fn find(metadata: &str) -> Option<PathBuf> {
    let paths = metadata.split("\"manifest_path\":\"").skip(1);
    let mut manifests = paths.filter_map(|rest| rest.split('"').next());
    let manifest = manifests.find(|path| path.contains(PACKAGE))?;
    Some(Path::new(manifest).parent()?.to_owned())
}

fn change(text: &str, asked: &str, asks: &str) -> Option<String> {
    (text.matches(asked).count() == 1).then(|| format!("{COUNTER}{}", text.replace(asked, asks)))
}

/// Left alone where nothing changed.
fn write(path: &Path, text: &str) -> Result<(), LuauError> {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    fs::write(path, text).map_err(|error| LuauError::File(path.to_owned(), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_made_where_its_text_is_there_once() {
        let changed = change("a\nif (x)\nb", "if (x)\n", "if (y)\n").expect("once");
        assert_eq!(changed, format!("{COUNTER}a\nif (y)\nb"));
        assert_eq!(change("a\n", "if (x)\n", "if (y)\n"), None);
        assert_eq!(change("if (x)\nif (x)\n", "if (x)\n", "if (y)\n"), None);
    }

    #[test]
    fn the_package_is_found_among_others() {
        let metadata =
            r#"{"manifest_path":"/c/mlua-1/Cargo.toml"},{"manifest_path":"/c/luau0-src-2+luau3/Cargo.toml"}"#;
        assert_eq!(find(metadata), Some(PathBuf::from("/c/luau0-src-2+luau3")));
        assert_eq!(find("{}"), None);
    }
}
