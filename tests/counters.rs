//! What an embedder sees of its runtimes: their metrics, and an access log of its own.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use atoll::observe::{Both, Counted};
use atoll::{Access, AccessLog, Limits, Permissions, Runtime, Script, Stop};
use libtest_mimic::{Failed, Trial};

use crate::embed::Lines;
use crate::harness::child::scratch;
use crate::harness::http::get;
use crate::harness::trials;

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    trials![
        an_embedder_reads_metrics,
        two_runtimes_count_apart,
        an_embedder_has_its_own_access_log,
    ]
}

fn executor() -> Result<tokio::runtime::Runtime, Failed> {
    Ok(tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?)
}

fn an_embedder_reads_metrics() -> Result<(), Failed> {
    let limits = Limits {
        run: Duration::from_millis(50),
        grace: Duration::from_millis(50),
        ..Limits::default()
    };
    let runtime = Runtime::builder()
        .permissions(Permissions::none().allow_listen(["127.0.0.1".parse()?]))
        .limits(limits)
        .console(Lines::default())
        .cache(scratch().join("atoll"))
        .build()?;
    let executor = executor()?;
    let denied = Script::new("denied.luau", "net.request('http://127.0.0.1:1/')");
    executor.block_on(runtime.run(&denied))?;
    let spinning = "while true do pcall(function() while true do end end) end";
    let ended = executor.block_on(runtime.run(&Script::new("spinning.luau", spinning)));
    assert!(ended.is_err());
    let metrics = runtime.metrics();
    assert_eq!(metrics.usage, runtime.usage());
    assert_eq!((metrics.instances, metrics.usage.instances), (2, 0));
    assert_eq!(
        metrics.denied,
        [("net.request", 1), ("net.websocket", 0), ("net.serve", 0)]
    );
    assert!(metrics.killed.contains(&("run", 1)) && metrics.limit_hits.contains(&("run", 1)));
    assert_eq!(metrics.outgoing.over, [("GET", "PermissionDenied".to_owned(), 1)]);
    assert_eq!(metrics.outgoing.times.count(), 1);
    assert_eq!(
        (metrics.connections, metrics.messages),
        (Counted::default(), Both::default())
    );
    Ok(())
}

fn two_runtimes_count_apart() -> Result<(), Failed> {
    let build = || {
        Runtime::builder()
            .console(Lines::default())
            .cache(scratch().join("atoll"))
            .build()
    };
    let (one, other) = (build()?, build()?);
    let script = Script::new("denied.luau", "net.request('http://127.0.0.1:1/')");
    executor()?.block_on(one.run_until(&script, &Stop::new()))?;
    assert_eq!((one.metrics().instances, other.metrics().instances), (1, 0));
    assert!(other.metrics().outgoing.over.is_empty());
    Ok(())
}

/// Keeps the records, and refuses the second.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<String>>>);

impl AccessLog for Kept {
    fn record(&self, access: &Access<'_>) -> io::Result<()> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let target = access.line.map_or("-", |line| line.target);
        kept.push(format!("{target} {} {}", access.status, access.sent));
        match kept.len() {
            2 => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }
}

fn an_embedder_has_its_own_access_log() -> Result<(), Failed> {
    let (kept, lines) = (Kept::default(), Lines::default());
    let runtime = Runtime::builder()
        .permissions(Permissions::none().allow_listen(["127.0.0.1".parse()?]))
        .console(lines.clone())
        .access_log(kept.clone())
        .cache(scratch().join("atoll"))
        .build()?;
    let script = Script::new(
        "server.luau",
        "local _, server = net.serve({ port = 0, address = '127.0.0.1', request = function() return 'hello' end })
         print(server.port)",
    );
    let stop = Stop::new();
    let (runner, told) = (runtime.clone(), stop.clone());
    let executor = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    executor.block_on(async {
        let client = async {
            let port = loop {
                let text = lines.text();
                match text.lines().find_map(|line| line.parse::<u16>().ok()) {
                    Some(port) => break port,
                    None => tokio::task::yield_now().await,
                }
            };
            let asked = tokio::task::spawn_blocking(move || {
                ["/one?x", "/two", "/three"]
                    .map(|path| get(([127, 0, 0, 1], port).into(), path).map(|m| m.status()))
            });
            let asked = asked.await;
            told.stop();
            asked
        };
        let (_, asked) = tokio::join!(runner.run_until(&script, &stop), client);
        for status in asked? {
            assert_eq!(status?, 200);
        }
        Ok::<_, Failed>(())
    })?;
    let kept = kept.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert_eq!(kept, ["/one?x 200 5", "/two 200 5", "/three 200 5"]);
    assert_eq!(runtime.metrics().access_lines_lost, 1);
    Ok(())
}
