//! `atoll repl`: runs what is typed. The guest reads, compiles, runs and shows (`prelude/session.luau`); here are the lines,
//! the signals, and a new session where a limit ended one.

mod console;
mod lines;

use std::io::{self, IsTerminal};

use self::console::AroundPrompt;
use super::run::{self, judge};
use super::signals::Signals;
use super::{Exit, fail};
use crate::config::Config;
use crate::runtime::{RunError, Runtime, Script, Stop, Terminal};

/// Runs sessions until the input ends.
pub(super) fn run(config: &Config) -> Exit {
    let learning = run::learning(config);
    let builder = match run::builder(config, learning.as_ref()) {
        Ok(builder) => builder,
        Err(exit) => return exit,
    };
    let script = match Script::session() {
        Ok(script) => run::equip(script, config),
        Err(error) => return fail(Exit::Failed, &format!("cannot open the working folder: {error}")),
    };
    let (terminal, asked) = Terminal::new();
    let is_interactive = io::stdin().is_terminal() && io::stdout().is_terminal();
    let started = match is_interactive {
        true => lines::from_a_person(asked)
            .map_err(io::Error::other)
            .map(|printer| builder.console(AroundPrompt::new(printer))),
        false => lines::from_a_pipe(asked).map(|()| builder),
    };
    let ready = started
        .map_err(|error| fail(Exit::Failed, &format!("cannot read lines: {error}")))
        .and_then(|builder| run::build(builder.terminal(terminal.clone())))
        .and_then(|runtime| Ok((runtime, run::executor()?)));
    let (runtime, executor) = match ready {
        Ok(ready) => ready,
        Err(exit) => return exit,
    };
    let mode = lines::Mode::current();
    let session = Session {
        runtime,
        script,
        terminal,
        is_interactive,
        has_deadline: config.limits.wall.is_some(),
    };
    let exit = executor.block_on(session.run());
    executor.shutdown_background();
    // Whoever ended it may have done so while a line was being edited.
    mode.restore();
    if let Some(learning) = learning {
        eprintln!("{}", run::learned(&learning.flags()));
    }
    exit
}

struct Session {
    runtime: Runtime,
    script: Script,
    terminal: Terminal,
    is_interactive: bool,
    has_deadline: bool,
}

impl Session {
    async fn run(self) -> Exit {
        let signals = match Signals::new() {
            Ok(signals) => signals,
            Err(error) => return fail(Exit::Failed, &format!("cannot wait for signals: {error}")),
        };
        tokio::select! {
            exit = self.sessions() => exit,
            exit = self.obey(signals) => exit,
        }
    }

    async fn sessions(&self) -> Exit {
        if self.is_interactive {
            let version = env!("CARGO_PKG_VERSION");
            super::say(format!("atoll {version}; Ctrl-C stops what runs, Ctrl-D ends\n"));
        }
        loop {
            match self.runtime.run_until(&self.script, &Stop::new()).await {
                Err(error @ (RunError::Limit(_) | RunError::Crashed(_)))
                    // One that is over before the first line would be over again.
                    if self.is_interactive && !self.has_deadline && self.terminal.was_asked() =>
                {
                    eprintln!("error: {error}\na new session begins: the globals of the last one are gone");
                }
                ended => return judge(ended),
            }
        }
    }

    /// Ctrl-C is for what runs. Where that does not hear, and where nobody types, it is for all.
    async fn obey(&self, mut signals: Signals) -> Exit {
        loop {
            match signals.next().await {
                Exit::Interrupted if self.is_interactive && !self.terminal.interrupt() => {}
                exit => return exit,
            }
        }
    }
}
