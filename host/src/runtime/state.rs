//! What one store holds besides the guest: the services that its imports call, and its bounds.

use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::join_all;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;
use wasmtime::ResourceLimiter;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::chunks::Chunks;
use super::clock::{Clock, TimeOfDay};
use super::meter::Meter;
use super::turns::Pulse;
use super::{Console, Script, Shared, Terminal, TestLog};
use crate::functions::Functions;
use crate::limits::Limits;
use crate::net::dial::Dialer;
use crate::net::error::Error;
use crate::net::http_client::{Client, Flights};
use crate::net::http_server::Closer;
use crate::net::listen::Listeners;
use crate::net::websocket::Connector;
use crate::observe::{Admitted, LogRate, MEMORY, Observer};
use crate::project::Project;

/// Bytes kept of what the guest's libc says on its way down (a panic's message).
const LAST_WORDS: usize = 4 << 10;

/// Elements that the guest's tables may have, all of them together.
pub(super) const TABLE_ELEMENTS: usize = 100_000;

/// What the instances of one run share, those that follow one another and those that live at once.
#[derive(Clone)]
pub(super) struct Run {
    /// The sources that errors are in, and what can be required.
    pub(super) chunks: Arc<Chunks>,
    log_rate: Arc<LogRate>,
}

impl Run {
    pub(super) fn new(script: &Script, limits: &Limits) -> Run {
        let project = Arc::new(script.project(limits));
        Run {
            chunks: Arc::new(Chunks::new(script, project)),
            log_rate: Arc::new(LogRate::new(limits.log_lines)),
        }
    }
}

impl Run {
    /// Whether one more line may go to standard error.
    pub(super) fn may_warn(&self) -> bool {
        matches!(self.log_rate.admit(), Admitted::Yes { .. })
    }
}

/// The data of one store.
pub(crate) struct State {
    /// Handles that the guest holds.
    pub(crate) table: ResourceTable,
    /// How many of them there are.
    handles: u32,
    /// Told what happens, for all instances of the runtime.
    pub(crate) observer: Arc<Observer>,
    /// How it stands with its time.
    pub(crate) pulse: Pulse,
    /// Binds its servers.
    pub(crate) listeners: Listeners,
    /// Its bounds.
    pub(crate) limits: Arc<Limits>,
    /// The sources that its errors are in.
    pub(crate) chunks: Arc<Chunks>,
    /// Where its output goes.
    pub(crate) console: Arc<dyn Console>,
    /// Where it gets the lines of a session.
    pub(crate) terminal: Option<Terminal>,
    /// Where it tells of its tests, where it is to have some.
    pub(crate) tests: Option<Arc<dyn TestLog>>,
    /// Bounds what the script writes to standard error.
    pub(crate) log_rate: Arc<LogRate>,
    /// What it may call of the embedder's.
    pub(crate) functions: Functions,
    /// Places for such calls.
    pub(crate) function_places: Arc<Semaphore>,
    /// Its time.
    pub(crate) clock: Arc<dyn Clock>,
    /// The files that it may read.
    pub(crate) project: Arc<Project>,
    /// Sends its requests.
    pub(crate) client: Arc<Client>,
    /// Those that are under way.
    pub(crate) flights: Arc<Flights>,
    /// Opens its WebSockets.
    pub(crate) connector: Arc<Connector>,
    /// Places for waits under way.
    pub(crate) waits: Arc<Semaphore>,
    /// Places for calls of any kind that wait on the host.
    calls: Arc<Semaphore>,
    /// KiB of request content that may be held for it.
    pub(crate) request_buffer: Arc<Semaphore>,
    /// KiB of its content that may be held for peers that are slow to take it.
    pub(crate) send_buffer: Arc<Semaphore>,
    /// Places for servers; each is taken until the last connection of its server has ended.
    pub(crate) server_places: Arc<Semaphore>,
    /// Its servers, to be closed from outside.
    pub(crate) servers: Servers,
    /// Bounds its memory.
    pub(super) memory: Memory,
    /// What its libc needs to start.
    wasi: WasiCtx,
}

impl State {
    /// A state for one run; `last_words` receives what the guest's libc writes, `sockets` runs the WebSockets that it opens.
    pub(super) fn new(
        shared: &Shared,
        script: &Script,
        run: &Run,
        servers: Servers,
        sockets: TaskTracker,
        last_words: &LastWords,
        pulse: Pulse,
    ) -> State {
        let limits = shared.limits.clone();
        let dialer = Dialer::new(shared.guard.clone(), shared.resolver.clone(), limits.dns);
        let (dialer, trust) = (Arc::new(dialer), shared.trust.clone());
        let outgoing = Arc::new(Semaphore::new(limits.outgoing as usize));
        State {
            table: ResourceTable::new(),
            handles: 0,
            observer: shared.observer.clone(),
            pulse,
            listeners: Listeners::new(shared.guard.clone(), shared.kept.clone()),
            console: shared.console.clone(),
            terminal: shared.terminal.clone(),
            tests: shared.tests.clone(),
            log_rate: run.log_rate.clone(),
            functions: Functions::of(&shared.functions, &script.functions),
            function_places: Arc::new(Semaphore::new(limits.functions as usize)),
            clock: shared.clock.clone(),
            project: run.chunks.project.clone(),
            chunks: run.chunks.clone(),
            client: Arc::new(Client::new(
                dialer.clone(),
                trust.clone(),
                outgoing.clone(),
                limits.clone(),
            )),
            flights: Arc::default(),
            connector: Arc::new(Connector::new(dialer, trust, outgoing, limits.clone(), sockets)),
            waits: Arc::new(Semaphore::new(limits.parked as usize)),
            calls: Arc::new(Semaphore::new(limits.calls())),
            send_buffer: kibibytes(limits.send_buffer),
            request_buffer: kibibytes(limits.request_buffer),
            server_places: Arc::new(Semaphore::new(limits.servers as usize)),
            servers,
            memory: Memory {
                observer: shared.observer.clone(),
                meter: script.meter.clone(),
                used: 0,
                elements: 0,
                limit: limits.memory,
                denied: false,
            },
            wasi: WasiCtx::builder()
                .stderr(last_words.0.clone())
                .wall_clock(TimeOfDay(shared.clock.clone()))
                .build(),
            limits,
        }
    }

    /// A place for a call that waits, for as long as it does. Our guest never needs more than there are: who does has
    /// taken it over, and traps.
    pub(crate) fn enter(&self) -> wasmtime::Result<OwnedSemaphorePermit> {
        let place = self.calls.clone().try_acquire_owned();
        place.map_err(|_| {
            wasmtime::Error::msg(
                "more calls wait on the host than the limits parked and handles leave room for",
            )
        })
    }

    /// The limit called `name`, which stands at `value`, was met.
    pub(crate) fn limit(&self, name: &'static str, value: impl Display, what: &str) -> Error {
        self.observer.limit_hit(name);
        Error::limit(name, value, what)
    }

    /// Hands the guest a resource, within the limit.
    pub(crate) fn push<T: Send + 'static>(&mut self, resource: T) -> Result<Resource<T>, Error> {
        let full = |state: &State| {
            let most = state.limits.handles;
            state.limit("handles", most, "too many host resources are held")
        };
        if self.handles >= self.limits.handles {
            return Err(full(self));
        }
        let pushed = self.table.push(resource);
        let handle = pushed.map_err(|_| full(self))?;
        self.handles += 1;
        self.observer.counters().gauges.handle_given();
        Ok(handle)
    }

    /// Whether the guest holds nothing of the host's.
    pub(super) fn is_free(&self) -> bool {
        self.handles == 0
    }

    /// Takes a resource back from the guest. A handle that is not one is a corrupt guest: it traps.
    pub(crate) fn take<T: Send + 'static>(&mut self, handle: Resource<T>) -> wasmtime::Result<T> {
        let resource = self.table.delete(handle)?;
        self.handles = self.handles.saturating_sub(1);
        self.observer.counters().gauges.handle_taken();
        Ok(resource)
    }
}

/// Places for so many bytes, a place for each KiB.
fn kibibytes(bytes: u64) -> Arc<Semaphore> {
    let places = usize::try_from(bytes >> 10).unwrap_or(usize::MAX);
    Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS)))
}

impl Drop for State {
    fn drop(&mut self) {
        let gauges = &self.observer.counters().gauges;
        gauges.instance_ended(self.handles.into(), self.memory.used);
        self.memory.meter.instance_ended(self.memory.used);
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

/// What the guest's libc wrote to its standard error, as far as it is kept.
#[derive(Clone)]
pub(super) struct LastWords(MemoryOutputPipe);

impl LastWords {
    pub(super) fn new() -> LastWords {
        LastWords(MemoryOutputPipe::new(LAST_WORDS))
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.contents()).trim().to_owned()
    }
}

/// The servers of one run.
#[derive(Clone, Default)]
pub(crate) struct Servers(Arc<Mutex<Vec<Closer>>>);

impl Servers {
    /// Remembers a server, and forgets those that are gone.
    pub(crate) fn add(&self, server: Closer) {
        let mut servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        servers.retain(Closer::is_there);
        servers.push(server);
    }

    /// Whether a server accepts connections.
    pub(super) fn any_open(&self) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .any(Closer::is_open)
    }

    /// Waits until nothing is left of those that were dropped.
    pub(super) async fn ended(&self) {
        let servers = self.all();
        join_all(servers.iter().map(Closer::ended)).await;
    }

    /// Closes all of them and waits for the requests under way, within the limit.
    pub(super) async fn close(&self) {
        let servers = self.all();
        join_all(servers.iter().map(Closer::close)).await;
    }

    fn all(&self) -> Vec<Closer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Counts the linear memory (and the exceptions' heap) of one instance, and its tables.
pub(super) struct Memory {
    observer: Arc<Observer>,
    meter: Meter,
    used: u64,
    elements: usize,
    limit: u64,
    /// Whether it was ever refused more: a trap that follows is its doing.
    pub(super) denied: bool,
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let used = self.used - (current as u64).min(self.used) + desired as u64;
        if used > self.limit {
            self.denied = true;
            self.observer.limit_hit(MEMORY);
            return Ok(false);
        }
        let gauges = &self.observer.counters().gauges;
        gauges.memory_changed(self.used, used);
        self.meter.memory_changed(self.used, used);
        self.used = used;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let elements = (self.elements - current.min(self.elements)).saturating_add(desired);
        if elements > TABLE_ELEMENTS {
            return Ok(false);
        }
        self.elements = elements;
        Ok(true)
    }
}

/// WASI's interfaces for the guest's libc: clocks, random numbers, and empty streams, environment and folders.
///
/// Interface by interface, so that those that reach out (sockets, names) are absent and not only refused.
pub(super) fn add_wasi_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    use wasmtime_wasi::cli::{WasiCli, WasiCliView};
    use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
    use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView};
    use wasmtime_wasi::p2::bindings::{cli, clocks, filesystem, io, random};
    use wasmtime_wasi::random::WasiRandom;

    struct Table;
    impl HasData for Table {
        type Data<'a> = &'a mut ResourceTable;
    }
    io::error::add_to_linker::<State, Table>(linker, |state| &mut state.table)?;
    io::poll::add_to_linker::<State, Table>(linker, |state| &mut state.table)?;
    io::streams::add_to_linker::<State, Table>(linker, |state| &mut state.table)?;
    clocks::wall_clock::add_to_linker::<State, WasiClocks>(linker, WasiClocksView::clocks)?;
    clocks::monotonic_clock::add_to_linker::<State, WasiClocks>(linker, WasiClocksView::clocks)?;
    random::random::add_to_linker::<State, WasiRandom>(linker, |state| state.ctx().ctx.random())?;
    filesystem::types::add_to_linker::<State, WasiFilesystem>(linker, WasiFilesystemView::filesystem)?;
    filesystem::preopens::add_to_linker::<State, WasiFilesystem>(linker, WasiFilesystemView::filesystem)?;
    cli::environment::add_to_linker::<State, WasiCli>(linker, WasiCliView::cli)?;
    cli::exit::add_to_linker::<State, WasiCli>(linker, WasiCliView::cli)?;
    cli::stdin::add_to_linker::<State, WasiCli>(linker, WasiCliView::cli)?;
    cli::stdout::add_to_linker::<State, WasiCli>(linker, WasiCliView::cli)?;
    cli::stderr::add_to_linker::<State, WasiCli>(linker, WasiCliView::cli)?;
    cli::terminal_input::add_to_linker::<State, WasiCli>(linker, WasiCliView::cli)?;
    cli::terminal_output::add_to_linker::<State, WasiCli>(linker, WasiCliView::cli)?;
    cli::terminal_stdin::add_to_linker::<State, WasiCli>(linker, WasiCliView::cli)?;
    cli::terminal_stdout::add_to_linker::<State, WasiCli>(linker, WasiCliView::cli)?;
    cli::terminal_stderr::add_to_linker::<State, WasiCli>(linker, WasiCliView::cli)?;
    Ok(())
}
