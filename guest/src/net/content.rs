//! Bytes that a script hands over: a string's or a buffer's.

use std::io::Read;

use mlua::Value;

/// There is no memory left for a copy.
#[derive(Debug)]
pub(crate) struct NoMemory;

/// A copy of the value's bytes; none where it is neither a string nor a buffer.
pub(crate) fn bytes_of(value: &Value) -> Option<Result<Vec<u8>, NoMemory>> {
    let length = match value {
        Value::String(text) => text.as_bytes().len(),
        Value::Buffer(buffer) => buffer.len(),
        _ => return None,
    };
    let mut copy = Vec::new();
    if copy.try_reserve_exact(length).is_err() {
        return Some(Err(NoMemory));
    }
    match value {
        Value::String(text) => copy.extend_from_slice(&text.as_bytes()),
        Value::Buffer(buffer) => {
            copy.resize(length, 0);
            // It has just so many bytes.
            let _ = buffer.clone().cursor().read_exact(&mut copy);
        }
        _ => {}
    }
    Some(Ok(copy))
}
