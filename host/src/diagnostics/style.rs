//! How text looks on standard error: with colours, and how wide.

use std::io::{self, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style as Look};

use super::Diagnostic;

/// Columns that an excerpt may take where there is no terminal.
const WIDTH: usize = 120;

/// No terminal is taken for narrower.
const NARROWEST: usize = 40;

/// Colours, or none; and columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    pub(super) colors: bool,
    /// Columns of a line.
    pub(super) width: usize,
}

/// What a piece of text is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Role {
    /// The word `error`.
    Error,
    /// What is wrong.
    Message,
    /// Where the error is.
    Place,
    /// What else is marked.
    Aside,
    /// Line numbers and the like.
    Margin,
}

/// Writes the diagnostic to standard error. Where that is closed, there is nobody to tell.
pub(crate) fn tell(diagnostic: &Diagnostic) {
    let text = diagnostic.render(Style::of_stderr());
    // One write: those of several scripts don't mix.
    drop(io::stderr().lock().write_all(format!("{text}\n").as_bytes()));
}

impl Style {
    /// Text alone.
    pub(crate) fn plain() -> Style {
        Style {
            colors: false,
            width: WIDTH,
        }
    }

    /// What standard error takes: colours on a terminal, unless the variables `NO_COLOR`, `CLICOLOR`, `CLICOLOR_FORCE` or
    /// `TERM` say otherwise, or the program was told which.
    pub(crate) fn of_stderr() -> Style {
        let stderr = io::stderr();
        let width = match terminal_size::terminal_size_of(&stderr) {
            Some((width, _)) if stderr.is_terminal() => usize::from(width.0).max(NARROWEST),
            _ => WIDTH,
        };
        Style {
            colors: AutoStream::choice(&stderr) != ColorChoice::Never,
            width,
        }
    }

    /// The text as it looks.
    pub(super) fn paint(self, role: Role, text: &str) -> String {
        if !self.colors || text.is_empty() {
            return text.to_owned();
        }
        let bold = Look::new().bold();
        let look = match role {
            Role::Error => bold.fg_color(Some(AnsiColor::Red.into())),
            Role::Message => bold,
            Role::Place => bold.fg_color(Some(AnsiColor::Red.into())),
            Role::Aside => bold.fg_color(Some(AnsiColor::Blue.into())),
            Role::Margin => bold.fg_color(Some(AnsiColor::Blue.into())),
        };
        format!("{look}{text}{look:#}")
    }
}
