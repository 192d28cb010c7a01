//! `atoll:net/console`: what a script says.

use super::generated::atoll::net::console as wit;
use crate::observe::Admitted;
use crate::runtime::{Console, Output, ScriptError, State, tell};

impl wit::Host for State {
    async fn write_line(&mut self, to: wit::Output, text: Vec<u8>) -> wasmtime::Result<()> {
        let output = match to {
            wit::Output::Out => Output::Out,
            wit::Output::Err if !admitted(self).await? => return Ok(()),
            wit::Output::Err => Output::Err,
        };
        write_line(self, output, text).await
    }

    async fn report(&mut self, error: wit::ScriptError) -> wasmtime::Result<()> {
        // A failure of a test must not get lost; whoever keeps them has bounds of its own.
        if self.tests.is_some() || admitted(self).await? {
            let error = ScriptError::from(error).locate(&*self.chunks);
            let bytes = error.origin.len() + error.message.len() + error.trace.len();
            say(self, Output::Err, bytes, move |console| console.report(&error)).await;
        }
        Ok(())
    }
}

/// Whether one more line may go to standard error; says how many could not.
async fn admitted(state: &mut State) -> wasmtime::Result<bool> {
    match state.log_rate.admit() {
        Admitted::No => {
            state.observer.limit_hit("log-lines");
            Ok(false)
        }
        Admitted::Yes { dropped: 0 } => Ok(true),
        Admitted::Yes { dropped } => {
            let most = state.limits.log_lines;
            let word = format!(
                "{dropped} lines were dropped (limit log-lines={most}; raise it with --limit log-lines=N)"
            );
            write_line(state, Output::Err, word.into_bytes()).await?;
            Ok(true)
        }
    }
}

async fn write_line(state: &mut State, to: Output, text: Vec<u8>) -> wasmtime::Result<()> {
    let written = say(state, to, text.len(), move |console| {
        console.write_line(to, &text)
    })
    .await;
    // Nobody reads any more: the run ends with the system's reason.
    Ok(written?)
}

/// Has the console say something. A reader that keeps it waiting is not held against the script.
async fn say<T: Send + 'static>(
    state: &mut State,
    to: Output,
    bytes: usize,
    say: impl FnOnce(&dyn Console) -> T + Send + 'static,
) -> T {
    state.pulse.excuse(tell(&state.console, to, bytes, say)).await
}
