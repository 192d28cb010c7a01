//! The guest as a compiler: says whether texts are Luau, and makes bytecode of them (`--strip`).

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use crate::cli::{Exit, fail, folders, run};
use crate::project::Files;
use crate::runtime::{Console, Event, Output, Runtime, Script, ScriptError};

/// A runtime that runs nothing.
pub(super) struct Compiler {
    runtime: Runtime,
    executor: tokio::runtime::Runtime,
    made: Made,
}

/// The bytecode that was made last.
#[derive(Clone, Default)]
struct Made(Arc<Mutex<Vec<u8>>>);

impl Console for Made {
    fn write_line(&self, _: Output, text: &[u8]) -> io::Result<()> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = text.to_vec();
        Ok(())
    }

    fn report(&self, _: &ScriptError) {}

    fn event(&self, _: &Event<'_>) {}
}

impl Compiler {
    pub(super) fn new() -> Result<Compiler, Exit> {
        let made = Made::default();
        let builder = Runtime::builder().console(made.clone());
        let builder = match folders::cache() {
            Some(folder) => builder.cache(folder),
            None => builder,
        };
        Ok(Compiler {
            runtime: run::build(builder)?,
            executor: run::executor()?,
            made,
        })
    }

    pub(super) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    pub(super) fn executor(&self) -> &tokio::runtime::Runtime {
        &self.executor
    }

    /// The same files as bytecode.
    pub(super) fn strip(&self, mut files: Files) -> Result<Files, Exit> {
        for (path, text) in &mut files.texts {
            if path == ".luaurc" || path.ends_with("/.luaurc") {
                continue;
            }
            let script = Script::compiled(path, text);
            self.executor
                .block_on(self.runtime.run(&script))
                .map_err(|error| fail(Exit::Failed, &error.to_string()))?;
            let made = &self.made.0;
            *text = std::mem::take(&mut *made.lock().unwrap_or_else(PoisonError::into_inner)).into();
        }
        files.is_bytecode = true;
        Ok(files)
    }
}
