//! What `prelude/test_run.luau` needs to run tests one after the other, and to tell the host of them.

use std::time::Duration;

use mlua::prelude::LuaString;
use mlua::{IntoLua, IntoLuaMulti, Lua, Table};

use crate::bindings::test::{self, Fate, TestCase};
use crate::fields::nanoseconds;
use crate::scheduler::Scheduler;
use crate::task::sleep;

/// Adds the natives that a run of tests is made of. None of them counts as waiting: the run goes on where too much waits.
///
/// - `plan(tests)` tells the host of the tests, each `{ fate, name, … }` with the names of its groups first; returns for each
///   whether to run it, and the seconds that one may take;
/// - `begin(number)` tells that a test begins, and returns whether it is to; `done()` tells that it has ended;
/// - `within(seconds)` parks the coroutine until the time has passed (true), or `settle()` is called or nothing else is left to wait
///   for (false);
/// - `leave()` ends the program.
///
/// # Errors
///
/// When the Luau heap is full.
pub(crate) fn install(lua: &Lua, natives: &Table, scheduler: &Scheduler) -> mlua::Result<()> {
    natives.raw_set("plan", lua.create_function(plan)?)?;
    let begin = lua.create_function(|_, number: u32| Ok(test::begin(number)))?;
    natives.raw_set("begin", begin)?;
    let done = lua.create_function(|_, ()| {
        test::end();
        Ok(())
    })?;
    natives.raw_set("done", done)?;

    let shared = scheduler.clone();
    let within = lua.create_function(move |lua, seconds: f64| {
        let (thread, lua, scheduler) = (lua.current_thread(), lua.clone(), shared.clone());
        let time = Duration::from_nanos(nanoseconds(seconds));
        shared.watch(sleep(time), move |outcome| {
            // A host that refuses to wait has no time left either.
            let values = outcome.is_some().into_lua_multi(&lua);
            scheduler.wake(thread, values.unwrap_or_default());
        });
        Ok(())
    })?;
    natives.raw_set("within", within)?;
    let shared = scheduler.clone();
    let settle = lua.create_function(move |_, ()| {
        shared.unwatch();
        Ok(())
    })?;
    natives.raw_set("settle", settle)?;

    let shared = scheduler.clone();
    let leave = lua.create_function(move |_, ()| {
        shared.end(Ok(()));
        Ok(())
    })?;
    natives.raw_set("leave", leave)
}

/// Tells the host of the tests; returns which to run, and the seconds that one may take.
fn plan(lua: &Lua, tests: Table) -> mlua::Result<(Table, f64)> {
    let mut cases = Vec::with_capacity(tests.raw_len());
    for test in tests.sequence_values::<Table>() {
        let mut words = test?
            .sequence_values::<LuaString>()
            .map(|word| word.map(|word| word.to_string_lossy()))
            .collect::<mlua::Result<Vec<String>>>()?
            .into_iter();
        cases.push(TestCase {
            fate: match words.next().as_deref() {
                Some("skip") => Fate::Skip,
                Some("todo") => Fate::Todo,
                _ => Fate::Run,
            },
            names: words.collect(),
        });
    }
    let schedule = test::plan(&cases);
    let chosen = schedule.chosen.into_iter().map(|chosen| chosen.into_lua(lua));
    let chosen = lua.create_sequence_from(chosen.collect::<mlua::Result<Vec<_>>>()?)?;
    Ok((chosen, Duration::from_nanos(schedule.time_limit).as_secs_f64()))
}
