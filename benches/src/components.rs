//! Components of the target wasi-http: how long they take to build, how large they are, and what they answer under
//! `wasmtime serve`, with an instance for each request and with one for many.

use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::http::load;
use crate::median::spread;
use crate::server::{SERVER_CORE, Server, pin_client, pinned};

/// What is built.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/hello.luau");

/// Requests that one instance answers.
const REUSE: [(&str, &str); 2] = [("an instance each", "1"), ("one for 1000", "1000")];

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: bench\r\n\r\n";

/// Prints times, sizes, and the ratio to bare hyper.
pub(crate) fn run(
    atoll: &Path,
    wasmtime: &Path,
    rounds: usize,
    seconds: f64,
    connections: usize,
) -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("atoll-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let measured = measure(
        atoll,
        wasmtime,
        &folder,
        rounds,
        Duration::from_secs_f64(seconds),
        connections,
    );
    std::fs::remove_dir_all(&folder)?;
    measured
}

fn measure(
    atoll: &Path,
    wasmtime: &Path,
    folder: &Path,
    rounds: usize,
    time: Duration,
    connections: usize,
) -> Result<(), Box<dyn Error>> {
    let component = folder.join("hello.wasm");
    for target in ["atoll", "wasi-http"] {
        let mut times = Vec::new();
        for _ in 0..rounds {
            let began = Instant::now();
            let built = Command::new(atoll)
                .args(["build", SCRIPT, "--target", target, "-o"])
                .arg(&component)
                .status()?;
            if !built.success() {
                return Err(format!("atoll build --target {target}: {built}").into());
            }
            times.push(began.elapsed().as_secs_f64());
        }
        let (median, low, high) = spread(&times);
        let bytes = std::fs::metadata(&component)?.len();
        println!("atoll build --target {target:<9} {median:.2} s ({low:.2} to {high:.2}), {bytes} bytes");
    }
    pin_client()?;
    println!(
        "requests/s, {connections} connections, one core each, median of {rounds} rounds (lowest to highest)"
    );
    for (name, reuse) in REUSE {
        let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds {
            let served = Server::start(
                pinned(SERVER_CORE)
                    .arg(wasmtime)
                    .args([
                        "serve",
                        "--addr",
                        "127.0.0.1:0",
                        "--max-instance-reuse-count",
                        reuse,
                    ])
                    .arg(&component),
            )?;
            let a = load(served.address, REQUEST, time, connections)?.rate;
            drop(served);
            let hyper = Server::reference("hyper", SERVER_CORE)?;
            let h = load(hyper.address, REQUEST, time, connections)?.rate;
            ours.push(a);
            theirs.push(h);
            ratios.push(a / h);
        }
        let ((a, ..), (h, ..), (median, low, high)) = (spread(&ours), spread(&theirs), spread(&ratios));
        println!(
            "  {name:<16} wasmtime {a:>7.0}  hyper {h:>7.0}  ratio {median:.3}  ({low:.3} to {high:.3})"
        );
    }
    Ok(())
}
