//! Resident memory by what is held at once.

use std::error::Error;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use atoll::{Console, Event, Output, Runtime, Script, ScriptError};

use super::{Curve, Points, serve};
use crate::client::{self, WebSocket};
use crate::vitals::resident;

/// What is measured here.
const UP: &[&str] = &["MiB resident"];

/// Lets everything come to rest.
const REST: Duration = Duration::from_secs(1);

/// Connections that have asked once and wait.
pub(super) fn connections(atoll: &Path) -> Result<Curve, Box<dyn Error>> {
    let points = held(atoll, async |address| {
        let mut stream = client::connect(address, None).await?;
        client::ask(&mut stream).await?;
        Ok(stream)
    })?;
    Ok(Curve {
        name: "memory-connections",
        across: "idle connections",
        up: UP,
        points,
    })
}

/// WebSockets that say nothing.
pub(super) fn sockets(atoll: &Path) -> Result<Curve, Box<dyn Error>> {
    let points = held(atoll, async |address| {
        WebSocket::open(client::connect(address, None).await?).await
    })?;
    Ok(Curve {
        name: "memory-websockets",
        across: "idle WebSockets",
        up: UP,
        points,
    })
}

fn held<T>(
    atoll: &Path,
    open: impl AsyncFn(std::net::SocketAddr) -> io::Result<T>,
) -> Result<Points, Box<dyn Error>> {
    let server = serve(atoll, 0)?;
    executor()?.block_on(async {
        let (mut all, mut points) = (Vec::new(), Vec::new());
        for count in [0, 1000, 2500, 5000, 7500, 10_000] {
            while all.len() < count {
                all.push(open(server.address).await?);
            }
            tokio::time::sleep(REST).await;
            points.push((count as f64, vec![mebibytes(server.id())?]));
        }
        Ok(points)
    })
}

/// Counts the scripts that have said something.
#[derive(Clone, Default)]
struct Ready(Arc<AtomicUsize>);

impl Console for Ready {
    fn write_line(&self, _: Output, _: &[u8]) -> io::Result<()> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn report(&self, error: &ScriptError) {
        eprintln!("{error}");
    }

    fn event(&self, _: &Event<'_>) {}
}

/// Instances of a small script in this process.
pub(super) fn instances() -> Result<Curve, Box<dyn Error>> {
    let ready = Ready::default();
    let runtime = Runtime::builder().console(ready.clone()).build()?;
    let script = Script::new("idle.luau", "print('ready') task.wait(1e6)");
    executor()?.block_on(async {
        let (mut running, mut points) = (tokio::task::JoinSet::new(), Vec::new());
        for count in [0, 100, 250, 500, 1000] {
            while running.len() < count {
                let (runtime, script) = (runtime.clone(), script.clone());
                running.spawn(async move { runtime.run(&script).await });
            }
            while ready.0.load(Ordering::Relaxed) < count {
                tokio::time::sleep(REST / 20).await;
            }
            tokio::time::sleep(REST).await;
            points.push((count as f64, vec![mebibytes(std::process::id())?]));
        }
        Ok(Curve {
            name: "memory-instances",
            across: "live instances of a small script",
            up: UP,
            points,
        })
    })
}

fn executor() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

fn mebibytes(process: u32) -> io::Result<f64> {
    Ok(resident(process)?.all as f64 / 1024.0)
}
