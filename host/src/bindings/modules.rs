//! `atoll:net/modules`: the sources that `require` reads.

use std::sync::Arc;

use super::generated::atoll::net::modules as wit;
use crate::project::{Entry, Project};
use crate::runtime::State;

impl wit::Host for State {
    async fn of_script(&mut self) -> wasmtime::Result<Option<wit::Project>> {
        let project = self.project.of_script();
        Ok(project.map(|(script, root)| wit::Project { script, root }))
    }

    async fn look(&mut self, paths: Vec<String>) -> wasmtime::Result<Vec<wit::Entry>> {
        let look = move |project: &Project| paths.iter().map(|path| project.look(path).into()).collect();
        aside(&self.project, look).await
    }

    async fn read(&mut self, path: String) -> wasmtime::Result<Result<Vec<u8>, String>> {
        let read = move |project: &Project| project.read(&path).map(|text| text.to_vec());
        aside(&self.project, read).await
    }
}

/// Asks the disk on a thread of its own: it may be slow, and the host has other things to do. The guest waits on its stack,
/// as a `require` may stand where a script cannot yield.
async fn aside<T: Send + 'static>(
    project: &Arc<Project>,
    ask: impl FnOnce(&Project) -> T + Send + 'static,
) -> wasmtime::Result<T> {
    let project = project.clone();
    Ok(tokio::task::spawn_blocking(move || ask(&project)).await?)
}

impl From<Entry> for wit::Entry {
    fn from(entry: Entry) -> Self {
        match entry {
            Entry::Nothing(name) => wit::Entry::Nothing(name),
            Entry::File { path, name } => wit::Entry::File(wit::File { path, name }),
            Entry::Refused(reason) => wit::Entry::Refused(reason),
        }
    }
}
