//! Compresses the guest for other hosts, as only `atoll build` needs it: it would be a tenth of the program.

use std::path::Path;
use std::{env, fs, io};

/// The guest.
const GUEST: &str = "shared/prebuilt/atoll-wasi-http.wasm";

/// The smallest that does not need more memory to be read.
const LEVEL: i32 = 19;

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed={GUEST}");
    let folder = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo names no OUT_DIR"))?;
    let compressed = zstd::encode_all(fs::read(GUEST)?.as_slice(), LEVEL)?;
    fs::write(Path::new(&folder).join("atoll-wasi-http.wasm.zst"), compressed)
}
