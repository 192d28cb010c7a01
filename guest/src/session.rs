//! What `prelude/session.luau` needs to read, compile and interrupt the lines of `atoll repl`.

use std::rc::Rc;

use mlua::prelude::LuaString;
use mlua::{IntoLuaMulti, Lua, Table};

use crate::bindings::terminal::{self, Input};
use crate::heap::Heap;
use crate::scheduler::Scheduler;
use crate::source::{self, Fault};

/// What messages and stack traces call what was typed.
const NAME: &str = "repl";

/// Adds the natives that a session is made of. None of them counts as waiting: a session goes on where too much waits.
///
/// - `read_line(continues)` parks the coroutine until there is `"line", text`, `"abandoned"` or `"end"`;
/// - `attend()` parks it until the person interrupts (true), or `settle()` is called or nothing else is left to wait for
///   (false);
/// - `compile_line(source)` returns the function, or nil and what is wrong;
/// - `leave()` ends the program.
///
/// # Errors
///
/// When the Luau heap is full.
pub(crate) fn install(
    lua: &Lua,
    natives: &Table,
    scheduler: &Scheduler,
    heap: &Rc<Heap>,
) -> mlua::Result<()> {
    let (reader, heap) = (scheduler.clone(), heap.clone());
    let read_line = lua.create_function(move |lua, continues: bool| {
        let (thread, lua, scheduler) = (lua.current_thread(), lua.clone(), reader.clone());
        let heap = heap.clone();
        reader.start(terminal::read_line(continues), move |input| {
            heap.leave_room_for_line(&lua);
            let values = match input {
                Input::Line(text) => lua
                    .create_string(&text)
                    .and_then(|text| ("line", text).into_lua_multi(&lua)),
                Input::Abandoned => "abandoned".into_lua_multi(&lua),
                Input::End => "end".into_lua_multi(&lua),
            };
            // Only a full heap gets here: the line is lost.
            scheduler.wake(thread, values.unwrap_or_default());
        });
        Ok(())
    })?;
    natives.raw_set("read_line", read_line)?;

    let listener = scheduler.clone();
    let attend = lua.create_function(move |lua, ()| {
        let (thread, lua, scheduler) = (lua.current_thread(), lua.clone(), listener.clone());
        listener.watch(terminal::interrupted(), move |interrupted| {
            let values = interrupted.is_some().into_lua_multi(&lua);
            scheduler.wake(thread, values.unwrap_or_default());
        });
        Ok(())
    })?;
    natives.raw_set("attend", attend)?;
    let listener = scheduler.clone();
    let settle = lua.create_function(move |_, ()| {
        listener.unwatch();
        Ok(())
    })?;
    natives.raw_set("settle", settle)?;

    let compile_line = lua.create_function(|lua, line: LuaString| {
        Ok(match source::compile(lua, NAME, &line.as_bytes()) {
            Ok(function) => (Some(function), None),
            Err(Fault::Syntax(problem) | Fault::Other(problem)) => (None, Some(problem)),
        })
    })?;
    natives.raw_set("compile_line", compile_line)?;

    let scheduler = scheduler.clone();
    let leave = lua.create_function(move |_, ()| {
        scheduler.end(Ok(()));
        Ok(())
    })?;
    natives.raw_set("leave", leave)
}
