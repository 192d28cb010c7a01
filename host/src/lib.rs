//! Atoll runs Luau network scripts that nobody has to trust.
//!
//! A script runs in a Luau virtual machine inside a WebAssembly component. The only way out of it is a
//! set of WIT interfaces (`wit/`), which this crate implements and guards with capability permissions.
//! Data flows one way: `cli` → `config` → `runtime` → `bindings` → `net` → `permissions`.
//!
//! ```no_run
//! use atoll::{Permissions, Runtime, Script};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let runtime = Runtime::builder().permissions(Permissions::none()).build()?;
//! runtime.run(&Script::new("hello.luau", "print('hello')")).await?;
//! # Ok(())
//! # }
//! ```

mod app;
mod bindings;
pub mod cli;
mod config;
mod diagnostics;
mod functions;
#[cfg(test)]
mod fuzzing;
mod limits;
mod net;
pub mod observe;
pub mod permissions;
mod project;
mod runtime;

pub use app::AppError;
pub use diagnostics::{Excerpt, Mark, MarkKind};
pub use functions::{Function, Namespace};
pub use limits::{LimitError, Limits};
pub use net::dial::{Resolver, Resolving};
pub use net::guard::{Audit, Decider, Deciding, Decision, Learning, Question, Verdict};
pub use observe::{Access, AccessLog, Metrics, Usage};
pub use permissions::Permissions;
pub use project::Modules;
pub use runtime::{
    BuildError, Builder, Clock, Console, Event, Meter, Output, RunError, RunUsage, Runtime, Script,
    ScriptError, ScriptErrorKind, Sleeping, StandardConsole, Stop,
};

/// The recipe for embedders, so that it is compiled and run with the examples here.
#[cfg(doctest)]
#[doc = include_str!("../shared/recipes/embedding.md")]
struct Embedding;
