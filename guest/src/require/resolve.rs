//! Which file a `require` means, by Luau's rules. Pure: what is in the project is asked of a [`Files`].
//!
//! The rules are those of the Luau RFCs "Amended require syntax and resolution semantics", "Abstract module paths and
//! init.luau" and "Require by string with aliases"; an alias may also lead to another alias. Refuses what would leave the
//! project, and asks for Luau sources and `.luaurc` only.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::aliases::{Aliases, is_name};
use super::path::{self, INIT, LONGEST, ModulePath};

/// Folders in folders that a path may go through.
const DEEPEST: usize = 64;

/// Aliases that a message shows where one is missing.
const MOST_KNOWN: usize = 8;

/// A file of the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    /// Its own path, behind all symbolic links.
    pub(super) path: String,
    /// What messages call it.
    pub(super) name: String,
}

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// No file. What messages call the path.
    Nothing(String),
    /// A file that can be read.
    File(File),
    /// Which, and why it cannot be read.
    Refused(String),
}

/// The files of a project.
pub(super) trait Files {
    /// What each of the paths leads to.
    fn look(&self, paths: &[String]) -> Vec<Entry>;
    /// The content of a file that is there, or which file cannot be read, and why.
    fn read(&self, path: &str) -> Result<Vec<u8>, String>;
}

/// What a string means that a script requires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A library of Atoll's: what stands behind `@atoll/`, in small letters.
    Library(String),
    /// A module of the project.
    Module(File),
}

/// Resolves requires, and remembers what it found.
#[derive(Debug)]
pub(super) struct Resolver<F> {
    files: F,
    /// What messages call the root.
    root: Option<String>,
    /// Modules that were found, by their paths.
    found: BTreeMap<ModulePath, File>,
    /// What the `.luaurc` in a folder says, and what messages call that file; none where there is no such file.
    configs: BTreeMap<ModulePath, Option<Rc<Config>>>,
}

#[derive(Debug)]
struct Config {
    name: String,
    aliases: Aliases,
}

impl<F: Files> Resolver<F> {
    /// A resolver that knows nothing yet.
    pub(super) fn new(files: F, root: Option<String>) -> Self {
        Self {
            files,
            root,
            found: BTreeMap::new(),
            configs: BTreeMap::new(),
        }
    }

    /// The project's files.
    pub(super) fn files(&self) -> &F {
        &self.files
    }

    /// What `wanted` means where the file at `from` requires it.
    ///
    /// # Errors
    ///
    /// Why it means nothing, with what was tried.
    pub(super) fn resolve(&mut self, from: &str, wanted: &str) -> Result<Target, String> {
        if let Some(library) = library(wanted)? {
            return Ok(Target::Library(library));
        }
        // Luau takes both for the same.
        let text = wanted.replace('\\', "/");
        let own = ModulePath::of_file(from);
        let (start, rest) = if let Some(alias) = text.strip_prefix('@') {
            let (alias, rest) = alias.split_once('/').unwrap_or((alias, ""));
            match alias.to_ascii_lowercase().as_str() {
                "self" => (own, rest),
                alias => (self.alias(wanted, alias, from)?, rest),
            }
        } else if text.starts_with("./") || text.starts_with("../") {
            let folder = own.parent().ok_or_else(|| {
                let root = self.root_in_words();
                format!(
                    "{wanted:?} leads out of the project{root}: in the root's init file, write @self/ for the files beside it"
                )
            })?;
            (folder, text.as_str())
        } else {
            return Err(without_prefix(wanted, &text));
        };
        let path = self.walk(wanted, start, rest)?;
        self.module(wanted, &path).map(Target::Module)
    }

    /// Goes from `start` along the names in `text`.
    fn walk(&self, wanted: &str, start: ModulePath, text: &str) -> Result<ModulePath, String> {
        let mut path = start;
        for name in text.split('/').filter(|name| !matches!(*name, "" | ".")) {
            path = match name {
                ".." => path.parent().ok_or_else(|| {
                    let root = self.root_in_words();
                    format!("{wanted:?} leads out of the project{root}")
                })?,
                name => path.child(name),
            };
            if path.depth() > DEEPEST {
                return Err(format!("{wanted:?} leads through more than {DEEPEST} folders"));
            }
        }
        Ok(path)
    }

    /// The file that the module is in.
    fn module(&mut self, wanted: &str, path: &ModulePath) -> Result<File, String> {
        if let Some(file) = self.found.get(path) {
            return Ok(file.clone());
        }
        let (mut files, mut tried) = (Vec::new(), Vec::new());
        for entry in self.files.look(&path.candidates()) {
            match entry {
                Entry::Nothing(name) => tried.push(name),
                Entry::File(file) => files.push(file),
                Entry::Refused(reason) => return Err(format!("{wanted:?} cannot be required: {reason}")),
            }
        }
        match files.as_slice() {
            [] => {
                let (hint, tried) = (hint(wanted), tried.join(", "));
                Err(format!("there is no module {wanted:?}{hint}; tried {tried}"))
            }
            [file] => {
                self.found.insert(path.clone(), file.clone());
                Ok(file.clone())
            }
            [one, other, ..] => Err(format!(
                "{wanted:?} is ambiguous: it could be {} or {}; rename or remove one of them",
                one.name, other.name
            )),
        }
    }

    /// What the alias stands for where the file at `from` requires `wanted`.
    fn alias(&mut self, wanted: &str, alias: &str, from: &str) -> Result<ModulePath, String> {
        let mut chain = Vec::new();
        let mut name = alias.to_owned();
        // What stands behind the aliases on the way: in `@a` = `@b/x`, the x.
        let mut rests = Vec::new();
        let mut folder = ModulePath::folder_of(from);
        let start = loop {
            if chain.contains(&name) {
                let cycle: Vec<String> = chain
                    .iter()
                    .chain([&name])
                    .map(|name| format!("@{name}"))
                    .collect();
                return Err(format!(
                    "{wanted:?}: the aliases are cyclic: {}",
                    cycle.join(" → ")
                ));
            }
            let (place, config, value) = self.definition(wanted, &name, &chain, folder)?;
            let text = value.replace('\\', "/");
            let definition = format!("the alias \"{name}\" = {value:?} of {config}");
            chain.push(name);
            if let Some(next) = text.strip_prefix('@') {
                let (next, rest) = next.split_once('/').unwrap_or((next, ""));
                rests.push(rest.to_owned());
                name = next.to_ascii_lowercase();
                folder = place;
            } else if text.starts_with("./") || text.starts_with("../") || matches!(text.as_str(), "." | "..")
            {
                rests.push(text);
                break place;
            } else if text.starts_with(['/', '~']) || text.get(1..2) == Some(":") {
                let root = self.root_in_words();
                return Err(format!(
                    "{wanted:?}: {definition} leads out of the project{root}: it has to start with ./, ../ or @"
                ));
            } else {
                return Err(format!(
                    "{wanted:?}: {definition} has to start with ./, ../ or @: write \"./{value}\""
                ));
            }
        };
        rests
            .iter()
            .rev()
            .try_fold(start, |path, rest| self.walk(wanted, path, rest))
    }

    /// The alias in the nearest `.luaurc`: its folder, what messages call that file, and the alias's value.
    fn definition(
        &mut self,
        wanted: &str,
        alias: &str,
        chain: &[String],
        start: ModulePath,
    ) -> Result<(ModulePath, String, String), String> {
        if !is_name(alias) {
            return Err(format!(
                "{wanted:?}: \"@{alias}\" can be no alias: letters, digits, - . and _ make one"
            ));
        }
        if ["atoll", "self"].contains(&alias) {
            return Err(format!("{wanted:?}: an alias cannot lead to \"@{alias}\""));
        }
        let mut searched: Vec<Rc<Config>> = Vec::new();
        let mut next = Some(start);
        while let Some(folder) = next {
            if let Some(config) = self.config(wanted, &folder)? {
                if let Some(value) = config.aliases.get(alias) {
                    return Ok((folder, config.name.clone(), value.to_owned()));
                }
                searched.push(config);
            }
            next = folder.parent();
        }
        let by = chain.last().map(|by| format!(" (which \"@{by}\" leads to)"));
        let by = by.unwrap_or_default();
        if searched.is_empty() {
            let root = self.root_in_words();
            return Err(format!(
                "{wanted:?}: there is no alias \"{alias}\"{by}: no .luaurc up to the project's root{root} defines one"
            ));
        }
        let configs: Vec<&str> = searched.iter().map(|config| config.name.as_str()).collect();
        let configs = configs.join(", ");
        let known = searched.iter().flat_map(|config| config.aliases.names());
        let known: Vec<String> = known.take(MOST_KNOWN).map(|name| format!("@{name}")).collect();
        let known = match known.as_slice() {
            [] => String::new(),
            known => format!(" (there are {})", known.join(", ")),
        };
        Err(format!(
            "{wanted:?}: there is no alias \"{alias}\"{by} in {configs}{known}"
        ))
    }

    /// The folder's `.luaurc`, if it has one.
    fn config(&mut self, wanted: &str, folder: &ModulePath) -> Result<Option<Rc<Config>>, String> {
        if let Some(config) = self.configs.get(folder) {
            return Ok(config.clone());
        }
        let because = |reason: String| format!("{wanted:?}: {reason}");
        let config = match self.files.look(&[folder.file(".luaurc")]).pop() {
            None | Some(Entry::Nothing(_)) => None,
            Some(Entry::Refused(reason)) => return Err(because(reason)),
            Some(Entry::File(file)) => {
                let content = self.files.read(&file.path).map_err(because)?;
                let aliases =
                    Aliases::parse(&content).map_err(|problem| because(format!("{}{problem}", file.name)))?;
                Some(Rc::new(Config {
                    name: file.name,
                    aliases,
                }))
            }
        };
        self.configs.insert(folder.clone(), config.clone());
        Ok(config)
    }

    fn root_in_words(&self) -> String {
        self.root
            .as_ref()
            .map(|root| format!(" (its root is {root})"))
            .unwrap_or_default()
    }
}

/// The library that the string names, if it names one.
///
/// # Errors
///
/// Where the string cannot be looked up at all.
pub(super) fn library(wanted: &str) -> Result<Option<String>, String> {
    if wanted.len() > LONGEST {
        let start: String = wanted.chars().take(40).collect();
        return Err(format!("{start:?}… is too long: at most {LONGEST} bytes"));
    }
    if wanted.contains(char::is_control) {
        return Err(format!("{wanted:?} has a control character in it"));
    }
    let lower = wanted.to_ascii_lowercase();
    Ok(match lower.strip_prefix("@atoll") {
        Some("") => Some(String::new()),
        Some(rest) => rest.strip_prefix(['/', '\\']).map(str::to_owned),
        None => None,
    })
}

/// Why a string without a prefix means nothing.
fn without_prefix(wanted: &str, text: &str) -> String {
    if text.is_empty() {
        return "\"\" names no module: a path starts with ./, ../ or @".to_owned();
    }
    if text.starts_with(['/', '~']) || text.get(1..2) == Some(":") {
        return format!(
            "{wanted:?} is an absolute path, which no script can require: a path starts with ./, ../ or @"
        );
    }
    if matches!(text, "." | "..") {
        return format!("{wanted:?} names no module: write \"{wanted}/\"");
    }
    format!("{wanted:?} has no prefix: write \"./{text}\", or \"@{text}\" where it starts with an alias")
}

/// What is often meant by a string that leads nowhere.
fn hint(wanted: &str) -> String {
    let last = wanted.rsplit(['/', '\\']).next().unwrap_or(wanted);
    if last == INIT || path::without_ending(last) == Some(INIT) {
        let folder = &wanted[..wanted.len() - last.len()];
        return format!(" (an init file is its folder's module: write \"{folder}\")");
    }
    match path::without_ending(wanted) {
        Some(stem) => format!(" (a path has no ending: write {stem:?})"),
        None => String::new(),
    }
}

// The path is said, as the host takes this file from elsewhere.
#[cfg(test)]
#[path = "resolve/tests.rs"]
mod tests;
