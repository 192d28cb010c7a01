//! `atoll:net/console`: what a script says.

use super::generated::atoll::net::console as wit;
use crate::runtime::{Output, State};

impl wit::Host for State {
    fn write_line(&mut self, to: wit::Output, text: Vec<u8>) -> wasmtime::Result<()> {
        let output = match to {
            wit::Output::Out => Output::Out,
            wit::Output::Err => Output::Err,
        };
        // Nobody reads any more: the run ends with the system's reason.
        Ok(self.console.write_line(output, &text)?)
    }

    fn report(&mut self, error: wit::ScriptError) -> wasmtime::Result<()> {
        self.console.report(&error.into());
        Ok(())
    }
}
