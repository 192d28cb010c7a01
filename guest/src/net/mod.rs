//! The Rust half of the `net` library.
//!
//! Called by `vm.rs` once; `prelude/net.luau` calls the natives. Permissions and sockets are the host's.

pub(crate) mod error;
mod handler;
mod header;
mod intake;
mod reply;
mod request;
mod request_options;
mod serve;
mod serve_options;
mod target;

use std::rc::Rc;

use mlua::{Lua, Table};

use crate::scheduler::Scheduler;
use handler::Handlers;
use intake::Intake;

/// The part of the Luau heap's size that contents on their way in may take beside it.
const INTAKE_SHARE: u64 = 6;

/// Adds the natives of `net`, for a Luau heap of `heap` bytes.
///
/// # Errors
///
/// When the Luau heap is full.
pub(crate) fn install(
    lua: &Lua,
    natives: &Table,
    scheduler: &Scheduler,
    heap: u64,
) -> mlua::Result<Rc<Handlers>> {
    let intake = Rc::new(Intake::new(heap / INTAKE_SHARE));
    let handlers = Rc::new(Handlers::default());
    request::install(lua, natives, scheduler, &intake)?;
    reply::install(lua, natives)?;
    serve::install(lua, natives, scheduler, &intake, &handlers)?;
    Ok(handlers)
}
