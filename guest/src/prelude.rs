//! Loads the Luau half of the libraries, the files in `prelude/`.
//!
//! Called by `vm.rs` once, before the sandbox is closed. `core.luau` says how natives and these files work together.

use mlua::{ChunkMode, Function, Lua, Table, Value};

use crate::bindings::Mode;
use crate::scheduler::Drivers;

/// What stack traces call the prelude, so that its frames can be left out of them.
pub(crate) const NAME: &str = "[atoll]";

/// What Rust needs of the loaded prelude.
pub(crate) struct Libraries {
    /// Resume coroutines.
    pub(crate) drivers: Drivers,
    /// Runs a request's handler: `handle_request(handler, recover, exchange, is_upgrade, head, path, query, body)`.
    pub(crate) handle_request: Function,
    /// Runs a WebSocket's handlers: `deliver(websocket)`.
    pub(crate) deliver: Function,
    /// Runs the program in place of its main script, and is called with that: a session, or tests.
    pub(crate) runner: Option<Function>,
}

/// Sets the globals of scripts; in a run of tests those of tests too.
///
/// # Errors
///
/// When the Luau heap is full.
pub(crate) fn load(lua: &Lua, natives: &Table, mode: Mode) -> mlua::Result<Libraries> {
    let values: Table = chunk(lua, include_str!("prelude/values.luau"))?.call(())?;
    let core: Table = chunk(lua, include_str!("prelude/core.luau"))?.call((natives, &values))?;
    let task: Table = chunk(lua, include_str!("prelude/task.luau"))?.call((natives, &core))?;
    let (connect, deliver): (Function, Function) =
        chunk(lua, include_str!("prelude/websocket.luau"))?.call((natives, &core))?;
    let (net, handle_request): (Table, Function) =
        chunk(lua, include_str!("prelude/net.luau"))?.call((natives, &core, connect))?;
    let libraries: Table = chunk(lua, include_str!("prelude/libraries.luau"))?.call((natives, &core))?;
    libraries.raw_set("net", net)?;
    libraries.raw_set("task", task)?;
    chunk(lua, include_str!("prelude/globals.luau"))?.call::<()>((natives, &values, &libraries))?;
    chunk(lua, include_str!("prelude/functions.luau"))?.call::<()>((natives, &core))?;
    let runner = match mode {
        Mode::Script | Mode::Check | Mode::Compile => None,
        Mode::Session => {
            Some(chunk(lua, include_str!("prelude/session.luau"))?.call((natives, &core, values))?)
        }
        Mode::Test => Some(tests(lua, natives, &core, &values, &libraries)?),
    };
    chunk(lua, include_str!("prelude/require.luau"))?.call::<()>((natives, &core, libraries))?;
    Ok(Libraries {
        drivers: Drivers {
            wake: core.raw_get("wake")?,
            drive: core.raw_get("drive")?,
        },
        handle_request,
        deliver,
        runner,
    })
}

/// Adds the library `test`, whose functions are global by themselves; returns what runs a script that uses it.
fn tests(
    lua: &Lua,
    natives: &Table,
    core: &Table,
    values: &Table,
    libraries: &Table,
) -> mlua::Result<Function> {
    let differences: Table = chunk(lua, include_str!("prelude/differences.luau"))?.call(values)?;
    let expect: Function =
        chunk(lua, include_str!("prelude/expect.luau"))?.call((core, values, differences))?;
    let (test, suite): (Table, Table) =
        chunk(lua, include_str!("prelude/test.luau"))?.call((core, expect))?;
    let run_tests = chunk(lua, include_str!("prelude/test_run.luau"))?.call((natives, core, suite))?;
    for pair in test.pairs::<Value, Value>() {
        let (name, function) = pair?;
        lua.globals().raw_set(name, function)?;
    }
    libraries.raw_set("test", test)?;
    Ok(run_tests)
}

fn chunk(lua: &Lua, source: &str) -> mlua::Result<Function> {
    lua.load(source)
        .set_name(format!("={NAME}"))
        .set_mode(ChunkMode::Text)
        .into_function()
}
