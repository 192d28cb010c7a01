//! Percent-encoding (RFC 3986, section 2.1): `net.urlEncode` and `net.urlDecode`.
//!
//! Called by `prelude/net.luau` through the natives. Not for forms: a `+` is a plus, as anywhere else in a URL.

use std::rc::Rc;

use mlua::prelude::LuaString;
use mlua::{Lua, Table, Value};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};

use crate::content::{Bytes, room_for};
use crate::heap::Heap;
use crate::problem::{Problem, answered};

const ENCODE: &str = "net.urlEncode";
const DECODE: &str = "net.urlDecode";

/// All but the unreserved characters (RFC 3986, section 2.3).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Adds the natives `url_encode(text)` and `url_decode(text)`.
///
/// # Errors
///
/// When the Luau heap is full.
pub(super) fn install(lua: &Lua, natives: &Table, heap: &Rc<Heap>) -> mlua::Result<()> {
    for (name, call, convert) in [
        (
            "url_encode",
            ENCODE,
            encode as fn(&[u8]) -> Result<Vec<u8>, Problem>,
        ),
        ("url_decode", DECODE, decode),
    ] {
        let heap = heap.clone();
        let native = lua.create_function(move |lua, text: Value| {
            answered(lua, converted(lua, &heap, call, &text, convert))
        })?;
        natives.raw_set(name, native)?;
    }
    Ok(())
}

fn converted(
    lua: &Lua,
    heap: &Heap,
    call: &str,
    text: &Value,
    convert: fn(&[u8]) -> Result<Vec<u8>, Problem>,
) -> Result<LuaString, Problem> {
    let result = Bytes::of(call, "the text", text)?.with(convert)?;
    heap.string(lua, call, &result)
}

fn encode(text: &[u8]) -> Result<Vec<u8>, Problem> {
    let pieces = || percent_encode(text, ENCODED).map(str::as_bytes);
    let mut encoded = room_for(ENCODE, pieces().map(<[u8]>::len).sum())?;
    pieces().for_each(|piece| encoded.extend_from_slice(piece));
    Ok(encoded)
}

fn decode(text: &[u8]) -> Result<Vec<u8>, Problem> {
    for (place, _) in text.iter().enumerate().filter(|(_, byte)| **byte == b'%') {
        let digits = text.get(place + 1..place + 3);
        if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            return Err(Problem(format!(
                "{DECODE}: the '%' at byte {} has no two hexadecimal digits behind it (a percent sign itself is %25)",
                place + 1
            )));
        }
    }
    let mut decoded = room_for(DECODE, text.len())?;
    decoded.extend(percent_decode(text));
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};
    use crate::problem::Problem;

    #[test]
    fn both_ways() {
        let table: [(&[u8], &[u8]); 6] = [
            (b"", b""),
            (b"AZaz09-._~", b"AZaz09-._~"),
            (b"a b+c", b"a%20b%2Bc"),
            (
                b":/?#[]@!$&'()*+,;=%",
                b"%3A%2F%3F%23%5B%5D%40%21%24%26%27%28%29%2A%2B%2C%3B%3D%25",
            ),
            ("é😀".as_bytes(), b"%C3%A9%F0%9F%98%80"),
            (b"\0\xff\x7f", b"%00%FF%7F"),
        ];
        for (text, encoded) in table {
            assert_eq!(encode(text).as_deref(), Ok(encoded));
            assert_eq!(decode(encoded).as_deref(), Ok(text));
        }
        assert_eq!(decode(b"a+b%2f%c3").as_deref(), Ok(&b"a+b/\xc3"[..]));
    }

    #[test]
    fn malformed() {
        for (text, place) in [
            ("%", 1),
            ("a%2", 2),
            ("%41%zz", 4),
            ("100%", 4),
            ("%%41", 1),
            ("%+1", 1),
        ] {
            let Err(Problem(problem)) = decode(text.as_bytes()) else {
                panic!("{text} is well-formed");
            };
            assert!(
                problem.contains(&format!("the '%' at byte {place} ")),
                "{problem}"
            );
        }
    }
}
