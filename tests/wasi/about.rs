//! What a component says of itself, and that it is no app.

use std::fs;

use libtest_mimic::{Failed, Trial};

use super::build::build;
use crate::harness::child::{Atoll, scratch};
use crate::harness::trials;

/// The tests of this file.
pub(super) fn trials() -> Vec<Trial> {
    trials![what_it_asks_for_is_shown]
}

fn what_it_asks_for_is_shown() -> Result<(), Failed> {
    let folder = scratch().join("scripts/wasi_about");
    fs::create_dir_all(&folder)?;
    fs::write(
        folder.join("main.luau"),
        "net.serve({ port = 0, request = print })",
    )?;
    fs::write(
        folder.join("atoll.toml"),
        "[package]\nname = \"shop\"\nversion = \"2.1\"\n[permissions]\nallow-net = [\"api.example.com:443\"]\n\
         deny-net = [\"private\"]\nallow-listen = true\nallow-env = [\"TOKEN\"]\n",
    )?;
    let component = folder.join("app.wasm");
    build(&folder, &component)?.expect_code(0)?;
    let shown = Atoll::new(&folder, ["permissions", "app.wasm"]).finish()?;
    shown.expect_code(0)?;
    let version = env!("CARGO_PKG_VERSION");
    let expected = format!(
        "shop 2.1 (for wasi:http@0.2, built by Atoll {version}) asks for:
  connect      wanted    api.example.com:443  for its host to allow
  connect      unwanted  private              for its host to forbid
  listen       wanted    *                    its host listens
  environment  wanted    TOKEN                it gets none there
what it may do is for its host to say
"
    );
    assert_eq!(String::from_utf8_lossy(&shown.stdout), expected);

    let run = Atoll::new(&folder, ["run", "app.wasm", "--allow-listen"]).finish()?;
    run.expect_code(2)?;
    assert_eq!(
        String::from_utf8_lossy(&run.stderr),
        "error: cannot use app.wasm: it is shop, a component for hosts of wasi:http, and no app: have such a host run it, as in \
         `wasmtime serve APP.wasm`; `atoll build SCRIPT.luau -o APP.wasm` makes an app of a script, without --target\n"
    );

    let mut damaged = fs::read(&component)?;
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    fs::write(&component, damaged)?;
    let refused = Atoll::new(&folder, ["permissions", "app.wasm"]).finish()?;
    refused.expect_code(2)?;
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.contains("its bytes are not those that were built"), "{told}");
    Ok(())
}
