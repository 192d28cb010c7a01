//! A program whose start is kept: many instances go on from where one has stopped.
//!
//! `lib.rs` calls it for the host, which copies this instance's memory between the two. So nothing of the host's may be left in
//! it then: no handle, no wait, no time.

use std::cell::RefCell;
use std::mem::ManuallyDrop;

use mlua::{Function, Lua, Table};

use crate::bindings::http_server::Server;
use crate::bindings::{Program, ScriptError};
use crate::console;
use crate::problem::message_of;
use crate::vm::Machine;

thread_local! {
    /// The program, between its start and a request.
    static PREPARED: RefCell<Option<Machine>> = const { RefCell::new(None) };
}

/// Runs the program until it waits for nothing but requests; returns its servers.
///
/// # Errors
///
/// The main script's own error.
pub(crate) async fn prepare(program: Program) -> Result<Vec<Server>, ScriptError> {
    let Some(machine) = Machine::start(program, true)? else {
        return Ok(Vec::new());
    };
    machine.run().await?;
    // What is garbage may hold handles; and the first collection is not to be each request's.
    for _ in 0..2 {
        machine
            .lua
            .gc_collect()
            .map_err(|problem| broken(&message_of(&problem)))?;
    }
    let servers = machine.servers.give_up();
    PREPARED.set(Some(machine));
    Ok(servers)
}

/// Goes on with these servers in place of those that were given up, until nothing is left to wait for.
///
/// # Errors
///
/// There is no program.
pub(crate) async fn resume(servers: Vec<Server>) -> Result<(), ScriptError> {
    let Some(machine) = PREPARED.take() else {
        return Err(broken("there is no program that could go on"));
    };
    throw_dice_anew(&machine.lua).map_err(|problem| broken(&message_of(&problem)))?;
    // It ends with the instance: nothing of it is taken apart.
    let machine = ManuallyDrop::new(machine);
    machine.servers.go_on(servers);
    machine.run().await
}

/// Otherwise all instances would have the same random numbers.
fn throw_dice_anew(lua: &Lua) -> mlua::Result<()> {
    let seed = getrandom::u32().map_err(mlua::Error::external)?;
    let seeder: Function = lua.globals().get::<Table>("math")?.raw_get("randomseed")?;
    seeder.call(seed >> 1)
}

fn broken(why: &str) -> ScriptError {
    console::runtime_error("main script", why, "")
}
