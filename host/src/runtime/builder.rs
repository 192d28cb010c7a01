//! How a [`Runtime`] comes about: what the embedder chose, checked, with the guest compiled once.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use super::clock::SystemClock;
use super::engine::Purpose;
use super::guests::Guests;
use super::turns::Turns;
use super::{Clock, Console, Runtime, Shared, StandardConsole, Terminal, engine};
use crate::functions::Namespace;
use crate::limits::Limits;
use crate::net::dial::{Resolver, SystemResolver};
use crate::net::error::CODES;
use crate::net::guard::{Audit, Decider, Guard, Learning};
use crate::observe::{AccessLog, Observer};
use crate::permissions::Permissions;

/// The component that holds the Luau virtual machine: built from `guest/` by `cargo xtask guest`.
pub(crate) const GUEST: &[u8] = include_bytes!("../../shared/prebuilt/atoll-guest.wasm");

/// Collects what a [`Runtime`] is made of.
#[derive(Default)]
pub struct Builder {
    permissions: Option<Permissions>,
    learning: Option<Learning>,
    decider: Option<Arc<dyn Decider>>,
    audit: Option<Arc<dyn Audit>>,
    limits: Limits,
    console: Option<Arc<dyn Console>>,
    resolver: Option<Arc<dyn Resolver>>,
    access_log: Option<Arc<dyn AccessLog>>,
    functions: Vec<Namespace>,
    clock: Option<Arc<dyn Clock>>,
    cache: Option<PathBuf>,
    guest: Option<Vec<u8>>,
    terminal: Option<Terminal>,
}

/// Why there is no runtime.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The cache folder can't be used; run without one, or choose another.
    #[error("cannot use the cache folder {folder}: {cause}", folder = .folder.display())]
    Cache {
        /// The folder.
        folder: PathBuf,
        /// What the system or wasmtime says.
        cause: String,
    },
    /// wasmtime refuses this machine, these limits or this guest.
    #[error("cannot prepare the WebAssembly engine: {0}")]
    Engine(String),
}

impl Builder {
    /// What scripts may do; nothing, unless this is called.
    pub fn permissions(mut self, permissions: Permissions) -> Builder {
        self.permissions = Some(permissions);
        self
    }

    /// Runs openly, and notes which permissions were missing: in place of `permissions`. Metadata addresses stay closed.
    pub fn learn(mut self, learning: &Learning) -> Builder {
        self.learning = Some(learning.clone());
        self
    }

    /// Asks this policy as well about everything that the permissions allow. Connections are then not kept for later
    /// requests, so that each one is decided anew.
    pub fn decider(mut self, decider: impl Decider + 'static) -> Builder {
        self.decider = Some(Arc::new(decider));
        self
    }

    /// Records every decision; by nobody, unless this is called.
    pub fn audit(mut self, audit: impl Audit + 'static) -> Builder {
        self.audit = Some(Arc::new(audit));
        self
    }

    /// Records every request of servers that is over; by nobody, unless this is called.
    pub fn access_log(mut self, log: impl AccessLog + 'static) -> Builder {
        self.access_log = Some(Arc::new(log));
        self
    }

    /// The bounds of each run.
    pub fn limits(mut self, limits: Limits) -> Builder {
        self.limits = limits;
        self
    }

    /// Where output, errors and events go; the process's own streams, unless this is called.
    pub fn console(mut self, console: impl Console + 'static) -> Builder {
        self.console = Some(Arc::new(console));
        self
    }

    /// How names are resolved; by the system, unless this is called.
    pub fn resolver(mut self, resolver: impl Resolver + 'static) -> Builder {
        self.resolver = Some(Arc::new(resolver));
        self
    }

    /// Lets every script of the runtime call these functions: registering is granting. Where a script has a namespace of the same
    /// name [of its own](super::Script::functions), that one counts.
    pub fn functions(mut self, namespace: Namespace) -> Builder {
        self.functions.push(namespace);
        self
    }

    /// Tells scripts the time; the system's, unless this is called.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Builder {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Runs this component of the world `script` (`wit/world.wit`) in place of the Luau machine that Atoll brings. It may do
    /// as it likes: permissions and limits are the host's. [Apps](super::Script::from_app) still run in the guests that they
    /// bring.
    pub fn guest(mut self, component: impl Into<Vec<u8>>) -> Builder {
        self.guest = Some(component.into());
        self
    }

    /// Keeps the compiled guest in this folder, so that the next process need not compile it.
    ///
    /// Whoever can write to the folder can run code in this process: it must be the user's own.
    pub fn cache(mut self, folder: impl Into<PathBuf>) -> Builder {
        self.cache = Some(folder.into());
        self
    }

    /// Where the lines of sessions come from.
    pub(crate) fn terminal(mut self, terminal: Terminal) -> Builder {
        self.terminal = Some(terminal);
        self
    }

    /// Compiles the guest: seconds without a cache, milliseconds with one.
    pub fn build(self) -> Result<Runtime, BuildError> {
        let engine = engine::new(&self.limits, self.cache.as_deref(), Purpose::Scripts)?;
        let guest = self.guest.map_or(Bytes::from_static(GUEST), Bytes::from);
        let guests = Guests::new(&engine, guest).map_err(|error| BuildError::Engine(format!("{error:#}")))?;
        engine::tick(&engine).map_err(|error| BuildError::Engine(error.to_string()))?;
        let observer = Observer::new(CODES, self.limits.log_lines, self.access_log);
        let observer = Arc::new(observer);
        Ok(Runtime {
            shared: Arc::new(Shared {
                engine,
                guests,
                guard: Guard {
                    permissions: Arc::new(self.permissions.unwrap_or_else(Permissions::none)),
                    learning: self.learning,
                    decider: self.decider,
                    audit: self.audit,
                    patience: self.limits.decision,
                    observer: observer.clone(),
                },
                limits: Arc::new(self.limits),
                console: self.console.unwrap_or_else(|| Arc::new(StandardConsole)),
                functions: self.functions.into(),
                clock: self.clock.unwrap_or_else(|| Arc::new(SystemClock::new())),
                tests: None,
                resolver: self
                    .resolver
                    .unwrap_or_else(|| Arc::new(SystemResolver::default())),
                terminal: self.terminal,
                kept: None,
                trust: Arc::default(),
                observer,
                turns: Turns::new(),
            }),
        })
    }
}
