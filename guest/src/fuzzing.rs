//! What the fuzz targets of the guest try: a function for each, which takes any bytes and panics where something that must
//! hold does not. `fuzz/guest` runs them under libFuzzer; the test at the end feeds them what its `corpus` keeps.

use std::rc::Rc;
use std::time::Duration;

use mlua::{Lua, Table, Value};

use crate::bindings::types::Header;
use crate::heap::Heap;
use crate::json;
use crate::net::{request_options, serve_options::ServeOptions, websocket_options};
use crate::problem::Problem;

/// Bytes of the Luau heap that the targets have.
const HEAP: usize = 64 << 20;

/// A text: what `json.decode` takes is what another reader takes, and what it means survives a way through `json.encode`.
pub fn json(data: &[u8]) {
    let lua = Lua::new();
    let mark = lua.create_table().expect("a table");
    let heap = Rc::new(Heap::new(HEAP));
    let string = |bytes: &[u8]| Value::String(lua.create_string(bytes).expect("a string"));
    let reference: Result<serde_json::Value, _> =
        serde_json::from_slice(data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data));
    let value = match json::decode::decode(&lua, &heap, &mark, &string(data)) {
        Err(Problem(problem)) => {
            assert!(problem.starts_with("json.decode: "), "{problem}");
            assert!(reference.is_err(), "{problem}: {:?}", String::from_utf8_lossy(data));
            return;
        }
        Ok(value) => value,
    };
    assert!(reference.is_ok(), "{:?}", String::from_utf8_lossy(data));
    let encode = |value: &Value| json::encode::encode(&heap, &mark, value, &Value::Nil);
    let text = encode(&value).expect("it came from JSON");
    let again = json::decode::decode(&lua, &heap, &mark, &string(&text)).expect("we wrote it");
    assert_eq!(encode(&again).expect("it came from JSON"), text);
    let ours: serde_json::Value = serde_json::from_slice(&text).expect("we wrote it");
    let theirs = reference.expect("checked above");
    assert!(alike(&ours, &theirs), "{ours} {theirs}");
}

/// Whether two values are one to a reader that has doubles alone.
fn alike(one: &serde_json::Value, other: &serde_json::Value) -> bool {
    use serde_json::Value::{Array, Number, Object};
    match (one, other) {
        (Number(one), Number(other)) => one.as_f64() == other.as_f64(),
        (Array(one), Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| alike(one, other))
        }
        (Object(one), Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(name, value)| other.get(name).is_some_and(|other| alike(value, other)))
        }
        _ => one == other,
    }
}

/// Bytes that say which arguments a script gives: they are refused in words that begin with the call, or become what the host
/// may be asked for.
pub fn options(data: &[u8]) {
    let lua = Lua::new();
    let mut given = Given { lua: &lua, data };
    let kind = given.byte();
    let (first, second) = (given.value(0), given.value(0));
    match kind % 3 {
        0 => match request_options::read(&first, &second) {
            Err(Problem(problem)) => assert!(problem.starts_with("net.request: "), "{problem}"),
            Ok(None) => {}
            Ok(Some(request)) => {
                assert!(request.url.contains("://"), "{}", request.url);
                assert!(!request.method.is_empty() && request.method.bytes().all(is_token));
                can_be_sent(&request.headers);
                is_time(request.timeout);
            }
        },
        1 => match ServeOptions::read(&first) {
            Err(Problem(problem)) => assert!(problem.starts_with("net.serve: "), "{problem}"),
            Ok(options) => {
                assert!(options.listen.max_connections > 0);
                is_time(options.listen.timeout);
            }
        },
        _ => match websocket_options::read(&first, &second) {
            Err(Problem(problem)) => assert!(problem.starts_with("net.websocket: "), "{problem}"),
            Ok(None) => {}
            Ok(Some(request)) => {
                assert!(request.url.contains("://"), "{}", request.url);
                assert!(request.protocols.iter().all(|name| name.bytes().all(is_token)));
                can_be_sent(&request.headers);
                is_time(request.timeout);
            }
        },
    }
}

fn is_time(nanoseconds: u64) {
    assert!(Duration::from_nanos(nanoseconds) > Duration::ZERO);
}

fn can_be_sent(headers: &[Header]) {
    for header in headers {
        assert!(!header.name.is_empty() && header.name.bytes().all(is_token));
        assert!(!header.value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
    }
}

/// RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Names of fields, so that the fuzzer need not spell them.
const NAMES: [&str; 24] = [
    "port", "address", "reuseAddress", "request", "webhook", "websocket", "tls", "cert", "key", "maxBodySize",
    "maxConnections", "timeout", "error", "method", "headers", "body", "allowRedirects", "decompress", "ca", "query",
    "stream", "protocols", "maxMessageSize", "upgrade",
];

/// Values as the bytes say.
struct Given<'a> {
    lua: &'a Lua,
    data: &'a [u8],
}

impl Given<'_> {
    fn byte(&mut self) -> u8 {
        match self.data.split_first() {
            None => 0,
            Some((first, rest)) => {
                self.data = rest;
                *first
            }
        }
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = usize::from(self.byte()).min(self.data.len());
        let (bytes, rest) = self.data.split_at(length);
        self.data = rest;
        bytes.to_vec()
    }

    fn number(&mut self) -> f64 {
        let mut bits = [0; 8];
        for byte in &mut bits {
            *byte = self.byte();
        }
        f64::from_le_bytes(bits)
    }

    fn value(&mut self, depth: u32) -> Value {
        match self.byte() % 10 {
            0 => Value::Nil,
            1 => Value::Boolean(true),
            2 => Value::Integer(self.byte().into()),
            3 => Value::Number(self.number()),
            4 | 5 => Value::String(self.lua.create_string(self.bytes()).expect("a string")),
            6 => Value::Buffer(self.lua.create_buffer(self.bytes()).expect("a buffer")),
            7 => Value::Function(self.lua.create_function(|_, ()| Ok(())).expect("a function")),
            _ if depth > 3 => Value::Boolean(false),
            _ => Value::Table(self.table(depth)),
        }
    }

    fn table(&mut self, depth: u32) -> Table {
        let table = self.lua.create_table().expect("a table");
        for index in 0..self.byte() % 16 {
            let choice = usize::from(self.byte());
            let value = self.value(depth + 1);
            match NAMES.get(choice % 32) {
                Some(name) => table.raw_set(*name, value),
                None if choice % 2 == 0 => table.raw_set(i64::from(index) + 1, value),
                None => table.raw_set(self.lua.create_string(self.bytes()).expect("a string"), value),
            }
            .expect("a field");
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    #[test]
    fn what_the_fuzzers_found_worth_keeping() {
        let targets: [(&str, fn(&[u8])); 2] = [("json", super::json), ("options", super::options)];
        for (name, target) in targets {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/guest/corpus").join(name);
            let mut files = 0;
            for entry in fs::read_dir(folder).expect("the corpus") {
                target(&fs::read(entry.expect("a file").path()).expect("its content"));
                files += 1;
            }
            assert!(files > 0, "{name} has nothing to try");
        }
    }
}
