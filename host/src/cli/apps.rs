//! Which files are apps, for the commands that take none.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::app;

/// Whether there is WebAssembly at the path. What can't be read is told by who reads it.
pub(super) fn is_at(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(16).read_to_end(&mut head));
    read.is_ok() && app::is_wasm(&head)
}
