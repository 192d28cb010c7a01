//! The Rust half of the `process` library: what the program was started with, and its end.
//!
//! Called by `vm.rs` once; `prelude/libraries.luau` adds the function. The host ends the program: `exit` does not come back.

use mlua::{Lua, Table, Value};

use crate::bindings::{Program, process};
use crate::fields::{shown, whole_number};
use crate::problem::{Problem, handed_over};

/// Adds the native `exit(code)`, and `process_known` with what stood on the command line after `--`, and the variables that were
/// granted.
///
/// # Errors
///
/// When the Luau heap is full.
pub(crate) fn install(lua: &Lua, natives: &Table, program: &Program) -> mlua::Result<()> {
    natives.raw_set("process_known", known(lua, program)?)?;
    let exit = lua.create_function(|lua, code: Value| handed_over(lua, exit(&code)))?;
    natives.raw_set("exit", exit)
}

fn known(lua: &Lua, program: &Program) -> mlua::Result<Table> {
    let arguments = lua.create_sequence_from(program.arguments.iter().map(String::as_str))?;
    arguments.set_readonly(true);
    let known = lua.create_table()?;
    known.raw_set("args", arguments)?;
    let environment = lua.create_table_with_capacity(0, program.environment.len())?;
    for (name, value) in &program.environment {
        environment.raw_set(name.as_str(), value.as_str())?;
    }
    environment.set_readonly(true);
    known.raw_set("env", environment)?;
    Ok(known)
}

/// Ends the program; returns only where the code is wrong.
fn exit(code: &Value) -> Result<(), Problem> {
    let number = match code {
        Value::Nil => Some(0),
        code => whole_number(code).and_then(|number| u8::try_from(number).ok()),
    };
    match number {
        Some(number) => {
            process::exit(number);
            Ok(())
        }
        None => Err(Problem(format!(
            "process.exit: the code must be an integer from 0 to 255, got {}",
            shown(code)
        ))),
    }
}
