//! Random bytes, by `wasi:random`.

use wasip2::random::random::{get_random_bytes, get_random_u64};

use super::app;

/// Fills the buffer with bytes that nobody can foresee. While the component is built those are asked for as numbers: bytes
/// are then the same at each build, for the tables of Rust and of libc.
///
/// # Errors
///
/// A host that gives fewer than it was asked for.
pub(crate) fn fill(buffer: &mut [u8]) -> Result<(), &'static str> {
    if !app::is_building() {
        let bytes = get_random_bytes(buffer.len() as u64);
        if bytes.len() != buffer.len() {
            return Err("they are fewer than it was asked for");
        }
        buffer.copy_from_slice(&bytes);
        return Ok(());
    }
    for piece in buffer.chunks_mut(8) {
        piece.copy_from_slice(&get_random_u64().to_le_bytes()[..piece.len()]);
    }
    Ok(())
}
