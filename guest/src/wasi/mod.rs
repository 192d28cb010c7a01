//! The guest on hosts that are not Atoll: what `bindings.rs` is to the rest of it, on top of WASI 0.2 alone (feature
//! `wasi-http`).
//!
//! The names, types and functions are those that wit-bindgen makes of `wit/`, so that everything else is shared. [`app`]
//! has the two ways in: the start of a script, while its component is built, and a request. [`executor`] waits.

mod absent;
mod answer;
mod app;
mod body;
pub(crate) mod console;
mod decode;
mod executor;
mod fields;
pub(crate) mod http_client;
pub(crate) mod http_server;
pub(crate) mod modules;
pub(crate) mod random;
mod redirect;
pub(crate) mod timer;
pub(crate) mod types;
mod words;

pub(crate) use absent::{functions, process, terminal, test, websocket};
pub(crate) use app::keep_seeder;
pub(crate) use executor::give_way;
pub(crate) use types::{Mode, Program, ScriptError};
