//! Errors of scripts as people read them: the line of source that an error is in, the place on it, the stack.
//!
//! `runtime` calls it for every error that nothing caught, the command line for everything that it says. Pure but for
//! `style`, which looks at the terminal. All text of a script, its source lines included, is shown without control
//! characters, so that none reaches a terminal.

mod clean;
mod grammar;
mod locate;
mod render;
mod runtime;
mod source;
mod style;
mod syntax;
#[cfg(test)]
mod tests;
mod tokens;

use std::ops::Range;
use std::sync::Arc;

pub(crate) use clean::{clean, is_plain};
pub(crate) use source::Source;
pub(crate) use style::{Style, tell};

use locate::Found;

/// A line of source that an error is in or about.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Excerpt {
    /// What messages call the file.
    pub file: String,
    /// Its number, from 1.
    pub line: usize,
    /// Its text without its end. At most the first 16 KiB.
    pub text: String,
    /// What is meant of it; empty where that is not certain.
    pub marks: Vec<Mark>,
}

/// A part of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mark {
    /// Its bytes in [`Excerpt::text`]; none at all at the end of a file that goes on too short.
    pub bytes: Range<usize>,
    /// What it is to the error.
    pub kind: MarkKind,
    /// A word on it.
    pub label: Option<String>,
}

/// What a part of a line is to an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MarkKind {
    /// The error is here.
    Place,
    /// The error is in this statement.
    Statement,
    /// It helps to know of this.
    Aside,
}

impl Mark {
    /// Where a bracket or a block that is still open was opened.
    fn aside(bytes: Range<usize>) -> Mark {
        Mark {
            bytes,
            kind: MarkKind::Aside,
            label: Some("opened here".to_owned()),
        }
    }
}

impl From<Found> for Mark {
    fn from(found: Found) -> Mark {
        Mark {
            bytes: found.bytes,
            kind: if found.is_exact {
                MarkKind::Place
            } else {
                MarkKind::Statement
            },
            label: found.label,
        }
    }
}

/// Finds the text of chunks.
pub(crate) trait Sources {
    /// The text of the chunk that messages call `name`.
    fn source(&self, name: &str) -> Option<Arc<Source>>;
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    /// `error: `
    Error,
}

/// Something to tell the user, with the source that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Diagnostic {
    pub(crate) severity: Severity,
    /// What is wrong, with `path:line: ` in front where that is known. Lines after the first say more about it.
    pub(crate) message: String,
    /// Lines of source; the one that it is in comes last.
    pub(crate) excerpts: Vec<Excerpt>,
    /// What was running, where that is worth a line.
    pub(crate) origin: Option<String>,
    /// The stack, the innermost frame first.
    pub(crate) frames: Vec<String>,
}

impl Diagnostic {
    /// An error without source.
    pub(crate) fn error(message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            message: message.into(),
            excerpts: Vec::new(),
            origin: None,
            frames: Vec::new(),
        }
    }
}

/// The source that a run-time error is about: where its message says, else where its stack (a frame a line, the innermost
/// first) begins.
pub(crate) fn excerpts_of_error(message: &str, trace: &str, sources: &dyn Sources) -> Vec<Excerpt> {
    locate::excerpts(message, trace, false, sources)
}

/// The source that a syntax error is about, and what is still open there.
pub(crate) fn excerpts_of_syntax(message: &str, sources: &dyn Sources) -> Vec<Excerpt> {
    locate::excerpts(message, "", true, sources)
}
