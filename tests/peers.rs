//! Interoperability: the real `atoll` with programs that others wrote, on the loopback.
//!
//! `cargo test --test peers [FILTER]`, after `tests/peers/install`. It is a target of its own, left out of a plain
//! `cargo test`, which needs nothing but a Rust toolchain. A program that is missing fails the tests that need it.
#![expect(
    clippy::disallowed_methods,
    reason = "the peers and clients of the tests are real sockets"
)]

#[path = "peers/chromium.rs"]
mod chromium;
#[path = "peers/curl.rs"]
mod curl;
#[expect(dead_code, reason = "the suite needs the rest of it")]
mod harness;
#[path = "peers/nghttp.rs"]
mod nghttp;
#[path = "peers/nginx.rs"]
mod nginx;
#[path = "peers/program.rs"]
mod program;
#[path = "peers/proxy.rs"]
mod proxy;
#[path = "peers/script.rs"]
mod script;
#[path = "peers/websockets.rs"]
mod websockets;
#[path = "peers/ws.rs"]
mod ws;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trials: Vec<Trial> = [
        chromium::trials(),
        curl::trials(),
        nghttp::trials(),
        nginx::trials(),
        proxy::trials(),
        websockets::trials(),
        ws::trials(),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !arguments.list {
        harness::compile_guest();
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}
