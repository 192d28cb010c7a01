//! The stamp: what the committed components were built from and with.
//!
//! Called by the build, which writes it, and by tests, which fail when it is stale. It is a text file of one
//! fact per line, so that a change shows in a diff and the message can name the file that changed. It refuses
//! (as an error) a line that it cannot read, rather than taking it for a fresh stamp.
//!
//! ```text
//! component <sha256 of the component> guest/prebuilt/atoll-guest.wasm
//! tool rustc: rustc 1.96.0 (ac68faa20 2026-05-25)
//! input <sha256> guest/src/lib.rs
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use sha2::{Digest, Sha256};
use thiserror::Error;

/// The path of the component for Atoll's own host, below the project's root.
pub const COMPONENT: &str = "guest/prebuilt/atoll-guest.wasm";

/// The path of the one for other hosts, which imports WASI only.
pub const WASI_HTTP: &str = "guest/prebuilt/atoll-wasi-http.wasm";

/// The stamp's path below the project's root.
pub const STAMP: &str = "guest/prebuilt/stamp.txt";

/// Everything that decides the components' bytes but the compilers: files, and folders taken whole.
/// The last four are the recipe: the flags and the versions of the tools that wrap the module.
const INPUTS: &[&str] = &[
    "guest/Cargo.toml",
    "guest/Cargo.lock",
    "guest/src",
    "wit",
    "xtask/Cargo.toml",
    "xtask/src/guest/component.rs",
    "xtask/src/guest/exceptions.rs",
    "xtask/src/guest/luau.rs",
    "xtask/src/guest/recipe.rs",
];

/// What the components were built from and with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Path below the root → SHA-256 of the component, in hex: ties the stamp to the files beside it.
    pub components: BTreeMap<String, String>,
    /// Name → version of each tool: tells a difference made by the sources from one made by a compiler.
    pub tools: BTreeMap<String, String>,
    /// Path below the root, with `/`, → SHA-256 in hex: one per input, so that a stale one can be named.
    pub inputs: BTreeMap<String, String>,
}

/// Why the committed components are not those that the sources make.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Stale {
    /// The file differs from the one that was built.
    #[error("`{0}` was changed after the guest was built; run `cargo xtask guest`")]
    Changed(String),
    /// The file did not exist when they were built.
    #[error("`{0}` was added after the guest was built; run `cargo xtask guest`")]
    Added(String),
    /// The file existed when they were built.
    #[error("`{0}` was removed after the guest was built; run `cargo xtask guest`")]
    Removed(String),
    /// The component is not the one that the stamp was written for.
    #[error("`{0}` is not the file that `{STAMP}` was written for; run `cargo xtask guest`")]
    Component(String),
}

/// Why a stamp could not be computed or read.
#[derive(Debug, Error)]
pub enum StampError {
    /// A file that takes part could not be read.
    #[error("cannot read `{path}`, which takes part in the guest's stamp: {source}")]
    Read {
        /// The file, as it was opened.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The stamp has a line of no known shape.
    #[error("line {line} of `{STAMP}` is neither `component`, `tool` nor `input`; run `cargo xtask guest`")]
    Line {
        /// Counted from 1.
        line: usize,
    },
}

/// Hashes every input below `root`, the folder that holds `guest/` and `wit/`.
///
/// # Errors
/// [`StampError::Read`] when an input is missing or unreadable.
pub fn inputs(root: &Path) -> Result<BTreeMap<String, String>, StampError> {
    let mut found = BTreeMap::new();
    for input in INPUTS {
        collect(root, input, &mut found)?;
    }
    Ok(found)
}

/// Reads the stamp that lies beside the component.
///
/// # Errors
/// [`StampError::Read`] when there is none, [`StampError::Line`] when it is damaged.
pub fn read(root: &Path) -> Result<Stamp, StampError> {
    let path = root.join(STAMP);
    let text = fs::read_to_string(&path).map_err(|source| StampError::Read { path, source })?;
    Stamp::parse(&text)
}

/// What makes the committed components stale; empty when they are fresh. The tools' versions take no part: a
/// component is not stale because another machine has a newer compiler.
///
/// # Errors
/// [`StampError`] when the stamp, the component or an input cannot be read.
pub fn stale(root: &Path) -> Result<Vec<Stale>, StampError> {
    let stamp = read(root)?;
    let mut stale = compare(&stamp.inputs, &inputs(root)?);
    for name in [COMPONENT, WASI_HTTP] {
        let path = root.join(name);
        let component = fs::read(&path).map_err(|source| StampError::Read { path, source })?;
        if stamp.components.get(name) != Some(&hash(&component)) {
            stale.push(Stale::Component(name.to_owned()));
        }
    }
    Ok(stale)
}

/// How `now` differs from the inputs that were `stamped`, sorted by path.
#[must_use]
pub fn compare(stamped: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Vec<Stale> {
    let mut paths: Vec<&String> = stamped.keys().chain(now.keys()).collect();
    paths.sort();
    paths.dedup();
    paths
        .into_iter()
        .filter_map(|path| match (stamped.get(path), now.get(path)) {
            (Some(before), Some(after)) => (before != after).then(|| Stale::Changed(path.clone())),
            (None, _) => Some(Stale::Added(path.clone())),
            (_, None) => Some(Stale::Removed(path.clone())),
        })
        .collect()
}

/// SHA-256 in lower-case hex.
#[must_use]
pub fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("writing to a String cannot fail");
            hex
        })
}

impl Stamp {
    /// The stamp as the file's text; [`Stamp::parse`] reads it back.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::from(
            "# What the components here were built from and with. Written by `cargo xtask guest`.\n",
        );
        for (path, hash) in &self.components {
            text.push_str(&format!("component {hash} {path}\n"));
        }
        for (name, version) in &self.tools {
            text.push_str(&format!("tool {name}: {version}\n"));
        }
        for (path, hash) in &self.inputs {
            text.push_str(&format!("input {hash} {path}\n"));
        }
        text
    }

    /// Reads what [`Stamp::to_text`] wrote.
    ///
    /// # Errors
    /// [`StampError::Line`] at the first line of no known shape.
    pub fn parse(text: &str) -> Result<Self, StampError> {
        let mut stamp = Self::default();
        for (index, line) in text.lines().enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            stamp.take(line).ok_or(StampError::Line { line: index + 1 })?;
        }
        Ok(stamp)
    }

    fn take(&mut self, line: &str) -> Option<()> {
        let (kind, rest) = line.split_once(' ')?;
        match kind {
            "component" => {
                let (hash, path) = rest.split_once(' ')?;
                self.components.insert(path.to_owned(), hash.to_owned());
            }
            "tool" => {
                let (name, version) = rest.split_once(": ")?;
                self.tools.insert(name.to_owned(), version.to_owned());
            }
            "input" => {
                let (hash, path) = rest.split_once(' ')?;
                self.inputs.insert(path.to_owned(), hash.to_owned());
            }
            _ => return None,
        }
        Some(())
    }
}

/// Adds the file `relative`, or every file below it, to `found`.
fn collect(root: &Path, relative: &str, found: &mut BTreeMap<String, String>) -> Result<(), StampError> {
    let path = root.join(relative);
    let failed = |source| StampError::Read {
        path: path.clone(),
        source,
    };
    if !path.is_dir() {
        found.insert(relative.to_owned(), hash(&fs::read(&path).map_err(failed)?));
        return Ok(());
    }
    for entry in fs::read_dir(&path).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let name = name
            .to_str()
            .ok_or_else(|| failed(io::Error::other("a file name below it is not UTF-8")))?;
        // An editor's leavings are no source.
        if !name.starts_with('.') && !name.ends_with('~') {
            collect(root, &format!("{relative}/{name}"), found)?;
        }
    }
    Ok(())
}
