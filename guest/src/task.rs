//! The Rust half of the `task` library: waits, delays and deferred tasks.
//!
//! Called by `prelude/task.luau`, which has checked the types of threads and functions and resumes threads itself.
//! `task.spawn` needs nothing from here.

use std::time::Duration;

use mlua::{IntoLuaMulti, Lua, MultiValue, Table, Thread, Value};

use crate::bindings::timer;
use crate::bindings::types::ErrorCode;
use crate::console;
use crate::fields::{nanoseconds, shown};
use crate::net::error;
use crate::problem::{Problem, handed_over};
use crate::scheduler::Scheduler;

/// Adds `os.clock`, and the natives `wait`, `delay`, `defer` and `forget`.
///
/// # Errors
///
/// When the Luau heap is full.
pub(crate) fn install(lua: &Lua, natives: &Table, scheduler: &Scheduler) -> mlua::Result<()> {
    // What limits go by is another time: one that no embedder chooses.
    let clock = lua.create_function(|_, ()| Ok(now().as_secs_f64()))?;
    lua.globals().get::<Table>("os")?.raw_set("clock", clock)?;

    let shared = scheduler.clone();
    let wait =
        lua.create_function(move |lua, seconds: Value| handed_over(lua, wait(lua, &shared, &seconds)))?;
    natives.raw_set("wait", wait)?;

    let shared = scheduler.clone();
    let delay = lua.create_function(
        move |lua, (thread, seconds, values): (Thread, Value, MultiValue)| {
            handed_over(lua, delay(&shared, thread, &seconds, values))
        },
    )?;
    natives.raw_set("delay", delay)?;

    let shared = scheduler.clone();
    let defer = lua.create_function(move |lua, (thread, values): (Thread, MultiValue)| {
        handed_over(lua, shared.defer(thread, values))
    })?;
    natives.raw_set("defer", defer)?;

    let shared = scheduler.clone();
    let forget = lua.create_function(move |_, thread: Thread| {
        shared.forget(&thread);
        Ok(())
    })?;
    natives.raw_set("forget", forget)
}

/// Parks the running coroutine; its call returns the elapsed seconds, or nil and why the host refused.
fn wait(lua: &Lua, scheduler: &Scheduler, seconds: &Value) -> Result<(), Problem> {
    let time = time_of("task.wait", seconds)?;
    scheduler.park(lua, sleep(time), |lua, outcome| match outcome {
        Ok(elapsed) => elapsed.as_secs_f64().into_lua_multi(lua),
        Err(refusal) => (Value::Nil, error::words(&refusal)).into_lua_multi(lua),
    })
}

/// Resumes `thread` with `values` when the time has passed.
fn delay(scheduler: &Scheduler, thread: Thread, seconds: &Value, values: MultiValue) -> Result<(), Problem> {
    let time = time_of("task.delay", seconds)?;
    let shared = scheduler.clone();
    scheduler.start_for(&thread.clone(), sleep(time), move |outcome| match outcome {
        Ok(_) => shared.drive(thread, values),
        Err(refusal) => console::report("task", &format!("task.delay: {}", error::words(&refusal)), ""),
    })
}

/// Waits for at least this long and returns how long it was.
pub(crate) async fn sleep(time: Duration) -> Result<Duration, ErrorCode> {
    let began = now();
    loop {
        let elapsed = now().saturating_sub(began);
        let Some(left) = time.checked_sub(elapsed).filter(|left| !left.is_zero()) else {
            return Ok(elapsed);
        };
        timer::sleep(u64::try_from(left.as_nanos()).unwrap_or(u64::MAX)).await?;
    }
}

/// The script's own time.
fn now() -> Duration {
    Duration::from_nanos(timer::now())
}

/// The time that a script named: what is no time at all means the next turn.
fn time_of(call: &str, seconds: &Value) -> Result<Duration, Problem> {
    let seconds = match *seconds {
        Value::Nil => 0.0,
        Value::Integer(given) => given as f64,
        Value::Number(given) => given,
        ref other => {
            let got = shown(other);
            return Err(Problem(format!(
                "{call}: the time must be a number of seconds, got {got}"
            )));
        }
    };
    // Negative times and NaN become zero in the conversion.
    Ok(Duration::from_nanos(nanoseconds(seconds)))
}
