//! The Rust half of the functions that the embedder registered: their names, and values on their way there and back.
//!
//! Called by `vm.rs` once; `prelude/functions.luau` makes functions of scripts of them. What a function takes, the host knows.

use std::ffi::c_void;
use std::rc::Rc;

use mlua::prelude::LuaString;
use mlua::{IntoLuaMulti, Lua, MultiValue, Table, Value};

use crate::bindings::functions::{self, Failure, Value as Wire};
use crate::content::{NoMemory, bytes_of};
use crate::fields::shown;
use crate::heap::Heap;
use crate::json::{Step, place};
use crate::net::error;
use crate::problem::{Problem, handed_over};
use crate::scheduler::Scheduler;

/// Levels of tables in each other: the host's bound, so that no recursion is deeper.
const DEEPEST: usize = 64;

/// Values of one call: the host's bound, met before a copy grows beyond it.
const MOST_VALUES: usize = 100_000;

/// Bytes that a value takes in the Luau heap beside its content, about.
const VALUE_SIZE: usize = 64;

/// Adds the native `call(number, name, ...)`, and `namespaces`: names of functions by the names of namespaces, in order.
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
    let namespaces = lua.create_table()?;
    for namespace in functions::registered() {
        let entry = lua.create_table()?;
        entry.raw_set("name", namespace.name)?;
        entry.raw_set("functions", namespace.functions)?;
        namespaces.raw_push(entry)?;
    }
    natives.raw_set("namespaces", namespaces)?;

    let (scheduler, heap) = (scheduler.clone(), heap.clone());
    let mark: Table = natives.raw_get("json_mark")?;
    let call = lua.create_function(
        move |lua, (number, name, arguments): (u32, LuaString, MultiValue)| {
            let name = name.to_string_lossy();
            handed_over(lua, call(lua, &scheduler, &heap, &mark, number, name, &arguments))
        },
    )?;
    natives.raw_set("call", call)
}

/// Parks the running coroutine; its call returns true and the result, false and what failed, or nil and what is wrong with the
/// arguments.
fn call(
    lua: &Lua,
    scheduler: &Scheduler,
    heap: &Rc<Heap>,
    mark: &Table,
    number: u32,
    name: String,
    arguments: &MultiValue,
) -> Result<(), Problem> {
    let mut list = List {
        values: Vec::new(),
        mark: mark.to_pointer(),
    };
    for (position, argument) in arguments.iter().enumerate() {
        list.value(argument, 0).map_err(|trouble| {
            let place = if trouble.steps.is_empty() {
                String::new()
            } else {
                format!(": {}", place(&trouble.steps))
            };
            Problem(format!(
                "{name}: argument #{}{place} {}",
                position + 1,
                trouble.fault
            ))
        })?;
    }
    let heap = heap.clone();
    let null = Value::NULL;
    scheduler.park(
        lua,
        functions::call(number, list.values),
        move |lua, outcome| match outcome {
            Ok(result) => {
                heap.make_room(lua, size(&result));
                let mut result = result.into_iter();
                let value = read(lua, &mut result, &null)?;
                (true, value).into_lua_multi(lua)
            }
            Err(Failure::Failed(text)) => (false, text).into_lua_multi(lua),
            Err(Failure::LimitExceeded(text)) => (false, error::limit_exceeded(&text)).into_lua_multi(lua),
            Err(Failure::Arguments(text)) => (Value::Nil, format!("{name}: {text}")).into_lua_multi(lua),
        },
    )
}

/// Values on their way to the host.
struct List {
    values: Vec<Wire>,
    /// The metatable of arrays.
    mark: *const c_void,
}

/// Why a value cannot go there.
struct Trouble {
    /// The way to it, the last step first.
    steps: Vec<Step>,
    /// What it is: `is a function`.
    fault: String,
}

impl Trouble {
    fn here(fault: impl Into<String>) -> Self {
        Self {
            steps: Vec::new(),
            fault: fault.into(),
        }
    }

    /// The same, as seen from the table around.
    fn after(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}

impl List {
    fn value(&mut self, value: &Value, level: usize) -> Result<(), Trouble> {
        if self.values.len() >= MOST_VALUES {
            return Err(Trouble::here(format!(
                "is one too many: a call has at most {MOST_VALUES} values"
            )));
        }
        let wire = match value {
            Value::Nil | Value::LightUserData(_) => Wire::Nil,
            Value::Boolean(given) => Wire::Boolean(*given),
            Value::Integer(given) => Wire::Number(*given as f64),
            Value::Number(given) => Wire::Number(*given),
            Value::String(_) => Wire::Text(bytes(value)?),
            Value::Buffer(_) => Wire::Buffer(bytes(value)?),
            Value::Table(table) => return self.table(table, level),
            other => {
                return Err(Trouble::here(format!(
                    "is a {}, which cannot leave the script",
                    other.type_name()
                )));
            }
        };
        self.values.push(wire);
        Ok(())
    }

    /// A table, read raw. Its length says whether it is an array.
    fn table(&mut self, table: &Table, level: usize) -> Result<(), Trouble> {
        if level == DEEPEST {
            return Err(Trouble::here(format!(
                "is within {DEEPEST} tables, which is the most (is there a cycle?)"
            )));
        }
        let length = table.raw_len();
        let is_array = length > 0
            || table
                .metatable()
                .is_some_and(|meta| meta.to_pointer() == self.mark);
        let start = self.values.len();
        self.values.push(Wire::Nil);
        let mut count = 0;
        let mut trouble = Ok(());
        if is_array {
            for number in 1..=length {
                let item: Value = table.raw_get(number).map_err(too_deep)?;
                self.value(&item, level + 1)
                    .map_err(|trouble| trouble.after(Step::Item(number)))?;
            }
        }
        let walk = table.for_each(|key: Value, value: Value| {
            count += 1;
            if !is_array {
                trouble = self.member(&key, &value, level);
            }
            match trouble {
                Ok(()) => Ok(()),
                // Only a sign to stop.
                Err(_) => Err(mlua::Error::StackError),
            }
        });
        trouble?;
        walk.map_err(too_deep)?;
        if is_array && count != length {
            return Err(Trouble::here(
                "is an array with holes or other keys: it goes as an array or as a table with strings as keys",
            ));
        }
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.values[start] = if is_array {
            Wire::Array(count)
        } else {
            Wire::Record(count)
        };
        Ok(())
    }

    fn member(&mut self, key: &Value, value: &Value, level: usize) -> Result<(), Trouble> {
        let name = match key {
            Value::String(name) => std::str::from_utf8(&name.as_bytes()).ok().map(str::to_owned),
            _ => None,
        };
        let Some(name) = name else {
            return Err(Trouble::here(format!(
                "has {} as a key: keys are 1, 2, 3… or strings in UTF-8",
                shown(key)
            )));
        };
        self.values.push(Wire::Text(name.clone().into_bytes()));
        self.value(value, level + 1)
            .map_err(|trouble| trouble.after(Step::Member(name)))
    }
}

fn bytes(value: &Value) -> Result<Vec<u8>, Trouble> {
    match bytes_of(value) {
        Some(Ok(copy)) => Ok(copy),
        Some(Err(NoMemory)) | None => Err(Trouble::here("does not fit the memory a second time")),
    }
}

fn too_deep(_: mlua::Error) -> Trouble {
    Trouble::here("is nested too deep for the stack")
}

/// What the values take in the Luau heap, about.
fn size(values: &[Wire]) -> usize {
    let content = |value: &Wire| match value {
        Wire::Text(bytes) | Wire::Buffer(bytes) => bytes.len(),
        _ => 0,
    };
    values.iter().map(|value| VALUE_SIZE + content(value)).sum()
}

/// The next value of the list, which the host has made: it is whole, and not too deep.
fn read(lua: &Lua, list: &mut std::vec::IntoIter<Wire>, null: &Value) -> mlua::Result<Value> {
    Ok(match list.next() {
        None | Some(Wire::Nil) => Value::Nil,
        Some(Wire::Boolean(value)) => Value::Boolean(value),
        Some(Wire::Number(value)) => Value::Number(value),
        Some(Wire::Text(bytes)) => Value::String(lua.create_string(&bytes)?),
        Some(Wire::Buffer(bytes)) => Value::Buffer(lua.create_buffer(&bytes)?),
        Some(Wire::Array(count)) => {
            let table = lua.create_table_with_capacity(count as usize, 0)?;
            for number in 1..=count {
                let item = read(lua, list, null)?;
                // So that it has no hole.
                let item = if item.is_nil() { null.clone() } else { item };
                table.raw_set(number, item)?;
            }
            Value::Table(table)
        }
        Some(Wire::Record(count)) => {
            let table = lua.create_table_with_capacity(0, count as usize)?;
            for _ in 0..count {
                let name = read(lua, list, null)?;
                table.raw_set(name, read(lua, list, null)?)?;
            }
            Value::Table(table)
        }
    })
}
