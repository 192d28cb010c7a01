//! What is run, and what it can do wrong.

use std::fmt;
use std::io::{Error, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::GUEST;
use crate::app::{self, App, AppError};
use crate::bindings::generated::Mode;
use crate::diagnostics::{Diagnostic, Excerpt, Sources, Style, excerpts_of_error, excerpts_of_syntax};
use crate::functions::Namespace;
use crate::limits::Limits;
use crate::project::{self, Modules, Project, Seen};
use crate::runtime::Meter;

/// A script to run: its text, and what it may know of its start.
#[derive(Debug, Clone)]
pub struct Script {
    /// What messages and stack traces call it.
    pub(super) name: String,
    /// Luau source text; any bytes.
    pub(super) source: Arc<[u8]>,
    /// `process.args`.
    pub(super) arguments: Vec<String>,
    /// `process.env`.
    pub(super) environment: Vec<(String, String)>,
    /// What becomes of it.
    pub(super) mode: Mode,
    /// What it can require by a path.
    pub(super) modules: Modules,
    /// What it may call of the embedder's, beside what the runtime has.
    pub(super) functions: Vec<Namespace>,
    /// What is told of its runs.
    pub(super) meter: Meter,
    /// Where it lies among them.
    path: String,
    /// Whether it and its modules are Luau's bytecode.
    pub(super) is_bytecode: bool,
    /// The guest that it brings; none where any does.
    pub(super) guest: Option<Bytes>,
    /// Whether each of its requests has an instance of its own.
    pub(super) is_isolated: bool,
}

impl Script {
    /// A script from its text. `name` is what messages and stack traces call it. It has no files to require, unless
    /// [`modules`](Script::modules) gives it some.
    pub fn new(name: impl Into<String>, source: impl Into<Vec<u8>>) -> Script {
        let name = name.into();
        Script {
            path: plain(&name),
            name,
            source: source.into().into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            modules: Modules::none(),
            functions: Vec::new(),
            meter: Meter::new(),
            mode: Mode::Script,
            is_bytecode: false,
            guest: None,
            is_isolated: false,
        }
    }

    /// A script with its modules, as `atoll build` has put it into a component.
    ///
    /// Messages call its files by their paths in its project. It can require what is in it, and no file of the disk. What it asks
    /// for in the way of permissions grants nothing: the runtime's count. It runs in the guest that it brings; where that is not the
    /// runtime's own, the first run compiles it.
    ///
    /// # Errors
    ///
    /// What the bytes are instead of an app that this version of Atoll can run.
    pub fn from_app(bytes: impl Into<Vec<u8>>) -> Result<Script, AppError> {
        let App { files, guest, .. } = App::read(bytes.into())?;
        let source = files.texts.get(&files.main).cloned().unwrap_or_default();
        // Most bring the one that is here already.
        let guest = match guest == GUEST {
            true => Bytes::from_static(GUEST),
            false => guest,
        };
        Ok(Script {
            source,
            path: files.main.clone(),
            is_bytecode: files.is_bytecode,
            guest: Some(guest),
            ..Script::new(files.main.clone(), "").modules(Modules::app(files))
        })
    }

    /// Reads a script from a file; its name is the path as given. A file that is WebAssembly is an
    /// [app](Script::from_app); where it is none that can be run, the error holds an [`AppError`].
    ///
    /// It can require the Luau sources of its project. The project's root is the nearest folder around the script with an
    /// `atoll.toml`, else the nearest with a `.luaurc`, else the script's own folder.
    pub fn from_path(path: impl AsRef<Path>) -> std::io::Result<Script> {
        Script::read(path.as_ref(), None)
    }

    /// As [`from_path`](Script::from_path), and notes the files that the script is made of.
    pub(crate) fn watched(path: &Path, seen: &Seen) -> std::io::Result<Script> {
        seen.note(path);
        Script::read(path, Some(seen))
    }

    fn read(path: &Path, seen: Option<&Seen>) -> std::io::Result<Script> {
        let source = std::fs::read(path)?;
        if app::is_wasm(&source) {
            return Script::from_app(source).map_err(|error| Error::new(ErrorKind::InvalidData, error));
        }
        if path.extension().is_some_and(|ending| ending == "wasm") {
            return Err(Error::new(ErrorKind::InvalidData, AppError::NoWasm));
        }
        let (modules, own) = project::around(path, seen)?;
        let script = Script::new(path.display().to_string(), source);
        Ok(Script {
            modules,
            path: own,
            ..script
        })
    }

    /// What is typed at the runtime's terminal, line by line. It can require as a script in the working folder can.
    ///
    /// # Errors
    ///
    /// Where that folder cannot be opened.
    pub(crate) fn session() -> std::io::Result<Script> {
        let (modules, own) = project::around(Path::new("repl"), None)?;
        Ok(Script {
            modules,
            path: own,
            mode: Mode::Session,
            ..Script::new("repl", "")
        })
    }

    /// A text that is only compiled.
    pub(crate) fn checked(name: &str, source: &[u8]) -> Script {
        Script {
            mode: Mode::Check,
            ..Script::new(name, source)
        }
    }

    /// A text that is only compiled, and whose bytecode goes to the console.
    pub(crate) fn compiled(name: &str, source: &[u8]) -> Script {
        Script {
            mode: Mode::Compile,
            ..Script::new(name, source)
        }
    }

    /// Gives the script files to require, in place of those that it has. Its name counts as its path among them: what
    /// `jobs/main.luau` calls `./x` is `jobs/x.luau`. An [app](Script::from_app) has its own.
    pub fn modules(self, modules: Modules) -> Script {
        Script {
            modules,
            path: plain(&self.name),
            ..self
        }
    }

    /// Has it run as a file of tests: what it names is run after it, and told to the runtime's [`TestLog`](super::TestLog).
    pub(crate) fn with_tests(mut self) -> Script {
        self.mode = Mode::Test;
        self
    }

    /// Has each request of its servers answered in an instance of its own, which begins as the script's start has left it and is
    /// thrown away after the answer: what one request does, no other sees.
    ///
    /// The start has to come to an end: it may wait for requests only. [`Limits::instances`] live at once.
    pub fn isolated(mut self) -> Script {
        self.is_isolated = true;
        self
    }

    /// Gives the script its `process.args`.
    pub fn arguments(mut self, arguments: impl IntoIterator<Item = String>) -> Script {
        self.arguments = arguments.into_iter().collect();
        self
    }

    /// Gives the script its `process.env`: names and values. It has none otherwise, whatever the process has.
    pub fn environment(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Script {
        self.environment = variables.into_iter().collect();
        self
    }

    /// Lets this script call these functions, beside those that [the runtime has](super::Builder::functions). So each script
    /// can have functions that know whose script it is.
    pub fn functions(mut self, namespace: Namespace) -> Script {
        self.functions.push(namespace);
        self
    }

    /// Has the script's runs tell this meter what they use.
    pub fn meter(mut self, meter: &Meter) -> Script {
        self.meter = meter.clone();
        self
    }

    /// The modules of one run.
    pub(super) fn project(&self, limits: &Limits) -> Project {
        Project::new(self.modules.clone(), self.path.clone(), limits)
    }
}

/// The name as a path from a root: `./jobs/../main.luau` is `main.luau`.
fn plain(name: &str) -> String {
    let mut path = Vec::new();
    for name in name.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(path.pop()),
            name => path.push(name),
        }
    }
    path.join("/")
}

/// What kind of failure an error of the script is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScriptErrorKind {
    /// The text is not Luau.
    Syntax,
    /// It ran, and threw.
    Runtime,
}

/// An error that nothing in the script caught.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScriptError {
    /// What kind it is.
    pub kind: ScriptErrorKind,
    /// What was running: `main script`, `task`, `request handler for GET /`.
    pub origin: String,
    /// The error, with `path:line:` in front where Luau knows it.
    pub message: String,
    /// The stack, innermost frame first, one `path:line function name` per line; may be empty. A line that begins with `…`
    /// speaks of frames that are left out.
    pub trace: String,
    /// The lines of source that it is about; the one that it is in comes last. Empty where that is not known.
    pub excerpts: Vec<Excerpt>,
}

/// What runs where nothing else is said.
pub(super) const MAIN: &str = "main script";

impl ScriptError {
    /// Adds the source that it is about.
    pub(crate) fn locate(mut self, sources: &dyn Sources) -> ScriptError {
        self.excerpts = match self.kind {
            ScriptErrorKind::Syntax => excerpts_of_syntax(&self.message, sources),
            ScriptErrorKind::Runtime => excerpts_of_error(&self.message, &self.trace, sources),
        };
        self
    }

    /// It, as people read it.
    pub(crate) fn diagnostic(&self) -> Diagnostic {
        Diagnostic {
            excerpts: self.excerpts.clone(),
            origin: Some(self.origin.clone()).filter(|origin| origin != MAIN),
            frames: self.trace.lines().map(str::to_owned).collect(),
            ..Diagnostic::error(&self.message)
        }
    }
}

/// All of it: the message, the source, the stack. Without colours and without control characters.
impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic().text(Style::plain()))
    }
}

impl std::error::Error for ScriptError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::chunks::Chunks;

    #[test]
    fn names_as_paths() {
        let table = [
            ("main.luau", "main.luau"),
            ("./jobs/./main.luau", "jobs/main.luau"),
            ("../jobs/../main.luau", "main.luau"),
            ("/jobs//main.luau", "jobs/main.luau"),
            ("", ""),
        ];
        for (name, path) in table {
            assert_eq!(plain(name), path, "{name}");
        }
    }

    #[test]
    fn an_embedder_gets_text_and_the_source_by_parts() {
        let script = Script::new("m.luau", "local t\nt.x = '\u{1b}[31m'\n");
        let chunks = Chunks::new(&script, Arc::new(script.project(&Limits::default())));
        let error = ScriptError {
            kind: ScriptErrorKind::Runtime,
            origin: "request handler for GET /".to_owned(),
            message: "m.luau:2: attempt to index nil with 'x'".to_owned(),
            trace: "m.luau:2 function f\nm.luau:7".to_owned(),
            excerpts: Vec::new(),
        }
        .locate(&chunks);
        let excerpt = &error.excerpts[0];
        assert_eq!((excerpt.file.as_str(), excerpt.line), ("m.luau", 2));
        assert_eq!(excerpt.text, "t.x = '\u{1b}[31m'");
        assert_eq!(excerpt.marks[0].bytes, 2..3);
        assert_eq!(
            error.to_string(),
            "m.luau:2:3: attempt to index nil with 'x'\n  2 | t.x = '\\x1b[31m'\n    |   ^ t is nil\n  \
             in: request handler for GET /\n  at m.luau:2 function f\n  at m.luau:7"
        );
    }
}
