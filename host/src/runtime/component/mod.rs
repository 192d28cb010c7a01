//! Makes components for other hosts than Atoll: ones of the world `wasi:http/proxy`, which answer requests with a script.
//!
//! The guest's second flavour is instantiated, runs the script's start, and what is then in its memory becomes part of the
//! component (`snapshot`). While it is built it has clocks and random numbers that are the same each time (`surroundings`), and its
//! words are kept; there is no network.

mod surroundings;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_compression::tokio::bufread::ZstdDecoder;
use tokio::io::AsyncReadExt;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, ResourceTable, ResourceType};
use wasmtime::{Store, StoreLimits, StoreLimitsBuilder, Trap, format_err};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use self::generated::Application;
use self::generated::exports::atoll::build::app;
use self::surroundings::{Calendar, Clock, Dice, Time};
use super::engine::Purpose;
use super::{BuildError, ScriptError, ScriptErrorKind, engine, snapshot};
use crate::diagnostics::{Source, Sources};
use crate::limits::{self, Limits};
use crate::project::Files;

/// The guest that imports WASI only: built from `guest/` by `cargo xtask guest`, compressed by `build.rs`.
const GUEST: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/atoll-wasi-http.wasm.zst"));

/// How long the script's start may take, waits included, unless the limits say otherwise.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes of each of the streams that are kept; what comes after is lost.
const WORDS: usize = 1 << 20;

/// Resources that `wasi:http` has of `wasi:io`.
const OF_IO: [&str; 4] = ["pollable", "input-stream", "output-stream", "io-error"];

/// What `bindgen!` makes of the guest's own interface.
mod generated {
    wasmtime::component::bindgen!({
        path: "shared/app.wit",
        world: "application",
        exports: { default: async },
    });
}

/// A component, and what its script said while it was built.
pub(crate) struct Built {
    /// The component's bytes; none with why there are none.
    pub(crate) component: Result<Vec<u8>, Unbuilt>,
    /// What it printed.
    pub(crate) out: Vec<u8>,
    /// What it warned of, and errors of its tasks.
    pub(crate) err: Vec<u8>,
}

/// Why there is no component.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unbuilt {
    /// The script's own error: it is the script's author's to mend.
    #[error(transparent)]
    Script(ScriptError),
    /// It ran, and is nothing that can answer requests.
    #[error("{0}")]
    Unfit(String),
    /// A limit ended it: the text names the limit, and how to raise it.
    #[error("{0}")]
    Limit(String),
    /// No engine, or not this guest.
    #[error(transparent)]
    Engine(#[from] BuildError),
    /// The virtual machine broke, or the script called `process.exit`.
    #[error(
        "the script's start broke down (where it called process.exit: a component can't be built of that): {0}"
    )]
    Crashed(String),
}

/// What a guest holds while it is built.
struct State {
    wasi: WasiCtx,
    table: ResourceTable,
    memory: StoreLimits,
    time: Time,
    dice: Dice,
}

impl State {
    fn clock(&mut self) -> Clock<'_> {
        Clock {
            time: &self.time,
            table: &mut self.table,
        }
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

/// The sources that an error of the script may be in; bytecode is none.
struct Texts<'a>(&'a Files);

impl Sources for Texts<'_> {
    fn source(&self, name: &str) -> Option<Arc<Source>> {
        let text = self.0.texts.get(name).filter(|_| !self.0.is_bytecode)?;
        Some(Arc::new(Source::new(text.clone())))
    }
}

/// Builds the component of a script. The guest's compiled code is kept in `cache`. `date` is what a script is told that asks
/// for it, since 1970; one that does not has the same component whenever it is built.
///
/// Needs a tokio runtime with time. Cancel safety: dropping the future gives the build up.
pub(crate) async fn build(files: &Files, limits: &Limits, cache: Option<PathBuf>, date: Duration) -> Built {
    let (out, err) = (MemoryOutputPipe::new(WORDS), MemoryOutputPipe::new(WORDS));
    let component = start(files, limits, cache, date, &out, &err).await;
    Built {
        component,
        out: out.contents().into(),
        err: err.contents().into(),
    }
}

async fn start(
    files: &Files,
    limits: &Limits,
    cache: Option<PathBuf>,
    date: Duration,
    out: &MemoryOutputPipe,
    err: &MemoryOutputPipe,
) -> Result<Vec<u8>, Unbuilt> {
    let engine = engine::new(limits, cache.as_deref(), Purpose::Scripts)?;
    engine::tick(&engine).map_err(|error| BuildError::Engine(error.to_string()))?;
    let broken = |error: wasmtime::Error| Unbuilt::Engine(BuildError::Engine(format!("{error:#}")));
    let mut guest = Vec::new();
    let read = ZstdDecoder::new(GUEST).read_to_end(&mut guest).await;
    read.map_err(|error| broken(error.into()))?;
    let plan = snapshot::Plan::of(&guest).map_err(broken)?;
    let guest = Component::new(&engine, plan.instrumented()).map_err(broken)?;
    let mut linker = Linker::new(&engine);
    wasmtime_wasi::p2::add_to_linker_proxy_interfaces_async(&mut linker).map_err(broken)?;
    surroundings::add_to_linker(&mut linker, State::clock, |state| &mut state.dice).map_err(broken)?;
    without_network(&mut linker, &guest).map_err(broken)?;
    let memory = usize::try_from(limits.memory).unwrap_or(usize::MAX);
    let time = Time::new(limits.run);
    let mut wasi = WasiCtx::builder();
    wasi.stdout(out.clone()).stderr(err.clone());
    wasi.wall_clock(Calendar::new(date, time.clone()));
    let mut store = Store::new(
        &engine,
        State {
            wasi: wasi.build(),
            table: ResourceTable::new(),
            memory: StoreLimitsBuilder::new().memory_size(memory).build(),
            time,
            dice: Dice::new(),
        },
    );
    store.limiter(|state| &mut state.memory);
    store.set_epoch_deadline(1);
    store.epoch_deadline_async_yield_and_update(1);
    let instance = linker
        .instantiate_async(&mut store, &guest)
        .await
        .map_err(broken)?;
    let program = program(files, limits)?;
    let started = async {
        let guest = Application::new(&mut store, &instance)?;
        guest.atoll_build_app().call_start(&mut store, &program).await
    };
    // The guest itself keeps to its patience, unless what runs never comes back to it.
    let longest = patience(limits) + limits.run + limits.grace;
    match tokio::time::timeout(longest, started).await {
        Err(_) => Err(Unbuilt::Limit(format!(
            "the script's start did not end within {longest:?}"
        ))),
        Ok(Err(error)) => Err(classify(&error, limits)),
        Ok(Ok(Err(app::Failure::Script(error)))) => {
            Err(Unbuilt::Script(ScriptError::from(error).locate(&Texts(files))))
        }
        Ok(Ok(Err(app::Failure::Unfit(why)))) => Err(Unbuilt::Unfit(why)),
        Ok(Ok(Ok(()))) => plan.take(&mut store, instance).await.map_err(broken),
    }
}

/// Defines the interfaces of `wasi:http`, of which nothing works: our guest calls none while it is built.
fn without_network(linker: &mut Linker<State>, guest: &Component) -> wasmtime::Result<()> {
    let engine = linker.engine().clone();
    for (name, import) in guest.component_type().imports(&engine) {
        let ComponentItem::ComponentInstance(interface) = import.ty else {
            continue;
        };
        if !name.starts_with("wasi:http/") {
            continue;
        }
        let mut instance = linker.instance(name)?;
        for (export, item) in interface.exports(&engine) {
            match item.ty {
                ComponentItem::ComponentFunc(_) => instance.func_new(export, |_, _, _, _| {
                    Err(format_err!("there is no network while a component is built"))
                })?,
                ComponentItem::Resource(_) if !OF_IO.contains(&export) => {
                    instance.resource(export, ResourceType::host::<()>(), |_, _| Ok(()))?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn program(files: &Files, limits: &Limits) -> Result<app::Program, Unbuilt> {
    let main = &files.main;
    let source = files.texts.get(main);
    let source = source.ok_or_else(|| Unbuilt::Unfit(format!("{main} is not among the files")))?;
    let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let file = |(path, text): (&String, &Arc<[u8]>)| app::File {
        path: path.clone(),
        content: text.to_vec(),
    };
    Ok(app::Program {
        name: main.clone(),
        source: source.to_vec(),
        script: main.clone(),
        files: files.texts.iter().map(file).collect(),
        links: files.links.clone().into_iter().collect(),
        compiled: files.is_bytecode,
        heap: limits.heap(),
        longest_run: nanoseconds(limits.run),
        parked: limits.parked,
        patience: nanoseconds(patience(limits)),
    })
}

fn patience(limits: &Limits) -> Duration {
    limits.wall.unwrap_or(PATIENCE)
}

/// What a trap means to the user.
fn classify(error: &wasmtime::Error, limits: &Limits) -> Unbuilt {
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => Unbuilt::Limit(format!(
            "the script needs more than {} of native stack (limit stack; raise it with --limit stack=SIZE)",
            limits::size(limits.stack)
        )),
        _ => Unbuilt::Crashed(format!("{error:#}")),
    }
}

impl From<app::ScriptError> for ScriptError {
    fn from(error: app::ScriptError) -> ScriptError {
        ScriptError {
            kind: match error.is_syntax {
                true => ScriptErrorKind::Syntax,
                false => ScriptErrorKind::Runtime,
            },
            origin: error.origin,
            message: error.message,
            trace: error.trace,
            excerpts: Vec::new(),
        }
    }
}
