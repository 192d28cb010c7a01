//! Runs a batch of functions that nobody has to trust, all at once and each within five seconds, and prints what they return and what
//! they used.
//!
//! Run it with `cargo run --example batch`, or with files of your own: `cargo run --example batch -- one.luau two.luau`. Each is a
//! module that returns a function.

use std::env;
use std::error::Error;
use std::fs;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use atoll::{Limits, Meter, Modules, Namespace, RunError, Runtime, Script};
use futures_util::future::join_all;

/// What a function runs in.
const MAIN: &str = r#"assert(batch.done(require("./job")()))"#;

const JOBS: [(&str, &str); 5] = [
    (
        "sum",
        "return function() local sum = 0 for i = 1, 1000 do sum += i end return { sum = sum } end",
    ),
    ("waits", "return function() task.wait(0.1) return 'waited' end"),
    ("forever", "return function() while true do end end"),
    (
        "hungry",
        "return function() local all = {} while true do table.insert(all, string.rep('x', 1000) .. #all) end end",
    ),
    (
        "reaches out",
        "return function() return { net.request('http://169.254.169.254/') } end",
    ),
];

/// One function of the batch: its name, and how it went.
async fn run(runtime: &Runtime, name: String, source: String) -> String {
    let result = Arc::new(Mutex::new(None));
    let place = result.clone();
    let done = move |value: serde_json::Value| {
        *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
        async { Ok::<_, &str>(()) }
    };
    let meter = Meter::new();
    let script = Script::new("main.luau", MAIN)
        .modules(Modules::sources([("job.luau", source)]))
        .functions(Namespace::new("batch").function("done", done))
        .meter(&meter);
    let ended = runtime.run(&script).await;
    let value = result.lock().unwrap_or_else(PoisonError::into_inner).take();
    let outcome = match (ended, value) {
        (Ok(()), Some(value)) => value.to_string(),
        (Ok(()), None) => "it ended without a result".to_owned(),
        (Err(RunError::Script(error)), _) => error.message,
        (Err(error), _) => error.to_string(),
    };
    let usage = meter.usage();
    format!(
        "{name}: {outcome}\n    {} ms of work, {} MiB at most",
        usage.busy.as_millis(),
        usage.peak_memory >> 20
    )
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut jobs = Vec::new();
    for path in env::args().skip(1) {
        let source = fs::read_to_string(&path)?;
        jobs.push((path, source));
    }
    if jobs.is_empty() {
        jobs.extend(JOBS.map(|(name, source)| (name.to_owned(), source.to_owned())));
    }
    // Nothing is allowed, and everything has an end.
    let mut limits = Limits::default();
    limits.set("memory=32m")?;
    limits.set("run=0.5")?;
    limits.wall = Some(Duration::from_secs(5));
    let mut runtime = Runtime::builder().limits(limits);
    if let Some(folder) = env::var_os("ATOLL_EXAMPLE_CACHE") {
        runtime = runtime.cache(folder);
    }
    let runtime = runtime.build()?;
    let running = jobs.into_iter().map(|(name, source)| run(&runtime, name, source));
    for line in join_all(running).await {
        println!("{line}");
    }
    Ok(())
}
