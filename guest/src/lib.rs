//! The guest of Atoll: a WebAssembly component that runs one Luau program.
//!
//! The host calls [`run`](bindings::Guest::run). Everything that the program can reach outside of its own
//! memory is an import in `wit/`; this crate turns those into the libraries that scripts see, and
//! decides nothing about permissions. With the feature `wasi-http` the imports are WASI's, and `wasi/` stands in for those.
//!
//! Reading order: [`vm`] builds the virtual machine, [`scheduler`] parks and resumes coroutines,
//! [`prelude`] is the Luau half of every function that waits or throws; [`task`], [`net`], [`require`], [`json`], [`base64`], [`crypto`], [`functions`] and
//! [`process`] are the Rust halves.

mod base64;
mod base64_options;
#[cfg_attr(feature = "wasi-http", path = "wasi/mod.rs")]
mod bindings;
mod console;
mod content;
mod crypto;
mod fields;
mod functions;
mod heap;
#[cfg(not(feature = "wasi-http"))]
mod isolation;
mod json;
mod net;
mod prelude;
mod problem;
mod process;
mod require;
mod safepoint;
mod scheduler;
mod session;
mod slice;
mod source;
mod task;
mod test;
mod vm;
#[cfg(any(test, feature = "wasi-http"))]
#[cfg_attr(
    not(feature = "wasi-http"),
    allow(dead_code, reason = "the other component needs it")
)]
mod wire;

#[cfg(not(feature = "wasi-http"))]
mod component {
    use crate::bindings::exports::atoll::net::isolation::Guest as IsolationGuest;
    use crate::bindings::http_server::Server;
    use crate::bindings::{self, Program, ScriptError};
    use crate::{isolation, vm};

    struct Component;

    impl bindings::Guest for Component {
        async fn run(program: Program) -> Result<(), ScriptError> {
            vm::run(program).await
        }
    }

    impl IsolationGuest for Component {
        async fn prepare(program: Program) -> Result<Vec<Server>, ScriptError> {
            isolation::prepare(program).await
        }

        async fn resume(servers: Vec<Server>) -> Result<(), ScriptError> {
            isolation::resume(servers).await
        }
    }

    bindings::export!(Component with_types_in bindings);
}
