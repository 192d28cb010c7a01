//! Bytes that a script hands over: a string's or a buffer's.
//!
//! Called by everything that takes either. Refuses other values, and copies that would not fit the memory.

use mlua::Value;
use mlua::prelude::LuaString;

use crate::fields::shown;
use crate::net::error;
use crate::problem::Problem;

/// There is no memory left for a copy.
#[derive(Debug)]
pub(crate) struct NoMemory;

/// Bytes from which a copy is only made where there is surely room for it.
const LARGE: usize = 64 * 1024;

/// A copy of the value's bytes; none where it is neither a string nor a buffer.
pub(crate) fn bytes_of(value: &Value) -> Option<Result<Vec<u8>, NoMemory>> {
    let length = match value {
        Value::String(text) => text.as_bytes().len(),
        Value::Buffer(buffer) => buffer.len(),
        _ => return None,
    };
    // A copy that fails would end the instance; nothing comes between this reservation and the copy.
    if length >= LARGE && Vec::<u8>::new().try_reserve_exact(length).is_err() {
        return Some(Err(NoMemory));
    }
    match value {
        Value::String(text) => Some(Ok(text.as_bytes().to_vec())),
        Value::Buffer(buffer) => Some(Ok(buffer.to_vec())),
        _ => None,
    }
}

/// An argument's bytes, to look at: a string's own, or a copy of a buffer's.
pub(crate) enum Bytes {
    /// A string.
    Text(LuaString),
    /// What was in a buffer.
    Copy(Vec<u8>),
}

impl Bytes {
    /// The bytes of an argument of `call` that messages call `name`: `the data`.
    ///
    /// # Errors
    ///
    /// The value is neither a string nor a buffer, or a buffer too large to copy.
    pub(crate) fn of(call: &str, name: &str, value: &Value) -> Result<Bytes, Problem> {
        if let Value::String(text) = value {
            return Ok(Bytes::Text(text.clone()));
        }
        match bytes_of(value) {
            Some(Ok(copy)) => Ok(Bytes::Copy(copy)),
            Some(Err(NoMemory)) => Err(no_memory(call)),
            None => Err(Problem(format!(
                "{call}: {name} must be a string or a buffer, got {}",
                shown(value)
            ))),
        }
    }

    /// What `look` makes of the bytes.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&[u8]) -> T) -> T {
        match self {
            Bytes::Text(text) => look(&text.as_bytes()),
            Bytes::Copy(copy) => look(copy),
        }
    }
}

/// A result of `call` does not fit the memory.
pub(crate) fn no_memory(call: &str) -> Problem {
    Problem(error::limit_exceeded(&format!(
        "{call}: the memory is full (limit memory; raise it with --limit memory=SIZE)"
    )))
}

/// Room for so many bytes, which a result of `call` will have.
///
/// # Errors
///
/// They do not fit the memory.
pub(crate) fn room_for(call: &str, length: usize) -> Result<Vec<u8>, Problem> {
    let mut room = Vec::new();
    room.try_reserve_exact(length).map_err(|_| no_memory(call))?;
    Ok(room)
}
