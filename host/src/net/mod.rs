//! Network services that know nothing of wasmtime. `bindings` calls them.
//!
//! `dial` is the only way out and `listen` the only way in, each past `guard`; everything else runs over the streams
//! that these two hand out.

pub(crate) mod body;
pub(crate) mod decode;
pub(crate) mod dial;
pub(crate) mod error;
pub(crate) mod exporter;
pub(crate) mod guard;
pub(crate) mod headers;
pub(crate) mod http_client;
pub(crate) mod http_server;
pub(crate) mod kept;
pub(crate) mod listen;
pub(crate) mod ports;
pub(crate) mod redirect;
pub(crate) mod stream;
pub(crate) mod tls;
pub(crate) mod websocket;
