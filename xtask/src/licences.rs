//! The licences of everything that is in the program: the crates of the host, those of the guest's two components, and what the
//! guest's compilers add (`guest/licences/`). `cargo xtask package` puts them into the archive.
//!
//! Which crates those are says `cargo tree`; their texts are in their sources, as cargo fetched them. Same texts stand once, and the
//! order is that of the crates' names, so that the same crates make the same file.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use thiserror::Error;

use crate::process::{self, ProcessError};

/// Crates that are linked: build scripts and macros run elsewhere.
const LINKED: &str = "normal,no-proc-macro";

/// The arguments of `cargo tree` for the host and the guest's components, and what of each is in the program. The guest's build
/// scripts bring Luau and the adapter is xtask's.
const TREES: [(&[&str], &str, Option<&str>); 5] = [
    (&["--package=atoll"], LINKED, None),
    (
        &["--manifest-path=guest/Cargo.toml", "--target=wasm32-wasip1"],
        LINKED,
        None,
    ),
    (
        &[
            "--manifest-path=guest/Cargo.toml",
            "--target=wasm32-wasip1",
            "--features=wasi-http",
        ],
        LINKED,
        None,
    ),
    (
        &["--manifest-path=guest/Cargo.toml", "--target=wasm32-wasip1"],
        "normal,build",
        Some("luau0-src "),
    ),
    (
        &["--package=xtask"],
        LINKED,
        Some("wasi-preview1-component-adapter-provider "),
    ),
];

/// Texts of what is no crate, below the project's root.
const OTHERS: &str = "guest/licences";

/// How a file begins that has a licence in it, in small letters.
const NAMES: [&str; 6] = ["licen", "copying", "copyright", "notice", "unlicense", "patents"];

/// Folders of a crate that are not built.
const UNBUILT: [&str; 6] = ["benches", "ci", "examples", "fuzz", "target", "tests"];

/// Why there is no list.
#[derive(Debug, Error)]
pub enum LicenceError {
    /// cargo did not say what there is.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A file can't be read.
    #[error("`{path}`: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A crate's sources are not where cargo keeps them.
    #[error("the sources of {0} are not in cargo's folder `registry/src`: run `cargo fetch` first")]
    NoSources(String),
}

/// The whole text.
///
/// # Errors
/// [`LicenceError`] with what is missing.
pub fn text(root: &Path) -> Result<String, LicenceError> {
    let registries = registries()?;
    let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut bare = Vec::new();
    for (name, terms) in crates(root)? {
        let folder = registries
            .iter()
            .map(|registry| registry.join(name.replace(' ', "-")));
        let folder = folder
            .into_iter()
            .find(|folder| folder.is_dir())
            .ok_or_else(|| LicenceError::NoSources(name.clone()))?;
        let found = read(&folder)?;
        if found.is_empty() {
            bare.push(format!("  {name}: {terms}\n"));
        }
        for text in found {
            texts.entry(text).or_default().insert(name.clone());
        }
    }
    for text in read_all(&root.join(OTHERS))? {
        texts.entry(text.1).or_default().insert(text.0);
    }
    let mut sections: Vec<(BTreeSet<String>, String)> =
        texts.into_iter().map(|(text, names)| (names, text)).collect();
    sections.sort();
    let mut all = "What is in the program `atoll` beside Atoll itself, and its licences.\n\n\
                   These bring no text of their own; their terms are\n\n"
        .to_owned();
    all.extend(bare);
    for (names, text) in sections {
        let names: Vec<String> = names.into_iter().collect();
        all.push_str(&format!("\n{}\n{}\n\n{text}\n", "=".repeat(80), names.join(", ")));
    }
    Ok(all)
}

/// The crates as `name version`, and their terms.
fn crates(root: &Path) -> Result<BTreeMap<String, String>, LicenceError> {
    let mut found = BTreeMap::new();
    for (which, edges, only) in TREES {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .current_dir(root)
            .args([
                "tree",
                "--locked",
                "--prefix=none",
                "--no-dedupe",
                "--format={p}\t{l}",
            ])
            .args(["--edges", edges])
            .args(which);
        for line in process::output(&mut cargo)?.lines() {
            let Some((package, terms)) = line.split_once('\t') else {
                continue;
            };
            // Ours are told with their folders.
            let mut words = package.split(' ').filter(|word| *word != "(*)");
            let (Some(name), Some(version), None) = (words.next(), words.next(), words.next()) else {
                continue;
            };
            if only.is_none_or(|only| package.starts_with(only)) {
                let version = version.trim_start_matches('v');
                found.insert(format!("{name} {version}"), terms.to_owned());
            }
        }
    }
    Ok(found)
}

/// Where cargo keeps sources: a folder for each registry.
fn registries() -> Result<Vec<PathBuf>, LicenceError> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    entries(&home.unwrap_or_default().join("registry/src"))
}

/// The licences below a folder of sources.
fn read(folder: &Path) -> Result<BTreeSet<String>, LicenceError> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder)? {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .to_lowercase();
            if path.is_dir() {
                if !UNBUILT.contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if NAMES.iter().any(|start| name.starts_with(start)) && !name.ends_with(".rs") {
                found.insert(content(&path)?);
            }
        }
    }
    Ok(found)
}

/// Each text of the folder, by the file's name.
fn read_all(folder: &Path) -> Result<Vec<(String, String)>, LicenceError> {
    let mut found = Vec::new();
    for path in entries(folder)? {
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        found.push((name, content(&path)?));
    }
    Ok(found)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, LicenceError> {
    let at = |source| LicenceError::File {
        path: folder.to_owned(),
        source,
    };
    let entries = fs::read_dir(folder).map_err(at)?;
    let mut found = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()
        .map_err(at)?;
    found.sort();
    Ok(found)
}

/// The text, with the line ends of here.
fn content(path: &Path) -> Result<String, LicenceError> {
    let bytes = fs::read(path).map_err(|source| LicenceError::File {
        path: path.to_owned(),
        source,
    })?;
    let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
    Ok(text.trim_end().to_owned())
}
