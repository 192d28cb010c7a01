//! What an app says of itself, as JSON in its section. It may be anybody's, so all of it is checked before it is used or shown.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::diagnostics::is_plain;
use crate::permissions::{ListenRule, NetRule};
use crate::project;

/// Letters of a name or a version.
const LONGEST_WORD: usize = 64;

/// All of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) version: Option<String>,
    /// As in `atoll:net@0.1.0`.
    pub(super) contract: String,
    /// The version of Atoll that built it.
    pub(super) atoll: String,
    /// The script's path.
    pub(super) main: String,
    /// Whether the files are compiled.
    pub(super) bytecode: bool,
    pub(super) permissions: Wishes,
    /// In the order of their contents.
    pub(super) files: Vec<FileEntry>,
    /// Paths that lead to files, and these.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub(super) links: BTreeMap<String, String>,
}

/// A file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileEntry {
    pub(super) path: String,
    /// How long it is.
    pub(super) bytes: u64,
}

/// The permissions that an app asks for, as its author would give them on the command line. They grant nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Wishes {
    /// Rules for outgoing connections.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) allow_net: Vec<String>,
    /// What it does without among those.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) deny_net: Vec<String>,
    /// Rules for listening.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) allow_listen: Vec<String>,
    /// What it does without among those.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) deny_listen: Vec<String>,
    /// Variables of the environment.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) allow_env: Vec<String>,
    /// Everything.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) allow_all: bool,
}

impl Manifest {
    /// Whether an app can say that, or what it cannot say.
    pub(super) fn check(&self) -> Result<(), String> {
        check_words(&self.name, self.version.as_deref(), &self.atoll)?;
        let paths: BTreeSet<&str> = self.files.iter().map(|file| file.path.as_str()).collect();
        if paths.len() != self.files.len() {
            return Err("a file is in it twice".to_owned());
        }
        let links = self.links.keys().map(String::as_str);
        for path in paths
            .iter()
            .copied()
            .chain(links)
            .filter(|path| *path != self.main)
        {
            project::check(path).map_err(|problem| format!("the path {path:?} {problem}"))?;
        }
        project::check_place(&self.main).map_err(|problem| format!("the path {:?} {problem}", self.main))?;
        if !paths.contains(self.main.as_str()) {
            return Err("its main script is not in it".to_owned());
        }
        if let Some(path) = self.links.values().find(|path| !paths.contains(path.as_str())) {
            return Err(format!("{path:?} is not in it"));
        }
        self.permissions.check()
    }
}

impl Wishes {
    pub(super) fn check(&self) -> Result<(), String> {
        let problem = |error: crate::permissions::RuleError| format!("a permission: {error}");
        for rule in self.allow_net.iter().chain(&self.deny_net) {
            rule.parse::<NetRule>().map_err(problem)?;
        }
        for rule in self.allow_listen.iter().chain(&self.deny_listen) {
            rule.parse::<ListenRule>().map_err(problem)?;
        }
        let is_odd = |name: &String| name.is_empty() || name.contains('=') || !name.chars().all(is_plain);
        match self.allow_env.iter().find(|name| is_odd(name)) {
            Some(name) => Err(format!("{name:?} is no name of a variable")),
            None => Ok(()),
        }
    }
}

/// Whether a component can say these of itself, or what it cannot say.
pub(super) fn check_words(name: &str, version: Option<&str>, atoll: &str) -> Result<(), String> {
    check_word(name).map_err(|problem| format!("its name {problem}"))?;
    check_word(version.unwrap_or("0")).map_err(|problem| format!("its version {problem}"))?;
    check_word(atoll).map_err(|problem| format!("the version of Atoll {problem}"))
}

/// Whether this can be a name or a version of an app.
///
/// # Errors
///
/// How they are made.
pub(crate) fn check_word(word: &str) -> Result<(), String> {
    let is_letter = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.' | '+');
    match word.chars().count() {
        1..=LONGEST_WORD if word.chars().all(is_letter) => Ok(()),
        _ => Err(format!(
            "must be 1 to {LONGEST_WORD} letters, digits and - _ . +, got {word:?}"
        )),
    }
}
