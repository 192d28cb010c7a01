//! The module that holds the translated functions, run as Atoll runs its guest.

use std::error::Error;
use std::fmt;

use wasm_encoder as wasm;
use wasm_encoder::ValType::{F64, I32};
use wasmtime::{Caller, Config, Engine, Func, Instance, Memory, Module, OptLevel, Store, Val};

use super::bytecode::Proto;
use super::translate::{self, ARITHMETIC, BOUNDS, BUFFER, COMPARE, FUNCTION, HEADER, LIMIT, NIL, NUMBER};

/// An argument or a result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    Nil,
    Number(f64),
    /// Any string: the translated functions see its type and leave it alone.
    String,
    /// The buffer in the module's memory.
    Buffer,
}

/// How a call ended that gave no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// An error of Luau's.
    Error(String),
    /// It met what is not translated, and the interpreter must have it.
    Interpreter,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self:?}")
    }
}

impl Error for Failure {}

/// The translated functions.
pub(super) struct Compiled {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
}

impl Compiled {
    /// Translates and compiles the functions that have a name.
    pub(super) fn new(protos: &[Proto]) -> Result<Compiled, Box<dyn Error>> {
        let mut config = Config::new();
        config
            .epoch_interruption(true)
            .cranelift_opt_level(OptLevel::Speed);
        let engine = Engine::new(&config)?;
        let module = Module::new(&engine, encode(protos)?)?;
        let mut store = Store::new(&engine, ());
        // It is looked at in each loop and never met.
        store.set_epoch_deadline(1 << 40);
        let fail = Func::wrap(
            &mut store,
            |_: Caller<'_, ()>, what: i32, line: i32, one: i32, other: i32| -> wasmtime::Result<()> {
                Err(failure(what, line, one, other).into())
            },
        );
        let instance = Instance::new(&mut store, &module, &[fail.into()])?;
        let memory = instance.get_memory(&mut store, "memory").ok_or("no memory")?;
        Ok(Compiled {
            store,
            instance,
            memory,
        })
    }

    /// Puts a buffer of so many zeros where [`Value::Buffer`] says.
    pub(super) fn set_buffer(&mut self, length: usize) -> Result<(), Box<dyn Error>> {
        let data = self.memory.data_mut(&mut self.store);
        data.fill(0);
        let head = data.get_mut(..4).ok_or("no room")?;
        head.copy_from_slice(&u32::try_from(length)?.to_le_bytes());
        Ok(())
    }

    /// The content of that buffer.
    pub(super) fn buffer(&self, length: usize) -> Option<&[u8]> {
        self.memory
            .data(&self.store)
            .get(HEADER as usize..)?
            .get(..length)
    }

    /// Calls a function by its name in the source.
    pub(super) fn call(&mut self, name: &str, arguments: &[Value]) -> Result<Value, Box<dyn Error>> {
        let function = self
            .instance
            .get_func(&mut self.store, name)
            .ok_or("no such function")?;
        let arguments: Vec<Val> = arguments.iter().copied().flat_map(pair).collect();
        let mut results = [Val::I32(0), Val::F64(0)];
        if let Err(error) = function.call(&mut self.store, &arguments, &mut results) {
            return Err(match error.downcast_ref::<Failure>() {
                Some(failure) => failure.clone().into(),
                None => format!("{error:#}").into(),
            });
        }
        match results {
            [Val::I32(NIL), _] => Ok(Value::Nil),
            [Val::I32(NUMBER), Val::F64(bits)] => Ok(Value::Number(f64::from_bits(bits))),
            _ => Err("a result of another type".into()),
        }
    }
}

fn pair(value: Value) -> [Val; 2] {
    let (tag, number) = match value {
        Value::Nil => (NIL, 0.0),
        Value::Number(number) => (NUMBER, number),
        Value::String => (5, 0.0),
        Value::Buffer => (BUFFER, 0.0),
    };
    [Val::I32(tag), Val::F64(number.to_bits())]
}

/// What Luau would say, where that needs no more than the types.
fn failure(what: i32, line: i32, one: i32, other: i32) -> Failure {
    let (Some(first), Some(second)) = (plain(one), plain(other)) else {
        // Its text may be a number, or it may have metamethods.
        return Failure::Interpreter;
    };
    let message = match what {
        COMPARE if one != other => format!("attempt to compare {first} < {second}"),
        LIMIT => format!("invalid 'for' limit (number expected, got {first})"),
        BOUNDS => "buffer access out of bounds".to_owned(),
        what => match usize::try_from(what).ok().and_then(|what| ARITHMETIC.get(what)) {
            Some(operator) => format!("attempt to perform arithmetic ({operator}) on {first} and {second}"),
            None => return Failure::Interpreter,
        },
    };
    Failure::Error(format!("ahead:{line}: {message}"))
}

fn plain(tag: i32) -> Option<&'static str> {
    match tag {
        NIL => Some("nil"),
        NUMBER => Some("number"),
        BUFFER => Some("buffer"),
        _ => None,
    }
}

fn encode(protos: &[Proto]) -> Result<Vec<u8>, Box<dyn Error>> {
    let (mut types, mut functions) = (wasm::TypeSection::new(), wasm::FunctionSection::new());
    let (mut exports, mut code) = (wasm::ExportSection::new(), wasm::CodeSection::new());
    types.ty().function([I32; 4], []);
    let named = protos
        .iter()
        .filter_map(|proto| Some((proto.name.as_deref()?, proto)));
    for ((name, proto), index) in named.zip(1..) {
        let parameters: Vec<_> = (0..proto.parameters).flat_map(|_| [I32, F64]).collect();
        types.ty().function(parameters, [I32, F64]);
        functions.function(index);
        exports.export(name, wasm::ExportKind::Func, index);
        let function =
            translate::translate(proto, index).map_err(|error| format!("{name}: not translated: {error}"))?;
        code.function(&function);
    }
    let mut imports = wasm::ImportSection::new();
    imports.import("luau", "fail", wasm::EntityType::Function(0));
    let mut memories = wasm::MemorySection::new();
    memories.memory(wasm::MemoryType {
        minimum: 16,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    // The type of what a function's upvalue holds: others may set it, so each call looks.
    let mut globals = wasm::GlobalSection::new();
    globals.global(
        wasm::GlobalType {
            val_type: I32,
            mutable: true,
            shared: false,
        },
        &wasm::ConstExpr::i32_const(FUNCTION),
    );
    exports.export("memory", wasm::ExportKind::Memory, 0);
    exports.export("upvalue", wasm::ExportKind::Global, 0);
    let mut module = wasm::Module::new();
    module
        .section(&types)
        .section(&imports)
        .section(&functions)
        .section(&memories);
    module.section(&globals).section(&exports).section(&code);
    Ok(module.finish())
}
