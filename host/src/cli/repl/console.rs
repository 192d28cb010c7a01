//! Output while a line is being edited: it goes above the line, and the line stays as it is.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use rustyline::ExternalPrinter;

use crate::runtime::{Console, Event, Output, ScriptError};

/// A console that knows of the prompt.
pub(super) struct AroundPrompt<P> {
    printer: Mutex<P>,
    /// Whether standard error is a terminal too; it is taken for the same one.
    errors_are_shown: bool,
}

impl<P: ExternalPrinter + Send> AroundPrompt<P> {
    pub(super) fn new(printer: P) -> AroundPrompt<P> {
        AroundPrompt {
            printer: Mutex::new(printer),
            errors_are_shown: io::stderr().is_terminal(),
        }
    }

    fn print(&self, to: Output, mut text: String) -> io::Result<()> {
        text.push('\n');
        if to == Output::Err && !self.errors_are_shown {
            return io::stderr().lock().write_all(text.as_bytes());
        }
        let mut printer = self.printer.lock().unwrap_or_else(PoisonError::into_inner);
        printer.print(text).map_err(io::Error::other)
    }
}

impl<P: ExternalPrinter + Send> Console for AroundPrompt<P> {
    fn write_line(&self, to: Output, text: &[u8]) -> io::Result<()> {
        self.print(to, String::from_utf8_lossy(text).into_owned())
    }

    fn report(&self, error: &ScriptError) {
        drop(self.print(Output::Err, format!("error: {error}")));
    }

    fn event(&self, event: &Event<'_>) {
        drop(self.print(Output::Err, event.to_string()));
    }
}
