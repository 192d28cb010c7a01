//! What a script says to the person who runs the host: `wasi:cli/stdout` and `wasi:cli/stderr`.
//!
//! Each line asks for its stream anew: while a component is built there are other streams than later.

use wasip2::cli::stderr::get_stderr;
use wasip2::cli::stdout::get_stdout;

use super::types::ScriptError;

/// Bytes that the host takes at once.
const PIECE: usize = 4096;

/// Where a line goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// `print`.
    Out,
    /// `warn`.
    Err,
}

/// Writes the text and a line feed.
pub(crate) fn write_line(to: Output, text: &[u8]) {
    let stream = match to {
        Output::Out => get_stdout(),
        Output::Err => get_stderr(),
    };
    let mut line = Vec::with_capacity(text.len() + 1);
    line.extend_from_slice(text);
    line.push(b'\n');
    for piece in line.chunks(PIECE) {
        // A reader that has gone is no reason to fail.
        if stream.blocking_write_and_flush(piece).is_err() {
            return;
        }
    }
}

/// Reports an error that ended a task or a request handler.
pub(crate) fn report(error: &ScriptError) {
    let mut text = format!("error: {}\n  in: {}", error.message, error.origin);
    for frame in error.trace.lines() {
        text.push_str("\n  at ");
        text.push_str(frame);
    }
    write_line(Output::Err, text.as_bytes());
}
