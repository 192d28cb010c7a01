//! The Rust half of the `net` library.
//!
//! Called by `vm.rs` once; `prelude/net.luau` calls the natives. Permissions and sockets are the host's.

pub(crate) mod error;
mod handler;
pub(crate) mod head;
pub(crate) mod header;
mod intake;
mod percent;
mod pieces;
mod reply;
mod request;
mod request_options;
mod serve;
mod serve_options;
mod socket;
mod target;
mod websocket;
mod websocket_options;

use std::cell::RefCell;
use std::rc::Rc;

use mlua::{Function, Lua, Table};

use crate::heap::Heap;
use crate::scheduler::Scheduler;
use handler::Handlers;
use intake::Intake;
#[cfg(feature = "wasi-http")]
pub(crate) use intake::stated_length;
pub(crate) use serve::Servers;

/// The part of the Luau heap's size that contents on their way in may take beside it.
const INTAKE_SHARE: u64 = 6;

/// What waits for functions of the prelude, which needs the natives first.
pub(crate) struct Waiting {
    handlers: Rc<Handlers>,
    sockets: Rc<websocket::Site>,
}

impl Waiting {
    /// Hands over the prelude's functions; called once, before the script runs.
    pub(crate) fn set_drivers(&self, handle_request: Function, deliver: Function) {
        self.handlers.set_driver(handle_request);
        *self.sockets.deliver.borrow_mut() = Some(deliver);
    }
}

/// Adds the natives of `net`.
///
/// # Errors
///
/// When the Luau heap is full.
pub(crate) fn install(
    lua: &Lua,
    natives: &Table,
    scheduler: &Scheduler,
    heap: &Rc<Heap>,
    servers: &Rc<Servers>,
) -> mlua::Result<Waiting> {
    let intake = Rc::new(Intake::new(heap.limit() as u64 / INTAKE_SHARE));
    let handlers = Rc::new(Handlers::new(heap.clone()));
    let sockets = Rc::new(websocket::Site {
        lua: lua.clone(),
        scheduler: scheduler.clone(),
        intake: intake.clone(),
        deliver: RefCell::new(None),
        words: websocket::Words::new(lua)?,
    });
    percent::install(lua, natives, heap)?;
    request::install(lua, natives, scheduler, &intake)?;
    pieces::install(lua, natives, scheduler)?;
    reply::install(lua, natives)?;
    serve::install(lua, natives, &intake, &handlers, &sockets, servers)?;
    socket::install(lua, natives, &sockets)?;
    Ok(Waiting { handlers, sockets })
}
