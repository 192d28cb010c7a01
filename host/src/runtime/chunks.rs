//! The source texts of one run, for the errors in them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Script;
use crate::bindings::generated::Mode;
use crate::diagnostics::{Source, Sources};
use crate::project::Project;

/// The chunks of one run by the names that messages call them.
pub(crate) struct Chunks {
    name: String,
    /// None where it is typed, as all that is has one name, and where it is bytecode.
    text: Option<Arc<[u8]>>,
    /// The modules.
    pub(super) project: Arc<Project>,
    /// Those that errors were in.
    known: Mutex<BTreeMap<String, Arc<Source>>>,
}

impl Chunks {
    /// The chunks of a run of the script.
    pub(super) fn new(script: &Script, project: Arc<Project>) -> Chunks {
        Chunks {
            name: script.name.clone(),
            text: (script.mode == Mode::Script && !script.is_bytecode).then(|| script.source.clone()),
            project,
            known: Mutex::default(),
        }
    }

    fn text(&self, name: &str) -> Option<Arc<[u8]>> {
        if name == self.name {
            return self.text.clone();
        }
        self.project.source(name)
    }
}

impl Sources for Chunks {
    fn source(&self, name: &str) -> Option<Arc<Source>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(source) = known.get(name) {
            return Some(source.clone());
        }
        let source = Arc::new(Source::new(self.text(name)?));
        known.insert(name.to_owned(), source.clone());
        Some(source)
    }
}
