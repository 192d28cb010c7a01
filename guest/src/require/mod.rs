//! `require`: which file a string means, its text, and the function that it compiles to.
//!
//! Called by `prelude/require.luau`, which runs modules, keeps their values and makes those wait who require one that still
//! loads. `resolve` has the rules, the host has the files (`wit/modules.wit`).

mod aliases;
mod path;
mod resolve;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use mlua::{Function, Lua, MultiValue, Table, Thread, Value};

use self::resolve::{Entry, File, Files, Resolver, Target};
use crate::bindings::Program;
use crate::bindings::modules::{self, Entry as Found};
use crate::fields::shown;
use crate::prelude;
use crate::problem::Problem;
use crate::scheduler::Scheduler;
use crate::source::{self, Fault};

/// How many times its text a compiled module takes, about.
const GROWTH: usize = 4;

/// The project's files, which the host has.
#[derive(Debug)]
struct OnTheHost;

impl Files for OnTheHost {
    fn look(&self, paths: &[String]) -> Vec<Entry> {
        let entries = modules::look(paths).into_iter();
        entries
            .map(|entry| match entry {
                Found::Nothing(name) => Entry::Nothing(name),
                Found::File(file) => Entry::File(File {
                    path: file.path,
                    name: file.name,
                }),
                Found::Refused(reason) => Entry::Refused(reason),
            })
            .collect()
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        modules::read(path)
    }
}

/// What is known of the modules of one program.
struct Modules {
    /// None where the program has no files.
    resolver: Option<Resolver<OnTheHost>>,
    /// The main script's file.
    main: String,
    /// The files that chunks are from, by what Luau calls the chunks.
    chunks: BTreeMap<String, String>,
    /// Whether the files are bytecode.
    is_bytecode: bool,
    scheduler: Scheduler,
}

/// A require of the script, as it is seen from below.
struct Call {
    /// What Luau calls the chunk that it is in.
    chunk: String,
    /// `path:line`.
    position: String,
}

/// Adds the natives `resolve`, `compile`, `isolate` and `wake_later`.
///
/// # Errors
///
/// When the Luau heap is full.
pub(crate) fn install(
    lua: &Lua,
    natives: &Table,
    scheduler: &Scheduler,
    program: &Program,
) -> mlua::Result<()> {
    let project = modules::of_script();
    let main = project.as_ref().map(|project| project.script.clone());
    let main = main.unwrap_or_default();
    let shared = Rc::new(RefCell::new(Modules {
        resolver: project.map(|project| Resolver::new(OnTheHost, project.root)),
        chunks: BTreeMap::from([(chunk_name(&program.name), main.clone())]),
        main,
        is_bytecode: program.compiled,
        scheduler: scheduler.clone(),
    }));

    let modules = shared.clone();
    let resolve = lua.create_function(move |lua, wanted: Value| {
        let Some(call) = calling(lua) else {
            let problem = "require: it is not known which file requires here, as a coroutine was made of require itself: \
                make it of a function that calls require";
            return lua.pack_multi(problem);
        };
        match modules.borrow_mut().resolve(&call, &wanted) {
            Ok(Target::Library(name)) => lua.pack_multi((Value::Nil, call.position, name)),
            Ok(Target::Module(file)) => {
                lua.pack_multi((Value::Nil, call.position, Value::Nil, file.path, file.name))
            }
            Err(problem) => lua.pack_multi(format!("{}: require: {problem}", call.position)),
        }
    })?;
    natives.raw_set("resolve", resolve)?;

    let modules = shared;
    let compile = lua.create_function(move |lua, (path, name): (String, String)| {
        match modules.borrow_mut().compile(lua, &path, &name) {
            Ok(body) => lua.pack_multi((Value::Nil, body)),
            Err(Problem(problem)) => lua.pack_multi(problem),
        }
    })?;
    natives.raw_set("compile", compile)?;

    // Globals of its own for a thread that has not begun: what a chunk that is loaded in it writes stays there.
    let isolate = lua.create_function(|_, thread: Thread| thread.sandbox())?;
    natives.raw_set("isolate", isolate)?;

    let scheduler = scheduler.clone();
    let wake_later = lua.create_function(move |_, thread: Thread| {
        let shared = scheduler.clone();
        scheduler.enqueue(move || shared.wake(thread, MultiValue::new()));
        Ok(())
    })?;
    natives.raw_set("wake_later", wake_later)
}

impl Modules {
    fn resolve(&mut self, call: &Call, wanted: &Value) -> Result<Target, String> {
        let Value::String(wanted) = wanted else {
            return Err(format!("a module's name must be a string, got {}", shown(wanted)));
        };
        let wanted = wanted
            .to_str()
            .map_err(|_| format!("{} is not UTF-8", shown(&Value::String(wanted.clone()))))?;
        let Some(resolver) = &mut self.resolver else {
            return match resolve::library(&wanted)? {
                Some(library) => Ok(Target::Library(library)),
                None => Err(format!(
                    "{:?} cannot be required: this script has no files, only Atoll's libraries",
                    &*wanted
                )),
            };
        };
        let from = self.chunks.get(&call.chunk).unwrap_or(&self.main);
        let target = resolver.resolve(from, &wanted)?;
        match &target {
            Target::Module(file) if file.path == self.main => Err(format!(
                "{:?} is the main script ({}), which is no module",
                &*wanted, file.name
            )),
            _ => Ok(target),
        }
    }

    /// Reads and compiles a module, in the thread that is to run it.
    fn compile(&mut self, lua: &Lua, path: &str, name: &str) -> Result<Function, Problem> {
        let files = self.resolver.as_ref().map(Resolver::files);
        let files = files.ok_or_else(|| Problem("require: there are no files".to_owned()))?;
        let text = files
            .read(path)
            .map_err(|reason| Problem(format!("require: {reason}")))?;
        self.scheduler.make_room(lua, text.len().saturating_mul(GROWTH));
        let body = source::load(lua, name, &text, self.is_bytecode).map_err(|fault| match fault {
            Fault::Syntax(problem) | Fault::Other(problem) => Problem(problem),
        })?;
        self.chunks.insert(chunk_name(name), path.to_owned());
        Ok(body)
    }
}

/// What Luau calls the chunk of a file.
fn chunk_name(name: &str) -> String {
    format!("@{name}")
}

/// The innermost function of the script on the running coroutine's stack: `require` may have been called through `pcall`.
fn calling(lua: &Lua) -> Option<Call> {
    for level in 0.. {
        let (chunk, name, line) = lua.inspect_stack(level, |frame| {
            let source = frame.source();
            let is_scripts = source.what != "C" && source.short_src.as_deref() != Some(prelude::NAME);
            let chunk = source
                .source
                .filter(|_| is_scripts)
                .map(|chunk| chunk.into_owned());
            let name = source.short_src.map(|name| name.into_owned());
            (chunk, name.unwrap_or_default(), frame.current_line())
        })?;
        if let Some(chunk) = chunk {
            let position = line.map_or(name.clone(), |line| format!("{name}:{line}"));
            return Some(Call { chunk, position });
        }
    }
    None
}
