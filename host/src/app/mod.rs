//! Scripts as components: what `atoll build` writes and `atoll run` reads.
//!
//! An app is a guest component with one more section at its end, which holds the script, its modules and what is known of them
//! (`manifest`), and ends with a hash of all that is before it (`section`). `cli` writes apps, `runtime` and `cli` read them.
//! A component for other hosts says the same of itself in a section without files (`about`).
//! Anyone can make one, so nothing in it is believed: what it asks for is shown and grants nothing, its paths are checked as a
//! project's are, and its guest is a guest like any other. Refuses what is damaged, newer, or something else altogether.

mod about;
mod contract;
mod error;
mod manifest;
mod section;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

pub(crate) use self::about::{About, OTHER_HOSTS, Said};
pub(crate) use self::contract::CONTRACT;
pub use self::error::AppError;
use self::manifest::{FileEntry, Manifest};
pub(crate) use self::manifest::{Wishes, check_word};
use self::section::Kind;
use crate::project::Files;

/// What every WebAssembly binary begins with.
const MAGIC: &[u8] = b"\0asm";

/// Whether the file is WebAssembly, whatever it is called.
pub(crate) fn is_wasm(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// A script with all that it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct App {
    /// What it says of itself.
    pub(crate) about: About,
    /// The files.
    pub(crate) files: Files,
    /// The component that runs it.
    pub(crate) guest: Bytes,
}

impl App {
    /// The bytes of the component. The same app has the same bytes.
    ///
    /// # Errors
    ///
    /// What of it no app can have.
    pub(crate) fn write(&self) -> Result<Vec<u8>, String> {
        let entries = self.files.texts.iter().map(|(path, text)| FileEntry {
            path: path.clone(),
            bytes: text.len() as u64,
        });
        let manifest = Manifest {
            name: self.about.name.clone(),
            version: self.about.version.clone(),
            contract: self.about.contract.clone(),
            atoll: self.about.atoll.clone(),
            main: self.files.main.clone(),
            bytecode: self.files.is_bytecode,
            permissions: self.about.wishes.clone(),
            files: entries.collect(),
            links: self.files.links.clone(),
        };
        manifest.check()?;
        let manifest = serde_json::to_vec(&manifest).map_err(|error| error.to_string())?;
        let texts = self.files.texts.values().map(AsRef::as_ref);
        section::write(Kind::App, &self.guest, &manifest, texts)
    }

    /// Reads what [`write`](App::write) has written.
    ///
    /// # Errors
    ///
    /// What the bytes are instead, or that this Atoll can't run them.
    pub(crate) fn read(bytes: impl Into<Bytes>) -> Result<App, AppError> {
        let bytes = bytes.into();
        let found = section::read(&bytes)?;
        if found.kind == Kind::OtherHosts {
            return Err(AppError::OtherHost(About::parse(&bytes[found.manifest])?.name));
        }
        let damaged = |reason: String| AppError::Damaged(reason);
        let manifest: Manifest = serde_json::from_slice(&bytes[found.manifest])
            .map_err(|error| damaged(format!("what it says of itself can't be read ({error})")))?;
        manifest.check().map_err(damaged)?;
        contract::check(&manifest.contract, &manifest.atoll)?;
        let mut texts = BTreeMap::new();
        let mut at = found.texts.start;
        for file in &manifest.files {
            let end = usize::try_from(file.bytes)
                .ok()
                .and_then(|length| at.checked_add(length))
                .filter(|end| *end <= found.texts.end)
                .ok_or_else(|| damaged(format!("{} is cut short", file.path)))?;
            texts.insert(file.path.clone(), Arc::from(&bytes[at..end]));
            at = end;
        }
        if at != found.texts.end {
            return Err(damaged("there is more in it than its files".to_owned()));
        }
        Ok(App {
            about: About {
                name: manifest.name,
                version: manifest.version,
                contract: manifest.contract,
                atoll: manifest.atoll,
                wishes: manifest.permissions,
            },
            files: Files {
                main: manifest.main,
                is_bytecode: manifest.bytecode,
                texts,
                links: manifest.links,
            },
            guest: bytes.slice(found.guest),
        })
    }
}
