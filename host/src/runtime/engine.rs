//! The wasmtime engine: what is compiled how, and the clock that ends a guest that spins.

use std::path::PathBuf;
use std::time::Duration;

use wasmtime::{Cache, CacheConfig, Collector, Config, Engine, OptLevel};

use super::BuildError;
use crate::limits::Limits;

/// How often a running guest is interrupted: it gives way to the host's other tasks, and is ended where it has
/// run too long.
pub(super) const TICK: Duration = Duration::from_millis(5);

/// Native stack that the host's own functions need on top of the guest's.
const HOST_STACK: usize = 512 << 10;

/// An engine for the limits, with its compiled code kept in `cache`.
pub(super) fn new(limits: &Limits, cache: Option<PathBuf>) -> Result<Engine, BuildError> {
    let stack = usize::try_from(limits.stack).unwrap_or(usize::MAX);
    let mut config = Config::new();
    config
        .wasm_component_model_async(true)
        .wasm_exceptions(true)
        .epoch_interruption(true)
        .max_wasm_stack(stack)
        .async_stack_size(stack.saturating_add(HOST_STACK))
        // Exceptions live on this heap, and a script throws them at will: they must be freed.
        .collector(Collector::DeferredReferenceCounting)
        .cranelift_opt_level(OptLevel::Speed)
        // A trap discards the instance; its wasm frames would name only the virtual machine's own.
        .wasm_backtrace_max_frames(None);
    if let Some(folder) = cache {
        let cause = |cause: String| BuildError::Cache {
            folder: folder.clone(),
            cause,
        };
        std::fs::create_dir_all(&folder).map_err(|error| cause(error.to_string()))?;
        let mut settings = CacheConfig::new();
        settings.with_directory(&folder);
        config.cache(Some(
            Cache::new(settings).map_err(|error| cause(format!("{error:#}")))?,
        ));
    }
    Engine::new(&config).map_err(|error| BuildError::Engine(format!("{error:#}")))
}

/// Starts the engine's clock on an OS thread of its own, so that no task can hold it up. It ends with the engine.
pub(super) fn tick(engine: &Engine) -> std::io::Result<()> {
    let engine = engine.weak();
    std::thread::Builder::new()
        .name("atoll-epoch".to_owned())
        .spawn(move || {
            while let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(TICK);
            }
        })?;
    Ok(())
}
