//! An experiment: functions of Luau's compiled to WebAssembly ahead of time, against Luau's interpreter as native code and in
//! Atoll. `docs/ahead-of-time.md` says what it shows. Nothing of the product uses it.

mod bytecode;
mod module;
mod structure;
mod translate;

use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use mlua::{Compiler, Function, Lua, MultiValue};

use crate::median::spread;
use module::{Compiled, Failure, Value};

/// The functions.
const SOURCE: &str = include_str!("../ahead.luau");

/// Bytes of the buffer that `fill` fills.
const LENGTH: usize = 65536;

/// What is timed.
const WORK: [(&str, &[Value]); 3] = [
    ("fib", &[Value::Number(30.0)]),
    ("loop", &[Value::Number(2e7)]),
    ("fill", &[Value::Buffer, Value::Number(50.0)]),
];

/// What must come out as it does in the interpreter, errors included.
const CASES: [(&str, &[Value], usize); 12] = [
    ("fib", &[Value::Number(20.0)], 0),
    ("fib", &[Value::Number(-1.5)], 0),
    ("fib", &[Value::Nil], 0),
    ("fib", &[Value::String], 0),
    ("loop", &[Value::Number(1000.0)], 0),
    ("loop", &[Value::Number(f64::NAN)], 0),
    ("loop", &[Value::Nil], 0),
    ("fill", &[Value::Buffer, Value::Number(3.0)], LENGTH),
    ("fill", &[Value::Buffer, Value::Number(1.0)], LENGTH - 1),
    ("add", &[Value::Number(0.1), Value::Number(0.2)], 0),
    ("add", &[Value::Number(1.0), Value::Nil], 0),
    ("add", &[Value::String, Value::Number(1.0)], 0),
];

/// Checks the results, and prints how much time each of the three takes.
pub(crate) fn run(atoll: &Path, rounds: usize) -> Result<(), Box<dyn Error>> {
    let lua = Lua::new();
    lua.sandbox(true)?;
    let bytecode = Compiler::new()
        .set_optimization_level(1)
        .set_debug_level(1)
        .compile(SOURCE)?;
    let functions: MultiValue = lua.load(SOURCE).set_name("=ahead").eval()?;
    let mut compiled = Compiled::new(&bytecode::read(&bytecode)?)?;
    for (name, arguments, length) in CASES {
        same(&lua, &functions, &mut compiled, name, arguments, length)?;
    }
    println!("{} results and errors are the interpreter's", CASES.len());
    println!("milliseconds, median of {rounds} rounds; in brackets the ratio to native Luau");
    let mut times: Vec<[Vec<f64>; 3]> = WORK.iter().map(|_| Default::default()).collect();
    for _ in 0..rounds {
        let sandboxed = interpreted(atoll)?;
        for (((name, arguments), times), sandboxed) in WORK.iter().zip(&mut times).zip(sandboxed) {
            let native = function(&functions, name)?;
            let values = values(&lua, arguments, LENGTH)?;
            let start = Instant::now();
            native.call::<()>(values)?;
            let native = start.elapsed();
            compiled.set_buffer(LENGTH)?;
            let start = Instant::now();
            compiled.call(name, arguments)?;
            let ahead = start.elapsed();
            let [of_native, of_atoll, of_ahead] = times;
            of_native.push(native.as_secs_f64() * 1e3);
            of_atoll.push(sandboxed * 1e3);
            of_ahead.push(ahead.as_secs_f64() * 1e3);
        }
    }
    for ((name, _), times) in WORK.iter().zip(&times) {
        let [native, atoll, ahead] = times.each_ref().map(|times| spread(times).0);
        println!(
            "  {name:<5} native {native:>7.1}  Atoll {atoll:>7.1} ({:.2})  ahead of time {ahead:>7.1} ({:.2})",
            atoll / native,
            ahead / native
        );
    }
    Ok(())
}

/// Compares one call's result, or its error, and what it leaves in the buffer.
fn same(
    lua: &Lua,
    functions: &MultiValue,
    compiled: &mut Compiled,
    name: &str,
    arguments: &[Value],
    length: usize,
) -> Result<(), Box<dyn Error>> {
    let values = values(lua, arguments, length)?;
    let buffer = values.iter().find_map(mlua::Value::as_buffer).cloned();
    let expected = match function(functions, name)?.call::<mlua::Value>(values.clone()) {
        Ok(mlua::Value::Integer(whole)) => Ok(Some(whole as f64)),
        Ok(value) => Ok(value.as_f64()),
        Err(mlua::Error::RuntimeError(message)) => Err(message.lines().next().unwrap_or_default().to_owned()),
        Err(error) => return Err(error.into()),
    };
    let before = buffer.as_ref().map(mlua::Buffer::to_vec);
    compiled.set_buffer(length)?;
    let got = match compiled.call(name, arguments) {
        Ok(Value::Number(number)) => Ok(Some(number)),
        Ok(_) => Ok(None),
        Err(error) => match error.downcast_ref::<Failure>() {
            Some(Failure::Error(message)) => Err(message.clone()),
            // It had no effect yet: these functions look at their arguments before anything else. So it is called once more.
            Some(Failure::Interpreter) => expected.clone(),
            None => return Err(error),
        },
    };
    if got != expected || before.as_deref() != buffer.as_ref().and_then(|_| compiled.buffer(length)) {
        return Err(format!("{name}{arguments:?}: {got:?} in place of {expected:?}").into());
    }
    Ok(())
}

fn function<'a>(functions: &'a MultiValue, name: &str) -> Result<&'a Function, Box<dyn Error>> {
    let index = ["fib", "loop", "fill", "add"]
        .iter()
        .position(|other| *other == name);
    let value = index.and_then(|index| functions.get(index));
    Ok(value
        .and_then(mlua::Value::as_function)
        .ok_or("no such function")?)
}

fn values(lua: &Lua, arguments: &[Value], length: usize) -> mlua::Result<MultiValue> {
    let value = |argument: &Value| {
        Ok(match argument {
            Value::Nil => mlua::Value::Nil,
            Value::Number(number) => mlua::Value::Number(*number),
            Value::String => mlua::Value::String(lua.create_string("10")?),
            Value::Buffer => mlua::Value::Buffer(lua.create_buffer(vec![0; length])?),
        })
    };
    arguments.iter().map(value).collect()
}

/// Seconds in Atoll's interpreter, in the order of [`WORK`].
fn interpreted(atoll: &Path) -> Result<Vec<f64>, Box<dyn Error>> {
    let script = std::env::temp_dir().join(format!("atoll-ahead-{}.luau", std::process::id()));
    let mut text = format!("local fib, loop, fill = (function()\n{SOURCE}\nend)()\nlocal start\n");
    for (name, arguments) in WORK {
        let arguments: Vec<String> = arguments
            .iter()
            .map(|argument| match argument {
                Value::Number(number) => number.to_string(),
                _ => format!("buffer.create({LENGTH})"),
            })
            .collect();
        text += &format!(
            "start = os.clock() {name}({}) print(os.clock() - start)\n",
            arguments.join(", ")
        );
    }
    std::fs::write(&script, text)?;
    let output = Command::new(atoll)
        .arg("run")
        .arg(&script)
        .args(["--limit", "run=600"])
        .output();
    std::fs::remove_file(&script)?;
    let output = output?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let times = String::from_utf8(output.stdout)?;
    Ok(times.lines().map(str::parse).collect::<Result<_, _>>()?)
}
