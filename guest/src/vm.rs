//! Builds the Luau virtual machine for one program, and runs the program in it.
//!
//! Called by `lib.rs`. The libraries of a script are the sandboxed standard ones, without `loadstring`, and what
//! `prelude/` adds.

use std::rc::Rc;
use std::time::Duration;

use mlua::prelude::LuaString;
use mlua::{Function, IntoLuaMulti, Lua, LuaOptions, MultiValue, StdLib, Thread, ThreadStatus, Value};

use crate::bindings::console::Output;
use crate::bindings::types::ScriptErrorKind;
use crate::bindings::{self, Mode, Program, ScriptError};
use crate::heap::{self, Heap};
use crate::net::Servers;
use crate::problem::message_of;
use crate::require;
use crate::safepoint;
use crate::scheduler::Scheduler;
use crate::session;
use crate::slice::Slice;
use crate::source::{self, Fault};
use crate::{base64, console, crypto, functions, json, net, prelude, process, task, test};

/// Who the main script is in reports.
const MAIN_SCRIPT: &str = "main script";

/// Runs the program until nothing is left to wait for.
///
/// # Errors
///
/// The main script's own error: it is not Luau, it threw, or it waits for what nothing can end.
pub(crate) async fn run(program: Program) -> Result<(), ScriptError> {
    match Machine::start(program, false)? {
        Some(machine) => machine.run().await,
        None => Ok(()),
    }
}

/// A Luau machine with its program, which is started and yet to run.
pub(crate) struct Machine {
    /// Runs it.
    scheduler: Scheduler,
    /// Its servers.
    #[cfg(not(feature = "wasi-http"))]
    pub(crate) servers: Rc<Servers>,
    /// The coroutine of its main script.
    main: Thread,
    /// What messages call it.
    name: String,
    /// Everything above refers into it, so it is dropped last.
    pub(crate) lua: Lua,
}

impl Machine {
    /// A machine for the program; none where the program is only compiled. Where `holds`, its servers accept nothing until they
    /// are told to.
    ///
    /// # Errors
    ///
    /// What the main script is instead of Luau.
    pub(crate) fn start(program: Program, holds: bool) -> Result<Option<Self>, ScriptError> {
        let heap = Rc::new(Heap::new(usize::try_from(program.heap).unwrap_or(usize::MAX)));
        let slice = Rc::new(Slice::new(
            Duration::from_nanos(program.longest_run),
            heap.clone(),
        ));
        let most_parked = usize::try_from(program.parked).unwrap_or(usize::MAX);
        let scheduler = Scheduler::new(most_parked, slice.clone(), heap.clone());
        // Declared before everything that refers into it, so dropped after it.
        let lua = Lua::new_with(StdLib::ALL_SAFE, LuaOptions::new()).map_err(not_started)?;
        let servers = Rc::new(Servers::new(holds));
        let runner =
            prepare(&lua, &program, &scheduler, slice.clone(), heap, &servers).map_err(not_started)?;
        let interactive = program.mode == Mode::Session;
        safepoint::install(&lua, move |lua| slice.look(lua, interactive)).map_err(not_started)?;

        if program.mode == Mode::Compile {
            let bytecode = source::bytecode(&lua, &program.name, &program.source).map_err(not_compiled)?;
            bindings::console::write_line(Output::Out, &bytecode);
            return Ok(None);
        }
        let script =
            source::load(&lua, &program.name, &program.source, program.compiled).map_err(not_compiled)?;
        if program.mode == Mode::Check {
            return Ok(None);
        }
        let (body, arguments) = match runner {
            None => (script, MultiValue::new()),
            Some(runner) => (runner, script.into_lua_multi(&lua).map_err(not_started)?),
        };
        let main = lua.create_thread(body).map_err(not_started)?;
        {
            let (scheduler, main) = (scheduler.clone(), main.clone());
            scheduler
                .clone()
                .enqueue(move || scheduler.drive(main, arguments));
        }
        lua.set_named_registry_value(MAIN_SCRIPT, &main)
            .map_err(not_started)?;
        Ok(Some(Self {
            scheduler,
            #[cfg(not(feature = "wasi-http"))]
            servers,
            main,
            name: program.name,
            lua,
        }))
    }

    /// Runs the program until nothing is left to wait for.
    ///
    /// # Errors
    ///
    /// The main script's own error: it threw, or it waits for what nothing can end.
    pub(crate) async fn run(&self) -> Result<(), ScriptError> {
        self.scheduler.run(&self.lua).await?;
        if self.main.status() == ThreadStatus::Resumable {
            return Err(console::runtime_error(
                MAIN_SCRIPT,
                &format!(
                    "{}: the script has yielded, and nothing is left that could resume it",
                    self.name
                ),
                "",
            ));
        }
        Ok(())
    }
}

/// Adds the libraries and closes the sandbox; returns what runs the program in place of its main script.
fn prepare(
    lua: &Lua,
    program: &Program,
    scheduler: &Scheduler,
    slice: Rc<Slice>,
    heap: Rc<Heap>,
    servers: &Rc<Servers>,
) -> mlua::Result<Option<Function>> {
    let globals = lua.globals();
    globals.raw_remove("loadstring")?;

    let natives = lua.create_table()?;
    console::install(lua, &natives, slice)?;
    heap::install(lua, &natives, heap.clone())?;
    base64::install(lua, &natives, &heap)?;
    crypto::install(lua, &natives, &heap)?;
    json::install(lua, &natives, &heap)?;
    functions::install(lua, &natives, scheduler, &heap)?;
    process::install(lua, &natives, program)?;
    task::install(lua, &natives, scheduler)?;
    match program.mode {
        Mode::Script | Mode::Check | Mode::Compile => {}
        Mode::Session => session::install(lua, &natives, scheduler, &heap)?,
        Mode::Test => test::install(lua, &natives, scheduler)?,
    }
    require::install(lua, &natives, scheduler, program)?;
    natives.raw_set("report", report(lua, scheduler)?)?;
    let waiting = net::install(lua, &natives, scheduler, &heap, servers)?;

    let libraries = prelude::load(lua, &natives, program.mode)?;
    scheduler.set_drivers(libraries.drivers);
    waiting.set_drivers(libraries.handle_request, libraries.deliver);

    #[cfg(feature = "wasi-http")]
    crate::bindings::keep_seeder(globals.get::<mlua::Table>("math")?.raw_get("randomseed")?);

    lua.sandbox(true)?;
    lua.set_memory_limit(usize::try_from(program.heap).unwrap_or(usize::MAX))?;
    Ok(libraries.runner)
}

/// The native `report(thread, message, trace)`: an error that got out of a coroutine.
fn report(lua: &Lua, scheduler: &Scheduler) -> mlua::Result<Function> {
    let scheduler = scheduler.clone();
    lua.create_function(
        move |lua, (thread, message, trace): (Thread, LuaString, LuaString)| {
            let (message, trace) = (message.to_string_lossy(), trace.to_string_lossy());
            let main: Value = lua.named_registry_value(MAIN_SCRIPT)?;
            if main == Value::Thread(thread) {
                scheduler.end(Err(console::runtime_error(MAIN_SCRIPT, &message, &trace)));
            } else {
                console::report("task", &message, &trace);
            }
            Ok(())
        },
    )
}

/// The program's source is no chunk.
fn not_compiled(fault: Fault) -> ScriptError {
    let (kind, message) = match fault {
        Fault::Syntax(problem) => (ScriptErrorKind::Syntax, problem),
        Fault::Other(problem) => (ScriptErrorKind::Runtime, problem),
    };
    ScriptError {
        kind,
        ..console::runtime_error(MAIN_SCRIPT, &message, "")
    }
}

/// The libraries themselves did not fit into the heap.
fn not_started(problem: mlua::Error) -> ScriptError {
    console::runtime_error(
        MAIN_SCRIPT,
        &format!("the script was not started: {}", message_of(&problem)),
        "",
    )
}
