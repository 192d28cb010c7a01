//! `atoll:net/console`: what a script says.

use super::generated::atoll::net::console as wit;
use crate::runtime::{Admitted, Output, State};

/// Bytes of each text of a report that are shown. It counts as one line, whatever is in it.
const LONGEST_REPORT: usize = 64 << 10;

impl wit::Host for State {
    fn write_line(&mut self, to: wit::Output, text: Vec<u8>) -> wasmtime::Result<()> {
        let output = match to {
            wit::Output::Out => Output::Out,
            wit::Output::Err if !admitted(self)? => return Ok(()),
            wit::Output::Err => Output::Err,
        };
        // Nobody reads any more: the run ends with the system's reason.
        Ok(self.console.write_line(output, &text)?)
    }

    fn report(&mut self, mut error: wit::ScriptError) -> wasmtime::Result<()> {
        // A failure of a test must not get lost; whoever keeps them has bounds of its own.
        if self.tests.is_some() || admitted(self)? {
            for text in [&mut error.origin, &mut error.message, &mut error.trace] {
                text.truncate(text.floor_char_boundary(LONGEST_REPORT));
            }
            self.console.report(&error.into());
        }
        Ok(())
    }
}

/// Whether one more line may go to standard error; says how many could not.
fn admitted(state: &mut State) -> wasmtime::Result<bool> {
    match state.log_rate.admit() {
        Admitted::No => Ok(false),
        Admitted::Yes { dropped: 0 } => Ok(true),
        Admitted::Yes { dropped } => {
            let most = state.limits.log_lines;
            let word = format!(
                "{dropped} lines were dropped (limit log-lines={most}; raise it with --limit log-lines=N)"
            );
            state.console.write_line(Output::Err, word.as_bytes())?;
            Ok(true)
        }
    }
}
