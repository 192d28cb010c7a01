//! The sources of a project as they are carried around: what an app holds. Collected by `rules`, read by `Project`.

use std::collections::BTreeMap;
use std::sync::Arc;

/// A script and its modules, by their paths in the project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Files {
    /// Which of them is the script.
    pub(crate) main: String,
    /// Whether they are Luau's bytecode and no text; `.luaurc` stays text.
    pub(crate) is_bytecode: bool,
    /// Their contents.
    pub(crate) texts: BTreeMap<String, Arc<[u8]>>,
    /// Other paths of some of them: what symbolic links were, and what they led to.
    pub(crate) links: BTreeMap<String, String>,
}
