//! The Rust half of the `base64` library (RFC 4648).
//!
//! Called by `vm.rs` once; `prelude/libraries.luau` calls the natives. Refuses white space, symbols of the other alphabet, padding that is too
//! short or long, and last symbols with bits that no encoder sets.

use std::rc::Rc;

use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{DecodeError, DecodeSliceError, Engine, alphabet, decoded_len_estimate, encoded_len};
use mlua::prelude::LuaString;
use mlua::{Lua, Table, Value};

use crate::base64_options;
use crate::content::{Bytes, no_memory, room_for};
use crate::heap::Heap;
use crate::problem::{Problem, answered};

const ENCODE: &str = "base64.encode";
const DECODE: &str = "base64.decode";

/// With padding, which has to be complete.
const PADDED: GeneralPurposeConfig = GeneralPurposeConfig::new();

/// Without padding.
const BARE: GeneralPurposeConfig = PADDED
    .with_encode_padding(false)
    .with_decode_padding_mode(DecodePaddingMode::RequireNone);

// Their tables are made at compile time.
static STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, PADDED);
static STANDARD_BARE: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, BARE);
static URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, PADDED);
static URL_BARE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, BARE);

/// Adds the natives `base64_encode(data, options)` and `base64_decode(text, options)`.
///
/// # Errors
///
/// When the Luau heap is full.
pub(crate) fn install(lua: &Lua, natives: &Table, heap: &Rc<Heap>) -> mlua::Result<()> {
    let shared = heap.clone();
    let encode = lua.create_function(move |lua, (data, options): (Value, Value)| {
        answered(lua, encode(lua, &shared, &data, &options))
    })?;
    natives.raw_set("base64_encode", encode)?;

    let shared = heap.clone();
    let decode = lua.create_function(move |lua, (text, options): (Value, Value)| {
        answered(lua, decode(lua, &shared, &text, &options))
    })?;
    natives.raw_set("base64_decode", decode)
}

fn encode(lua: &Lua, heap: &Heap, data: &Value, options: &Value) -> Result<LuaString, Problem> {
    let (is_url, is_padded) = base64_options::of_encode(ENCODE, options)?;
    let text = Bytes::of(ENCODE, "the data", data)?.with(|data| encoded(is_url, is_padded, data))?;
    heap.string(lua, ENCODE, &text)
}

fn encoded(is_url: bool, is_padded: bool, data: &[u8]) -> Result<Vec<u8>, Problem> {
    let length = encoded_len(data.len(), is_padded).ok_or_else(|| no_memory(ENCODE))?;
    let mut text = room_for(ENCODE, length)?;
    text.resize(length, 0);
    // It has exactly the room that it needs.
    match engine(is_url, is_padded).encode_slice(data, &mut text) {
        Ok(_) => Ok(text),
        Err(_) => Err(no_memory(ENCODE)),
    }
}

fn decode(lua: &Lua, heap: &Heap, text: &Value, options: &Value) -> Result<LuaString, Problem> {
    let is_url = base64_options::of_decode(DECODE, options)?;
    let data = Bytes::of(DECODE, "the text", text)?.with(|text| decoded(is_url, text))?;
    heap.string(lua, DECODE, &data)
}

fn decoded(is_url: bool, text: &[u8]) -> Result<Vec<u8>, Problem> {
    let length = decoded_len_estimate(text.len());
    let mut data = room_for(DECODE, length)?;
    data.resize(length, 0);
    let is_padded = text.ends_with(b"=");
    let fault = match engine(is_url, is_padded).decode_slice(text, &mut data) {
        Ok(written) => {
            data.truncate(written);
            return Ok(data);
        }
        Err(DecodeSliceError::OutputSliceTooSmall) => return Err(no_memory(DECODE)),
        Err(DecodeSliceError::DecodeError(fault)) => fault,
    };
    Err(Problem(format!("{DECODE}: {}", described(is_url, fault))))
}

fn described(is_url: bool, fault: DecodeError) -> String {
    match fault {
        DecodeError::InvalidByte(offset, byte) => {
            let (place, symbol) = (offset + 1, byte.escape_ascii());
            format!("byte {place} is '{symbol}', {}", whose(is_url, byte))
        }
        DecodeError::InvalidLength(length) => {
            format!("the text was cut off: its {length} symbols end within a byte")
        }
        DecodeError::InvalidLastSymbol { offset, symbol, .. } => format!(
            "byte {} is '{}', whose last bits belong to no byte: the text was cut off or damaged",
            offset + 1,
            char::from(symbol)
        ),
        DecodeError::InvalidPadding => {
            "the padding ('=' at the end) does not fill a group of 4 symbols".to_owned()
        }
    }
}

/// Why the byte is not a symbol.
fn whose(is_url: bool, byte: u8) -> &'static str {
    match byte {
        b'-' | b'_' if !is_url => "a symbol of the URL-safe alphabet: { url = true } reads it",
        b'+' | b'/' if is_url => "a symbol of the standard alphabet, which is read without { url = true }",
        b'=' => "padding, which stands at the end only",
        _ if byte.is_ascii_whitespace() => "white space, which has to be removed before",
        _ => "which is no symbol of base64",
    }
}

fn engine(is_url: bool, is_padded: bool) -> &'static GeneralPurpose {
    match (is_url, is_padded) {
        (false, true) => &STANDARD,
        (false, false) => &STANDARD_BARE,
        (true, true) => &URL,
        (true, false) => &URL_BARE,
    }
}

#[cfg(test)]
mod tests {
    use super::{decoded, encoded};
    use crate::problem::Problem;

    /// RFC 4648, section 10.
    #[test]
    fn known_answers() {
        let table = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (data, text) in table {
            let bare = text.trim_end_matches('=');
            let (data, text, bare) = (data.as_bytes(), text.as_bytes(), bare.as_bytes());
            for is_url in [false, true] {
                assert_eq!(encoded(is_url, true, data).as_deref(), Ok(text));
                assert_eq!(encoded(is_url, false, data).as_deref(), Ok(bare));
                assert_eq!(decoded(is_url, text).as_deref(), Ok(data));
                assert_eq!(decoded(is_url, bare).as_deref(), Ok(data));
            }
        }
        assert_eq!(encoded(false, true, b"\xfb\xff").as_deref(), Ok(&b"+/8="[..]));
        assert_eq!(encoded(true, false, b"\xfb\xff").as_deref(), Ok(&b"-_8"[..]));
    }

    #[test]
    fn faults() {
        let table: [(&[u8], &str); 12] = [
            (b"Zm9v!", "byte 5 is '!', which is no symbol"),
            (b"Zm9vZ", "5 symbols end within"),
            (b"Z", "1 symbols end within"),
            (b"Zg=", "padding"),
            (b"Zg===", "padding"),
            (b"Zm9v=", "padding"),
            (b"Zg==Zg==", "byte 3 is '=', padding"),
            (b"Zm9v\n", "byte 5 is '\\n', white space"),
            (b"Zm 9v", "byte 3 is ' ', white space"),
            (b"Zh==", "byte 2 is 'h', whose last bits"),
            (b"-_8", "byte 1 is '-', a symbol of the URL-safe alphabet"),
            (b"Zm\xe9v", "byte 3 is '\\xe9', which is no symbol"),
        ];
        for (text, expected) in table {
            match decoded(false, text) {
                Err(Problem(fault)) => assert!(fault.contains(expected), "{fault}"),
                Ok(data) => panic!("{} is {data:?}", text.escape_ascii()),
            }
        }
        assert!(
            decoded(true, b"+/8=")
                .is_err_and(|Problem(fault)| fault.contains("byte 1 is '+', a symbol of the standard"))
        );
    }
}
