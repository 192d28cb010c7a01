//! Bytes that a script hands over: a string's or a buffer's.

use mlua::Value;

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
