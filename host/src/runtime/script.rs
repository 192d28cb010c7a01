//! What is run, and what it can do wrong.

use std::fmt;
use std::path::Path;

use crate::bindings::generated::Mode;
use crate::limits::Limits;
use crate::project::{self, Modules, Project, Seen};

/// A script to run: its text, and what it may know of its start.
#[derive(Debug, Clone)]
pub struct Script {
    /// What messages and stack traces call it.
    pub(super) name: String,
    /// Luau source text; any bytes.
    pub(super) source: Vec<u8>,
    /// `process.args`.
    pub(super) arguments: Vec<String>,
    /// `process.env`.
    pub(super) environment: Vec<(String, String)>,
    /// What becomes of it.
    pub(super) mode: Mode,
    /// What it can require by a path.
    pub(super) modules: Modules,
    /// Where it lies among them.
    path: String,
}

impl Script {
    /// A script from its text. `name` is what messages and stack traces call it. It has no files to require, unless
    /// [`modules`](Script::modules) gives it some.
    pub fn new(name: impl Into<String>, source: impl Into<Vec<u8>>) -> Script {
        let name = name.into();
        Script {
            path: name.clone(),
            name,
            source: source.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            modules: Modules::none(),
            mode: Mode::Script,
        }
    }

    /// Reads a script from a file; its name is the path as given.
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

    /// Gives the script files to require, in place of those that it has. Its name counts as its path among them: what
    /// `jobs/main.luau` calls `./x` is `jobs/x.luau`.
    pub fn modules(self, modules: Modules) -> Script {
        Script {
            modules,
            path: self.name.clone(),
            ..self
        }
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

    /// The modules of one run.
    pub(super) fn project(&self, limits: &Limits) -> Project {
        Project::new(self.modules.clone(), self.path.clone(), limits)
    }

    /// Adds the source line that a syntax error's message names.
    pub(super) fn with_excerpt(&self, mut error: ScriptError) -> ScriptError {
        let line = error
            .message
            .strip_prefix(self.name.as_str())
            .and_then(|rest| rest.strip_prefix(':'))
            .and_then(|rest| rest.split(':').next())
            .and_then(|number| number.parse::<usize>().ok());
        if let Some(number) = line.filter(|_| error.kind == ScriptErrorKind::Syntax) {
            let text = self
                .source
                .split(|byte| *byte == b'\n')
                .nth(number.saturating_sub(1));
            error.excerpt = text.map(|text| (number, String::from_utf8_lossy(text).trim_end().to_owned()));
        }
        error
    }
}

/// What kind of failure an error of the script is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScriptErrorKind {
    /// The text is not Luau.
    Syntax,
    /// It ran, and threw.
    Runtime,
}

/// An error that nothing in the script caught.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptError {
    /// What kind it is.
    pub kind: ScriptErrorKind,
    /// What was running: `main script`, `task`, `request handler for GET /`.
    pub origin: String,
    /// The error, with `path:line:` in front where Luau knows it.
    pub message: String,
    /// The stack, innermost frame first, one `path:line function name` per line; may be empty.
    pub trace: String,
    /// The line (its number, its text) that a syntax error is in.
    pub excerpt: Option<(usize, String)>,
}

/// What runs where nothing else is said.
const MAIN: &str = "main script";

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some((number, text)) = &self.excerpt {
            write!(f, "\n  {number} | {text}")?;
        }
        if self.origin != MAIN {
            write!(f, "\n  in: {}", self.origin)?;
        }
        for frame in self.trace.lines() {
            write!(f, "\n  at {frame}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ScriptError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: ScriptErrorKind, message: &str) -> ScriptError {
        ScriptError {
            kind,
            origin: MAIN.to_owned(),
            message: message.to_owned(),
            trace: String::new(),
            excerpt: None,
        }
    }

    #[test]
    fn a_syntax_error_shows_its_line() {
        let script = Script::new("a:b.luau", "local x = 1\nlocal = 2\r\n");
        let shown = script.with_excerpt(error(ScriptErrorKind::Syntax, "a:b.luau:2: expected a name"));
        assert_eq!(shown.to_string(), "a:b.luau:2: expected a name\n  2 | local = 2");
        for message in [
            "a:b.luau:9: beyond the end",
            "elsewhere:1: x",
            "a:b.luau",
            "a:b.luau:x: y",
        ] {
            let shown = script.with_excerpt(error(ScriptErrorKind::Syntax, message));
            assert_eq!(shown.to_string(), message);
        }
        let shown = script.with_excerpt(error(ScriptErrorKind::Runtime, "a:b.luau:2: boom"));
        assert_eq!(shown.to_string(), "a:b.luau:2: boom");
    }

    #[test]
    fn an_error_shows_where_it_was() {
        let mut shown = error(ScriptErrorKind::Runtime, "m.luau:3: boom");
        shown.origin = "request handler for GET /".to_owned();
        shown.trace = "m.luau:3 function f\nm.luau:7".to_owned();
        assert_eq!(
            shown.to_string(),
            "m.luau:3: boom\n  in: request handler for GET /\n  at m.luau:3 function f\n  at m.luau:7"
        );
    }
}
