//! The wasmtime engine: what is compiled how, and the clock that ends a guest that spins.

use std::path::Path;
use std::time::Duration;

use wasmtime::{Cache, CacheConfig, Collector, Config, Enabled, Engine, OptLevel, PoolingAllocationConfig};

use super::BuildError;
use super::state::TABLE_ELEMENTS;
use crate::limits::Limits;

/// How often a running guest is interrupted: it gives way to the host's other tasks, and is ended where it has
/// run too long.
pub(super) const TICK: Duration = Duration::from_millis(5);

/// Native stack that the host's own functions need on top of the guest's.
const HOST_STACK: usize = 512 << 10;

/// What an engine is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Instances that live as long as scripts do: each takes what it needs, and there may be any number.
    Scripts,
    /// Instances for a request each: `Limits::instances` of them have their places already.
    Requests,
}

/// An engine for the limits, with its compiled code kept in `cache`.
pub(super) fn new(limits: &Limits, cache: Option<&Path>, purpose: Purpose) -> Result<Engine, BuildError> {
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
    if purpose == Purpose::Requests {
        config.allocation_strategy(places(limits));
    }
    if let Some(folder) = cache {
        let cause = |cause: String| BuildError::Cache {
            folder: folder.to_owned(),
            cause,
        };
        std::fs::create_dir_all(folder).map_err(|error| cause(error.to_string()))?;
        let mut settings = CacheConfig::new();
        settings.with_directory(folder);
        config.cache(Some(
            Cache::new(settings).map_err(|error| cause(format!("{error:#}")))?,
        ));
    }
    Engine::new(&config).map_err(|error| BuildError::Engine(format!("{error:#}")))
}

/// Core modules in the component of a guest, each with a table at most: Luau, WASI's adapter, and what ties them together.
const MODULES: u32 = 8;

/// Stacks beside one for each instance: a few may need a second one for a moment.
const MORE_STACKS: u32 = 64;

/// Bytes of a place that are kept, and made clean by copying, where that is cheaper than asking the system for clean ones.
const KEPT: usize = 1 << 20;

/// Places for instances.
fn places(limits: &Limits) -> PoolingAllocationConfig {
    let instances = limits.instances;
    let mut places = PoolingAllocationConfig::new();
    places
        .total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(MODULES))
        .total_tables(instances.saturating_mul(MODULES))
        .table_elements(TABLE_ELEMENTS)
        // The heap of exceptions is one, too.
        .total_memories(instances.saturating_mul(2))
        .max_memory_size(usize::try_from(limits.memory).unwrap_or(usize::MAX))
        .total_gc_heaps(instances)
        .total_stacks(instances.saturating_add(MORE_STACKS))
        .linear_memory_keep_resident(KEPT)
        .table_keep_resident(KEPT)
        .async_stack_keep_resident(KEPT)
        .pagemap_scan(Enabled::Auto);
    places
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
