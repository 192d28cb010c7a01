//! Runs scripts: one engine and one compiled guest, shared; one store per script, thrown away after it.
//!
//! `cli` and embedders call it. It knows wasmtime and never Luau; what a script may do is decided below, in
//! `bindings`, `net` and `permissions`.

mod builder;
mod chunks;
mod clock;
pub(crate) mod component;
mod console;
mod engine;
mod guests;
mod instance;
mod isolation;
mod meter;
mod script;
mod snapshot;
mod state;
mod stop;
mod terminal;
mod tests;
mod turns;
mod worker;

use std::sync::Arc;

use wasmtime::Engine;

pub(crate) use builder::GUEST;
pub use builder::{BuildError, Builder};
pub use clock::{Clock, Sleeping};
pub(crate) use console::tell;
pub use console::{Console, Event, Output, StandardConsole};
pub(crate) use instance::Exited;
pub use instance::RunError;
pub use meter::{Meter, RunUsage};
pub use script::{Script, ScriptError, ScriptErrorKind};
pub(crate) use state::State;
pub use stop::Stop;
pub(crate) use terminal::{Asked, Input, Terminal};
pub(crate) use tests::{Fate, Schedule, TestCase, TestLog};

use crate::functions::Namespace;
use crate::limits::Limits;
use crate::net::dial::Resolver;
use crate::net::guard::Guard;
use crate::net::kept::Kept;
use crate::net::tls::Trust;
use crate::observe::{Metrics, Observer, Usage};

/// Runs scripts under one set of permissions and limits. Cheap to clone; `Send` and `Sync`.
///
/// Two runtimes in one process share nothing.
#[derive(Clone)]
pub struct Runtime {
    shared: Arc<Shared>,
}

/// What every run of one runtime starts from.
#[derive(Clone)]
struct Shared {
    engine: Engine,
    guests: guests::Guests,
    guard: Guard,
    limits: Arc<Limits>,
    console: Arc<dyn Console>,
    functions: Arc<[Namespace]>,
    clock: Arc<dyn Clock>,
    tests: Option<Arc<dyn TestLog>>,
    resolver: Arc<dyn Resolver>,
    terminal: Option<Terminal>,
    kept: Option<Kept>,
    trust: Arc<Trust>,
    observer: Arc<Observer>,
    turns: turns::Turns,
}

impl Runtime {
    /// A runtime to be: nothing is allowed, every limit has its default.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The same, with the words of scripts and what becomes of their tests kept in `log`.
    pub(crate) fn for_tests<L: TestLog + Console + 'static>(&self, log: &Arc<L>) -> Runtime {
        let shared = Shared {
            console: log.clone(),
            tests: Some(log.clone()),
            ..Shared::clone(&self.shared)
        };
        Runtime {
            shared: Arc::new(shared),
        }
    }

    /// What the runs under way hold right now.
    pub fn usage(&self) -> Usage {
        self.metrics().usage
    }

    /// What was counted since the runtime was built, over all runs.
    pub fn metrics(&self) -> Metrics {
        self.shared.observer.counters().read()
    }

    /// Runs the script until nothing is left for it to wait for.
    ///
    /// A server that a limit ends starts afresh, at most five times a minute. Needs a tokio runtime with IO
    /// and time. Cancel safety: dropping the future ends the script at once.
    pub async fn run(&self, script: &Script) -> Result<(), RunError> {
        self.run_until(script, &Stop::new()).await
    }

    /// As [`run`](Runtime::run), until `stop` is told: then servers stop accepting, the requests under way are
    /// finished within the `drain` limit, and the script is ended.
    pub async fn run_until(&self, script: &Script, stop: &Stop) -> Result<(), RunError> {
        self.run_seated(script, stop).await.map(drop)
    }

    /// The same for one of several workers, or for one run of several: with its sockets in `kept`. Only the first worker tells
    /// of its servers, as all have the same.
    pub(crate) fn seated(&self, kept: &Kept, is_first: bool) -> Runtime {
        let mut shared = Shared::clone(&self.shared);
        shared.kept = Some(kept.clone());
        // They have processors of their own.
        shared.turns = turns::Turns::new();
        if !is_first {
            shared.console = Arc::new(console::Discreet(shared.console));
        }
        Runtime {
            shared: Arc::new(shared),
        }
    }

    /// As [`run_until`](Runtime::run_until); true where the script ended the program, and well.
    pub(crate) async fn run_seated(&self, script: &Script, stop: &Stop) -> Result<bool, RunError> {
        worker::run(&self.shared, script, stop).await
    }
}
