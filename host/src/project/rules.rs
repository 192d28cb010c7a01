//! Which file a `require` means: the guest's own rules, for `atoll check`, which runs no guest for it. Pure but for the files
//! of a [`Project`], which bounds what is read.

#[path = "../../shared/require/aliases.rs"]
mod aliases;
#[path = "../../shared/require/path.rs"]
mod path;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the guest's own; `check` needs a part of it")
)]
#[path = "../../shared/require/resolve.rs"]
mod resolve;

use std::sync::Arc;

use self::resolve::{Entry, File, Files};
use super::Project;

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

struct OfProject(Arc<Project>);

impl Files for OfProject {
    fn look(&self, paths: &[String]) -> Vec<Entry> {
        let entry = |path: &String| match self.0.look(path) {
            super::Entry::Nothing(name) => Entry::Nothing(name),
            super::Entry::File { path, name } => Entry::File(File { path, name }),
            super::Entry::Refused(reason) => Entry::Refused(reason),
        };
        paths.iter().map(entry).collect()
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        self.0
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
            resolver: resolve::Resolver::new(OfProject(project.clone()), root),
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
}
