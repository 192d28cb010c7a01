//! The guest's imports: one file per WIT interface, same stems. Each takes handles and WIT values, converts,
//! calls `net`, and converts back. A guest's mistake is an error code; only a corrupt handle traps.

mod console;
mod functions;
mod http_client;
mod http_server;
mod modules;
mod process;
mod terminal;
mod test;
mod timer;
mod types;
mod websocket;

use wasmtime::component::{HasSelf, Linker};

use crate::runtime::State;

/// What `bindgen!` makes of `wit/`.
pub(crate) mod generated {
    wasmtime::component::bindgen!({
        path: "shared/wit",
        world: "script",
        imports: {
            // The guest waits on its stack, so that `net.serve` need not yield; only an embedder's decision takes time.
            "atoll:net/http-server.[static]server.listen": async | trappable,
            // Whoever reads the output may be slow.
            "atoll:net/console.write-line": async | trappable,
            "atoll:net/console.report": async | trappable,
            "atoll:net/modules": async | trappable,
            default: trappable,
        },
        with: {
            "atoll:net/types.incoming-body": crate::bindings::types::IncomingBody,
            "atoll:net/types.outgoing-body": crate::bindings::types::OutgoingBody,
            "atoll:net/websocket.socket": crate::bindings::websocket::SocketHandle,
            "atoll:net/http-server.server": crate::bindings::http_server::ServerHandle,
            "atoll:net/http-server.exchange": crate::net::http_server::Exchange,
        },
    });
}

pub(crate) use generated::atoll::net::types as wit;
pub(crate) use http_server::ServerHandle;

/// Adds every interface of the world `script` to the linker.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    generated::Script::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
}
