//! The Rust half of the `crypto` library: random bytes, SHA-256 (FIPS 180-4), HMAC (RFC 2104), comparison in constant time.
//!
//! Called by `vm.rs` once; `prelude/libraries.luau` calls the natives. Random bytes are the system's, through WASI.

use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ctutils::CtEq;
#[cfg(not(feature = "wasi-http"))]
use getrandom::fill;
use hmac::digest::Digest;
use hmac::{Hmac, KeyInit, Mac};
use mlua::prelude::LuaString;
use mlua::{Lua, Table, Value};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

#[cfg(feature = "wasi-http")]
use crate::bindings::random::fill;
use crate::content::Bytes;
use crate::fields::{shown, whole_number};
use crate::heap::Heap;
use crate::problem::{Problem, answered};

/// Bytes that one call can ask for, as in Web Cryptography.
const MOST_RANDOM: u64 = 65_536;

/// Adds the natives `crypto_random(length)`, `crypto_sha256(data, encoding)`, `crypto_hmac(algorithm, key, data, encoding)`
/// and `crypto_equal(one, other)`.
///
/// # Errors
///
/// When the Luau heap is full.
pub(crate) fn install(lua: &Lua, natives: &Table, heap: &Rc<Heap>) -> mlua::Result<()> {
    let shared = heap.clone();
    let random =
        lua.create_function(move |lua, length: Value| answered(lua, random(lua, &shared, &length)))?;
    natives.raw_set("crypto_random", random)?;

    let sha256 = lua.create_function(|lua, (data, encoding): (Value, Value)| {
        let hash = sha256(&data, &encoding);
        answered(lua, hash.and_then(|hash| Ok(lua.create_string(hash)?)))
    })?;
    natives.raw_set("crypto_sha256", sha256)?;

    let hmac = lua.create_function(
        |lua, (algorithm, key, data, encoding): (Value, Value, Value, Value)| {
            let code = hmac(&algorithm, &key, &data, &encoding);
            answered(lua, code.and_then(|code| Ok(lua.create_string(code)?)))
        },
    )?;
    natives.raw_set("crypto_hmac", hmac)?;

    let equal =
        lua.create_function(|lua, (one, other): (Value, Value)| answered(lua, equal(&one, &other)))?;
    natives.raw_set("crypto_equal", equal)
}

fn random(lua: &Lua, heap: &Heap, length: &Value) -> Result<LuaString, Problem> {
    const CALL: &str = "crypto.random";
    let Some(length) = whole_number(length).filter(|length| *length <= MOST_RANDOM) else {
        return Err(Problem(format!(
            "{CALL}: the number of bytes must be an integer from 0 to {MOST_RANDOM}, got {}",
            shown(length)
        )));
    };
    let mut bytes = vec![0; length as usize];
    fill(&mut bytes).map_err(|error| Problem(format!("{CALL}: the system has no random bytes: {error}")))?;
    heap.string(lua, CALL, &bytes)
}

fn sha256(data: &Value, encoding: &Value) -> Result<Vec<u8>, Problem> {
    const CALL: &str = "crypto.sha256";
    let encoding = Encoding::of(CALL, encoding)?;
    let hash = Bytes::of(CALL, "the data", data)?.with(|data| Sha256::digest(data));
    Ok(encoding.text(&hash))
}

fn hmac(algorithm: &Value, key: &Value, data: &Value, encoding: &Value) -> Result<Vec<u8>, Problem> {
    const CALL: &str = "crypto.hmac";
    let code = match text_of(algorithm).as_deref() {
        Some("sha1") => code::<Hmac<Sha1>>,
        Some("sha256") => code::<Hmac<Sha256>>,
        Some("sha512") => code::<Hmac<Sha512>>,
        _ => {
            return Err(Problem(format!(
                "{CALL}: the algorithm must be \"sha1\", \"sha256\" or \"sha512\", got {}",
                shown(algorithm)
            )));
        }
    };
    let key = Bytes::of(CALL, "the key", key)?;
    let data = Bytes::of(CALL, "the data", data)?;
    let encoding = Encoding::of(CALL, encoding)?;
    Ok(encoding.text(&key.with(|key| data.with(|data| code(key, data)))?))
}

/// The authentication code of the data.
fn code<M: Mac + KeyInit>(key: &[u8], data: &[u8]) -> Result<Vec<u8>, Problem> {
    // HMAC takes keys of any length.
    let mac = M::new_from_slice(key).map_err(|error| Problem(format!("crypto.hmac: {error}")))?;
    Ok(mac.chain_update(data).finalize().into_bytes().to_vec())
}

fn equal(one: &Value, other: &Value) -> Result<bool, Problem> {
    const CALL: &str = "crypto.equal";
    let one = Bytes::of(CALL, "the first argument", one)?;
    let other = Bytes::of(CALL, "the second argument", other)?;
    Ok(one.with(|one| other.with(|other| one.ct_eq(other).to_bool())))
}

/// How a hash is written.
#[derive(Clone, Copy)]
enum Encoding {
    Hex,
    Base64,
    Binary,
}

impl Encoding {
    /// The encoding that an argument of `call` names; hex where it is nil.
    fn of(call: &str, value: &Value) -> Result<Encoding, Problem> {
        if value.is_nil() {
            return Ok(Encoding::Hex);
        }
        match text_of(value).as_deref() {
            Some("hex") => Ok(Encoding::Hex),
            Some("base64") => Ok(Encoding::Base64),
            Some("binary") => Ok(Encoding::Binary),
            _ => Err(Problem(format!(
                "{call}: the encoding must be \"hex\", \"base64\" or \"binary\", got {}",
                shown(value)
            ))),
        }
    }

    fn text(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Encoding::Hex => {
                let digit = |half: u8| b"0123456789abcdef"[usize::from(half)];
                bytes
                    .iter()
                    .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
                    .collect()
            }
            Encoding::Base64 => STANDARD.encode(bytes).into_bytes(),
            Encoding::Binary => bytes.to_vec(),
        }
    }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.to_string_lossy()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use hmac::Hmac;
    use hmac::digest::Digest;
    use sha1::Sha1;
    use sha2::{Sha256, Sha512};

    use super::{Encoding, code};

    fn hex(bytes: &[u8]) -> String {
        String::from_utf8_lossy(&Encoding::Hex.text(bytes)).into_owned()
    }

    /// The examples of FIPS 180-4's test vectors.
    #[test]
    fn hashes() {
        let table: [(&[u8], &str); 4] = [
            (
                b"",
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ),
            (
                b"abc",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (
                b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
            ),
            (
                &[b'a'; 1_000_000],
                "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
            ),
        ];
        for (data, expected) in table {
            assert_eq!(hex(&Sha256::digest(data)), expected);
        }
    }

    /// RFC 4231 (SHA-256, SHA-512) and RFC 2202 (SHA-1).
    #[test]
    fn codes() {
        let long_key = [0xaa; 131];
        let table: [(&[u8], &[u8], &str); 4] = [
            (
                &[0x0b; 20],
                b"Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &[0xaa; 20],
                &[0xdd; 50],
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
            ),
            (
                &long_key,
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ];
        for (key, data, expected) in table {
            assert_eq!(
                code::<Hmac<Sha256>>(key, data).map(|code| hex(&code)),
                Ok(expected.to_owned())
            );
        }
        assert_eq!(
            code::<Hmac<Sha512>>(b"Jefe", b"what do ya want for nothing?").map(|code| hex(&code)),
            Ok("164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fd\
                caeab1a34d4a6b4b636e070a38bce737"
                .to_owned())
        );
        assert_eq!(
            code::<Hmac<Sha1>>(b"Jefe", b"what do ya want for nothing?").map(|code| hex(&code)),
            Ok("effcdf6ae5eb2fa2d27416d5f184df9c259a7c79".to_owned())
        );
    }
}
