//! Loads the Luau half of the libraries, the files in `prelude/`.
//!
//! Called by `vm.rs` once, before the sandbox is closed. `core.luau` says how natives and these files work together.

use mlua::{ChunkMode, Function, Lua, Table};

use crate::scheduler::Drivers;

/// What stack traces call the prelude, so that its frames can be left out of them.
pub(crate) const NAME: &str = "[atoll]";

/// What Rust needs of the loaded prelude.
pub(crate) struct Libraries {
    /// Resume coroutines.
    pub(crate) drivers: Drivers,
    /// Runs a request's handler: `handle_request(handler, recover, exchange, is_upgrade, head, fields, query, body)`.
    pub(crate) handle_request: Function,
    /// Runs a WebSocket's handlers: `deliver(websocket)`.
    pub(crate) deliver: Function,
    /// Runs what is typed, to the end of the input.
    pub(crate) session: Function,
}

/// Sets the globals of scripts.
///
/// # Errors
///
/// When the Luau heap is full.
pub(crate) fn load(lua: &Lua, natives: &Table) -> mlua::Result<Libraries> {
    let values: Table = chunk(lua, include_str!("prelude/values.luau"))?.call(())?;
    let core: Table = chunk(lua, include_str!("prelude/core.luau"))?.call(natives)?;
    let task: Table = chunk(lua, include_str!("prelude/task.luau"))?.call((natives, &core))?;
    let (connect, deliver): (Function, Function) =
        chunk(lua, include_str!("prelude/websocket.luau"))?.call((natives, &core))?;
    let (net, handle_request): (Table, Function) =
        chunk(lua, include_str!("prelude/net.luau"))?.call((natives, &core, connect))?;
    let libraries: Table = chunk(lua, include_str!("prelude/libraries.luau"))?.call((natives, &core))?;
    libraries.raw_set("net", net)?;
    libraries.raw_set("task", task)?;
    chunk(lua, include_str!("prelude/globals.luau"))?.call::<()>((natives, &values, &libraries))?;
    chunk(lua, include_str!("prelude/require.luau"))?.call::<()>((natives, &core, libraries))?;
    Ok(Libraries {
        drivers: Drivers {
            wake: core.raw_get("wake")?,
            drive: core.raw_get("drive")?,
        },
        handle_request,
        deliver,
        session: chunk(lua, include_str!("prelude/session.luau"))?.call((natives, &core, values))?,
    })
}

fn chunk(lua: &Lua, source: &str) -> mlua::Result<Function> {
    lua.load(source)
        .set_name(format!("={NAME}"))
        .set_mode(ChunkMode::Text)
        .into_function()
}
