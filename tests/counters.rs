//! What an embedder reads of the counters of its runtimes.

use std::time::Duration;

use atoll::observe::{Both, Counted};
use atoll::{Limits, Permissions, Runtime, Script, Stop};
use libtest_mimic::{Failed, Trial};

use crate::embed::Lines;
use crate::harness::trials;

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    trials![an_embedder_reads_the_same, two_runtimes_count_apart]
}

fn executor() -> Result<tokio::runtime::Runtime, Failed> {
    Ok(tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?)
}

fn an_embedder_reads_the_same() -> Result<(), Failed> {
    let limits = Limits {
        run: Duration::from_millis(50),
        grace: Duration::from_millis(50),
        ..Limits::default()
    };
    let runtime = Runtime::builder()
        .permissions(Permissions::none().allow_listen(["127.0.0.1".parse()?]))
        .limits(limits)
        .console(Lines::default())
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
    let build = || Runtime::builder().console(Lines::default()).build();
    let (one, other) = (build()?, build()?);
    let script = Script::new("denied.luau", "net.request('http://127.0.0.1:1/')");
    executor()?.block_on(one.run_until(&script, &Stop::new()))?;
    assert_eq!((one.metrics().instances, other.metrics().instances), (1, 0));
    assert!(other.metrics().outgoing.over.is_empty());
    Ok(())
}
