//! The source files of the project, which came with the script when its component was built.

use std::cell::RefCell;
use std::collections::BTreeMap;

thread_local! {
    static FILES: RefCell<Files> = const { RefCell::new(Files::new()) };
}

struct Files {
    script: String,
    contents: BTreeMap<String, Vec<u8>>,
    /// Other paths that lead to them.
    links: BTreeMap<String, String>,
}

impl Files {
    const fn new() -> Self {
        Self {
            script: String::new(),
            contents: BTreeMap::new(),
            links: BTreeMap::new(),
        }
    }
}

/// The project, as the script needs to know it.
pub(crate) struct Project {
    /// The path of the script itself.
    pub(crate) script: String,
    /// What messages call the root, where it has a name.
    pub(crate) root: Option<String>,
}

/// A file that can be read.
pub(crate) struct File {
    /// Its path.
    pub(crate) path: String,
    /// What messages call it.
    pub(crate) name: String,
}

/// What a path leads to.
#[allow(
    dead_code,
    reason = "what is here was let through when the component was built"
)]
pub(crate) enum Entry {
    /// No file.
    Nothing(String),
    /// A file.
    File(File),
    /// Something that the script may not read.
    Refused(String),
}

/// Takes over the project's files.
pub(super) fn keep(
    script: String,
    files: impl Iterator<Item = (String, Vec<u8>)>,
    links: Vec<(String, String)>,
) {
    FILES.set(Files {
        script,
        contents: files.collect(),
        links: links.into_iter().collect(),
    });
}

/// The project.
pub(crate) fn of_script() -> Option<Project> {
    Some(Project {
        script: FILES.with_borrow(|files| files.script.clone()),
        root: None,
    })
}

/// What each of the paths leads to.
pub(crate) fn look(paths: &[String]) -> Vec<Entry> {
    FILES.with_borrow(|files| {
        let entry = |path: &String| {
            let own = files.links.get(path).unwrap_or(path);
            match files.contents.contains_key(own) {
                true => Entry::File(File {
                    path: own.clone(),
                    name: own.clone(),
                }),
                false => Entry::Nothing(path.clone()),
            }
        };
        paths.iter().map(entry).collect()
    })
}

/// The content of a file.
pub(crate) fn read(path: &str) -> Result<Vec<u8>, String> {
    FILES.with_borrow(|files| {
        let content = files.contents.get(path).cloned();
        content.ok_or_else(|| format!("{path} is not in this component"))
    })
}
