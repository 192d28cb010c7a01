//! The Rust half of the `json` library (RFC 8259).
//!
//! Called by `vm.rs` once; `prelude/libraries.luau` calls the natives. An array is a table with the mark as its metatable, or one whose
//! keys are 1, 2, 3…; JSON's null is a light userdata, the only one that scripts meet.

mod decode;
mod encode;
mod encode_options;
mod text;

use std::rc::Rc;

use mlua::{LightUserData, Lua, Table, Value};

pub(crate) use self::encode::{Step, place};
use crate::heap::Heap;
use crate::problem::answered;

/// Arrays and objects that may be within each other, both ways: as many as serde_json reads.
const DEEPEST: usize = 127;

/// Adds the natives `json_decode(text)` and `json_encode(value, options)`, and the values `json_null` and `json_mark`.
///
/// # Errors
///
/// When the Luau heap is full.
pub(crate) fn install(lua: &Lua, natives: &Table, heap: &Rc<Heap>) -> mlua::Result<()> {
    let mark = lua.create_table()?;
    mark.set_readonly(true);
    natives.raw_set("json_mark", &mark)?;
    natives.raw_set("json_null", null(lua)?)?;

    let (shared, array) = (heap.clone(), mark.clone());
    let decode = lua.create_function(move |lua, text: Value| {
        answered(lua, decode::decode(lua, &shared, &array, &text))
    })?;
    natives.raw_set("json_decode", decode)?;

    let shared = heap.clone();
    let encode = lua.create_function(move |lua, (value, options): (Value, Value)| {
        let text = encode::encode(&shared, &mark, &value, &options);
        answered(lua, text.and_then(|text| shared.string(lua, encode::CALL, &text)))
    })?;
    natives.raw_set("json_encode", encode)
}

/// JSON's null, which reads `null`.
fn null(lua: &Lua) -> mlua::Result<Value> {
    let described = lua.create_table()?;
    described.raw_set("__tostring", lua.create_function(|_, _: Value| Ok("null"))?)?;
    described.raw_set("__metatable", "The metatable is locked")?;
    described.set_readonly(true);
    lua.set_type_metatable::<LightUserData>(Some(described));
    Ok(Value::NULL)
}
