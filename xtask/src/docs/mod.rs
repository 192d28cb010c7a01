//! The pages `docs/lib/*.md`, made from the doc comments of `guest/types/*.d.luau`.
//!
//! Called by `cargo xtask docs`, which writes them, and by a test, which fails when they are not what it would write. Each
//! definition file gives one page of its stem. A page that no file gives is a mistake too, and is not removed: it may be
//! somebody's work.

mod page;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use thiserror::Error;

use crate::definitions::{self, Definitions, Misread};

/// Where the definition files are, below the project's root.
pub const TYPES: &str = "guest/types";

/// Where the pages are.
pub const PAGES: &str = "docs/lib";

/// Why the pages could not be made.
#[derive(Debug, Error)]
pub enum DocsError {
    /// A file or folder could not be read or written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file, as it was opened.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A definition file has a line that no page would show.
    #[error("{file}:{line} {problem}: `{text}`", line = source.line, problem = source.problem, text = source.text)]
    Misread {
        /// Below the root.
        file: String,
        /// The line, and what is wrong with it.
        source: Misread,
    },
    /// Two definition files declare the same type.
    #[error("type `{name}` is in `{one}` and in `{other}`")]
    Twice {
        /// The type.
        name: String,
        /// The stem of one file.
        one: String,
        /// The stem of the other.
        other: String,
    },
    /// The pages are not what the definition files say.
    #[error("{}; run `cargo xtask docs`", .0.join("; "))]
    Stale(Vec<String>),
}

/// Reads all definition files below the root, by their stems (`net` for `net.d.luau`).
///
/// # Errors
/// [`DocsError::Misread`] with the line that is not understood, [`DocsError::File`].
pub fn read(root: &Path) -> Result<BTreeMap<String, Definitions>, DocsError> {
    let mut all = BTreeMap::new();
    for name in names(&root.join(TYPES))? {
        let Some(stem) = name.strip_suffix(".d.luau") else {
            continue;
        };
        let path = root.join(TYPES).join(&name);
        let text = fs::read_to_string(&path).map_err(|source| DocsError::File { path, source })?;
        let read = definitions::read(&text).map_err(|source| DocsError::Misread {
            file: format!("{TYPES}/{name}"),
            source,
        })?;
        all.insert(stem.to_owned(), read);
    }
    Ok(all)
}

/// The pages by their paths below the root.
///
/// # Errors
/// What [`read`] says, and [`DocsError::Twice`].
pub fn pages(root: &Path) -> Result<BTreeMap<String, String>, DocsError> {
    let all = read(root)?;
    let mut types: BTreeMap<&str, &str> = BTreeMap::new();
    for (stem, definitions) in &all {
        for item in definitions.items.iter().filter(|item| !item.kind.is_global()) {
            if let Some(other) = types.insert(&item.name, stem) {
                return Err(DocsError::Twice {
                    name: item.name.clone(),
                    one: other.to_owned(),
                    other: stem.clone(),
                });
            }
        }
    }
    let written = all.iter().map(|(stem, definitions)| {
        (
            format!("{PAGES}/{stem}.md"),
            page::write(stem, definitions, &types),
        )
    });
    Ok(written.collect())
}

/// Writes the pages that differ, and returns their paths.
///
/// # Errors
/// What [`pages`] says; [`DocsError::Stale`] for a page that no definition file gives.
pub fn write(root: &Path) -> Result<Vec<String>, DocsError> {
    let mut changed = Vec::new();
    for (page, text) in pages(root)? {
        let path = root.join(&page);
        if fs::read_to_string(&path).is_ok_and(|there| there == text) {
            continue;
        }
        fs::create_dir_all(root.join(PAGES))
            .and_then(|()| fs::write(&path, text))
            .map_err(|source| DocsError::File { path, source })?;
        changed.push(page);
    }
    check(root).map(|()| changed)
}

/// Compares the pages with what [`write()`] would write.
///
/// # Errors
/// [`DocsError::Stale`] with each page that differs, and what [`pages`] says.
pub fn check(root: &Path) -> Result<(), DocsError> {
    let mut pages = pages(root)?;
    let mut stale = Vec::new();
    for name in names(&root.join(PAGES))? {
        let page = format!("{PAGES}/{name}");
        let path = root.join(&page);
        match pages.remove(&page) {
            None => stale.push(format!("`{page}` has no definition file")),
            Some(text) => {
                let there = fs::read_to_string(&path).map_err(|source| DocsError::File { path, source })?;
                if there != text {
                    stale.push(format!("`{page}` is not what its definition file says"));
                }
            }
        }
    }
    stale.extend(pages.keys().map(|page| format!("`{page}` is missing")));
    if stale.is_empty() {
        Ok(())
    } else {
        Err(DocsError::Stale(stale))
    }
}

/// What lies in a folder, sorted; nothing where there is none.
fn names(folder: &Path) -> Result<Vec<String>, DocsError> {
    let failed = |source| DocsError::File {
        path: folder.to_owned(),
        source,
    };
    let mut names = Vec::new();
    match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
        Ok(entries) => {
            for entry in entries {
                names.push(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
            }
        }
    }
    names.sort();
    Ok(names)
}
