//! Which file a `require` means: the guest's own rules, for `atoll check` and `atoll build`, which run no guest for it. Pure
//! but for the files of a [`Project`], which bounds what is read.

#[path = "../../shared/require/aliases.rs"]
mod aliases;
#[path = "../../shared/require/path.rs"]
mod path;
#[path = "../../shared/require/resolve.rs"]
mod resolve;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use self::resolve::{Entry, File};
use super::{Files, Project};

/// What a string means that is required.
pub(crate) enum Target {
    /// A library: what stands behind `@atoll/`, in small letters.
    Library(String),
    /// A module: its path in the project, and what messages call it.
    Module {
        /// Behind all symbolic links.
        path: String,
        /// As the user would type it.
        name: String,
    },
}

/// Resolves the requires of one project.
pub(crate) struct Rules {
    project: Arc<Project>,
    resolver: resolve::Resolver<OfProject>,
}

struct OfProject {
    project: Arc<Project>,
    /// Paths that were looked at and lead to others, through symbolic links.
    links: RefCell<BTreeMap<String, String>>,
}

impl OfProject {
    fn entry(&self, asked: &str) -> Entry {
        match self.project.look(asked) {
            super::Entry::Nothing(name) => Entry::Nothing(name),
            super::Entry::File { path, name } => {
                if path != asked {
                    self.links.borrow_mut().insert(asked.to_owned(), path.clone());
                }
                Entry::File(File { path, name })
            }
            super::Entry::Refused(reason) => Entry::Refused(reason),
        }
    }
}

impl resolve::Files for OfProject {
    fn look(&self, paths: &[String]) -> Vec<Entry> {
        paths.iter().map(|path| self.entry(path)).collect()
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        self.project
            .read(path)
            .map(|text| text.to_vec())
            .map_err(|unread| unread.reason)
    }
}

impl Rules {
    pub(crate) fn new(project: Project) -> Rules {
        let project = Arc::new(project);
        let root = project.of_script().and_then(|(_, root)| root);
        Rules {
            resolver: resolve::Resolver::new(
                OfProject {
                    project: project.clone(),
                    links: RefCell::default(),
                },
                root,
            ),
            project,
        }
    }

    /// What the string means where the file at `from` requires it, or why it means nothing.
    pub(crate) fn resolve(&mut self, from: &str, wanted: &str) -> Result<Target, String> {
        Ok(match self.resolver.resolve(from, wanted)? {
            resolve::Target::Library(name) => Target::Library(name),
            resolve::Target::Module(File { path, name }) => Target::Module { path, name },
        })
    }

    /// A module's text, or which one cannot be read, and why.
    pub(crate) fn read(&self, path: &str) -> Result<Arc<[u8]>, String> {
        self.project.read(path).map_err(|unread| unread.reason)
    }

    /// The module in the file at this path of the disk: its path in the project, and what messages call it; or why it can be
    /// none.
    pub(crate) fn module_at(&self, file: &Path) -> Result<(String, String), String> {
        let whole = file
            .parent()
            .map(|folder| match folder.as_os_str().is_empty() {
                true => Path::new("."),
                false => folder,
            })
            .and_then(|folder| folder.canonicalize().ok())
            .zip(file.file_name())
            .map(|(folder, name)| folder.join(name));
        let whole = whole.ok_or_else(|| format!("{} is not there", file.display()))?;
        let root = self.project.modules.root().unwrap_or(Path::new(""));
        let path = whole.strip_prefix(root).map_err(|_| {
            format!(
                "{} is not in the script's project, whose root is {}",
                file.display(),
                root.display()
            )
        })?;
        let names: Vec<_> = path.iter().map(|name| name.to_string_lossy()).collect();
        match self.resolver.files().entry(&names.join("/")) {
            Entry::File(File { path, name }) => Ok((path, name)),
            Entry::Nothing(name) => Err(format!("{name} is not there")),
            Entry::Refused(reason) => Err(reason),
        }
    }

    /// The script and all modules that were read so far, with every `.luaurc` that counts for one of them.
    pub(crate) fn collect(self, main: String, text: Arc<[u8]>) -> Result<Files, String> {
        let kept = |project: &Project| -> BTreeMap<String, Arc<[u8]>> {
            let kept = project.kept();
            let files = kept.files.iter();
            files
                .map(|(path, file)| (path.clone(), file.text.clone()))
                .collect()
        };
        let mut folders: Vec<String> = vec![String::new()];
        for path in kept(&self.project).keys().chain([&main]) {
            folders.extend(path.match_indices('/').map(|(end, _)| path[..=end].to_owned()));
        }
        folders.sort();
        folders.dedup();
        for folder in folders {
            // One that may not be read is an error only for who needs an alias.
            if let Entry::File(file) = self.resolver.files().entry(&format!("{folder}.luaurc")) {
                self.read(&file.path)?;
            }
        }
        let mut texts = kept(&self.project);
        let links = self.resolver.files().links.take();
        texts.insert(main.clone(), text);
        Ok(Files {
            main,
            is_bytecode: false,
            links: links
                .into_iter()
                .filter(|(_, own)| texts.contains_key(own))
                .collect(),
            texts,
        })
    }
}
