//! What the WIT contract in `wit/` looks like from Rust; everything here is generated.
//!
//! The rest of the guest names the interfaces through this module.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    reason = "generated; the documentation is in the WIT files"
)]

wit_bindgen::generate!({ path: "../wit", world: "isolated-script" });

pub(crate) use atoll::net::{
    console, functions, http_client, http_server, modules, process, terminal, test, timer, types, websocket,
};
/// Lets the host go first.
pub(crate) use wit_bindgen::yield_async as give_way;
