//! What an embedder says of the time, and reads of what runs use.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use atoll::{Clock, Limits, Meter, Script, Sleeping};
use libtest_mimic::{Failed, Trial};

use crate::embed::block_on;
use crate::functions::builder;
use crate::harness::trials;

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    trials![
        a_clock_of_ones_own,
        limits_go_by_real_time,
        a_run_tells_what_it_uses,
    ]
}

/// A time that passes only while scripts wait.
#[derive(Clone, Default)]
struct Still(Arc<Mutex<Duration>>);

impl Clock for Still {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.elapsed()
    }

    fn elapsed(&self) -> Duration {
        *self.0.lock().expect("nobody panics with it")
    }

    fn sleep(&self, time: Duration) -> Sleeping {
        *self.0.lock().expect("nobody panics with it") += time;
        Box::pin(std::future::ready(()))
    }
}

fn a_clock_of_ones_own() -> Result<(), Failed> {
    let (builder, lines) = builder();
    let runtime = builder.clock(Still::default()).build()?;
    let source = "print(os.time(), os.clock(), os.date('!%Y-%m-%d'))
        print(task.wait(86400), os.time(), os.clock())
        task.delay(10, function() print(os.clock()) end)";
    block_on(runtime.run(&Script::new("main.luau", source)))??;
    assert_eq!(lines.text(), "0\t0\t1970-01-01\n86400\t86400\t86400\n86410\n");
    Ok(())
}

fn limits_go_by_real_time() -> Result<(), Failed> {
    let (builder, lines) = builder();
    let limits = Limits {
        run: Duration::from_millis(100),
        ..Limits::default()
    };
    let runtime = builder.clock(Still::default()).limits(limits).build()?;
    let source = "print(pcall(function() while true do end end))";
    block_on(runtime.run(&Script::new("main.luau", source)))??;
    assert!(lines.text().contains("limit run"), "{}", lines.text());
    Ok(())
}

fn a_run_tells_what_it_uses() -> Result<(), Failed> {
    let (builder, _) = builder();
    let runtime = builder.build()?;
    let (idle, busy) = (Meter::new(), Meter::new());
    assert_eq!(idle.usage().peak_memory, 0);
    let waits = Script::new("waits.luau", "task.wait(0.5)").meter(&idle);
    let works = Script::new(
        "works.luau",
        "local began = os.clock() while os.clock() - began < 0.3 do end
        held = buffer.create(20 * 1024 * 1024) task.wait(0.1)",
    )
    .meter(&busy);
    let during = block_on(async {
        let reading = async {
            while busy.usage().memory < 20 << 20 {
                tokio::task::yield_now().await;
            }
            busy.usage()
        };
        let (one, other, during) = tokio::join!(runtime.run(&waits), runtime.run(&works), reading);
        one.and(other).map(|()| during)
    })??;
    assert!(during.busy >= Duration::from_millis(250), "{during:?}");
    let (idle, busy) = (idle.usage(), busy.usage());
    assert_eq!((idle.memory, busy.memory), (0, 0));
    assert!(
        busy.peak_memory >= idle.peak_memory + (20 << 20),
        "{busy:?} {idle:?}"
    );
    assert!(
        idle.busy > Duration::ZERO && idle.busy < busy.busy,
        "{busy:?} {idle:?}"
    );
    Ok(())
}
