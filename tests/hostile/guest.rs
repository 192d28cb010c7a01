//! Builds the hostile guests: an attack is a few lines of WebAssembly text behind `prelude.wat`, wrapped as a component
//! of the world `script`.

use std::fmt;

use libtest_mimic::Failed;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::harness::root;

/// Where the test's own data begins in the guest's memory.
const DATA: usize = 4096;

/// Where the guest has its host write results.
pub(crate) const RESULT: &str = "(i32.const 64)";

/// What the host allocates with, unless the attack brings its own: it only ever counts up.
const REALLOC: &str = r#"
  (func (export "cabi_realloc") (param $old i32) (param $size i32) (param $align i32) (param $new i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 15)) (i32.const -16)))
    (global.set $heap (i32.add (local.get $at) (local.get $new)))
    (if (i32.gt_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536)))
      (then (drop (memory.grow (i32.add (i32.const 1) (i32.div_u (local.get $new) (i32.const 65536)))))))
    (local.get $at))"#;

/// Waits until the attack has returned: the plain ABI of an export. `$case` is the length of the program's source.
const RUN: &str = r#"
  (global $case (mut i32) (i32.const 0))
  (func (export "run") (param i32 i32 i32 i32 i32 i32 i32 i32 i64 i64 i32 i32 i32) (result i32)
    (global.set $case (local.get 3))
    (call $attack)
    (i32.const 2048))"#;

/// Bytes in the guest's memory. Displayed, it is the two arguments that name them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slice {
    pub(crate) at: usize,
    pub(crate) length: usize,
}

impl fmt::Display for Slice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(i32.const {}) (i32.const {})", self.at, self.length)
    }
}

/// A guest to be.
pub(crate) struct Guest {
    data: Vec<u8>,
    functions: String,
    imports: &'static str,
    realloc: &'static str,
    run: String,
}

impl Guest {
    pub(crate) fn new() -> Guest {
        Guest {
            data: Vec::new(),
            functions: String::new(),
            imports: "",
            realloc: REALLOC,
            run: RUN.to_owned(),
        }
    }

    /// A guest with this attack and no data.
    pub(crate) fn of(attack: impl fmt::Display) -> Guest {
        Guest::new().attack(attack)
    }

    /// Puts bytes into its memory.
    pub(crate) fn bytes(&mut self, bytes: impl AsRef<[u8]>) -> Slice {
        // Lists are to be aligned.
        self.data.resize(self.data.len().next_multiple_of(8), 0);
        let at = DATA + self.data.len();
        self.data.extend_from_slice(bytes.as_ref());
        Slice {
            at,
            length: bytes.as_ref().len(),
        }
    }

    /// Puts a list of header fields, or other pairs of strings, into its memory.
    pub(crate) fn pairs(&mut self, pairs: &[(&str, &[u8])]) -> Slice {
        let mut list = Vec::new();
        for (name, value) in pairs {
            let (name, value) = (self.bytes(name), self.bytes(value));
            list.extend(words(&[name.at, name.length, value.at, value.length]));
        }
        let list = self.bytes(list);
        Slice {
            at: list.at,
            length: pairs.len(),
        }
    }

    /// What it does: the locals and the body of a function without parameters.
    pub(crate) fn attack(self, body: impl fmt::Display) -> Guest {
        self.functions(format!("(func $attack {body})"))
    }

    /// As `attack`, with one for each value of `$case`.
    pub(crate) fn cases(self, cases: &[String]) -> Guest {
        let one = |(number, case): (usize, &String)| {
            format!("(if (i32.eq (global.get $case) (i32.const {number})) (then {case}))")
        };
        self.attack(cases.iter().enumerate().map(one).collect::<String>())
    }

    /// Further functions, tables, tags.
    pub(crate) fn functions(mut self, text: impl fmt::Display) -> Guest {
        self.functions.push_str(&text.to_string());
        self
    }

    /// Imports beyond those of the world `script`: those of `beyond.wit`.
    pub(crate) fn imports(mut self, text: &'static str) -> Guest {
        self.imports = text;
        self
    }

    /// What the host allocates with.
    pub(crate) fn realloc(mut self, text: &'static str) -> Guest {
        self.realloc = text;
        self
    }

    /// What the host calls.
    pub(crate) fn run(mut self, text: impl fmt::Display) -> Guest {
        self.run = text.to_string();
        self
    }

    /// The component.
    pub(crate) fn component(&self) -> Result<Vec<u8>, Failed> {
        let data: String = self.data.iter().map(|byte| format!("\\{byte:02x}")).collect();
        let text = format!(
            "(module\n{}\n{}\n{}\n{}\n{}\n(data (i32.const {DATA}) \"{data}\"))",
            self.imports,
            include_str!("prelude.wat"),
            self.realloc,
            self.run,
            self.functions,
        );
        let mut module = wat::parse_str(text)?;
        let failed = |error| format!("{error:#}");
        let mut resolve = Resolve::default();
        let (mut package, _) = resolve.push_dir(root().join("wit")).map_err(failed)?;
        let mut world = "script";
        if !self.imports.is_empty() {
            package = resolve
                .push_str("beyond.wit", include_str!("beyond.wit"))
                .map_err(failed)?;
            world = "beyond";
        }
        let world = resolve.select_world(&[package], Some(world)).map_err(failed)?;
        let built = embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
            .and_then(|()| ComponentEncoder::default().module(&module)?.encode());
        built.map_err(|error| format!("{error:#}").into())
    }
}

/// Numbers as they lie in memory.
pub(crate) fn words(numbers: &[usize]) -> Vec<u8> {
    let bytes = |number: &usize| u32::try_from(*number).unwrap_or(u32::MAX).to_le_bytes();
    numbers.iter().flat_map(bytes).collect()
}

/// Calls `send` with a request that is usual but for what is given; the result lies at `RESULT`.
pub(crate) fn send(method: Slice, url: Slice, headers: Slice, content: Slice) -> String {
    format!(
        "(call $send {method} {url} {headers} {content} (i32.const 0) (i64.const 5000000000) (i64.const 1000000) \
         (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) {RESULT})"
    )
}

/// Calls `connect` as `send` does.
pub(crate) fn connect(url: Slice, protocols: Slice, headers: Slice, most: u64) -> String {
    format!(
        "(call $connect {url} {protocols} {headers} (i64.const 5000000000) (i64.const {most}) \
         (i32.const 0) (i32.const 0) (i32.const 0) {RESULT})"
    )
}
