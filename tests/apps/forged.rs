//! What is no app, or not as it was built, or brings another guest.

use std::fs;
use std::path::PathBuf;

use libtest_mimic::{Failed, Trial};
use sha2::{Digest, Sha256};

use super::{PROJECT, atoll, built, expect_refusal, expect_same, folder};
use crate::harness::{root, trials};

/// The tests of this file.
pub(super) fn trials() -> Vec<Trial> {
    trials![
        a_change_anywhere_is_seen,
        a_part_of_one_is_none,
        other_webassembly_is_none,
        newer_ones_are_refused,
        another_guest_runs_it_too,
        a_guest_that_wants_more_is_refused,
    ]
}

/// Bytes of the hash at the end.
const HASH: usize = 32;

/// The app with its hash put right, as anyone can do it.
pub(super) fn reseal(mut app: Vec<u8>) -> Vec<u8> {
    let place = app.len() - HASH;
    let hash = Sha256::digest(&app[..place]);
    app[place..].copy_from_slice(&hash);
    app
}

/// The guest that apps are built with.
fn guest() -> Result<Vec<u8>, Failed> {
    Ok(fs::read(root().join("guest/prebuilt/atoll-guest.wasm"))?)
}

/// Where the text is last.
fn last(app: &[u8], text: &str) -> Result<usize, Failed> {
    let found = app.windows(text.len()).rposition(|part| part == text.as_bytes());
    found.ok_or_else(|| format!("{text} is not in it").into())
}

/// A folder with an app, and its bytes.
fn app(name: &str) -> Result<(PathBuf, Vec<u8>), Failed> {
    let place = built(&folder(name, PROJECT)?, &[])?;
    let bytes = fs::read(place.join("app.wasm"))?;
    Ok((place, bytes))
}

fn a_change_anywhere_is_seen() -> Result<(), Failed> {
    let (place, whole) = app("tampered")?;
    let guest = guest()?.len();
    let format = last(&whole, "atoll:app")? + "atoll:app".len();
    let places = [
        ("the guest's version", 4),
        ("the guest's first section", 8),
        ("the guest", guest / 2),
        ("the guest's last byte", guest - 1),
        ("the section's kind", guest),
        ("the section's length", guest + 1),
        ("the section's name", format - 1),
        ("the format", format),
        ("the manifest's length", format + 4),
        ("the name", last(&whole, "\"name\":\"main\"")? + 8),
        ("the manifest's end", last(&whole, "\"path\":\"main.luau\"")? + 9),
        ("a module", last(&whole, "'Hello'")? + 1),
        ("the hash", whole.len() - HASH),
        ("the last byte", whole.len() - 1),
    ];
    for (what, at) in places {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(place.join("app.wasm"), bytes)?;
        for words in [&["run", "app.wasm"], &["permissions", "app.wasm"]] {
            let finished = atoll(&place, words)?;
            let expected = ["error: cannot use app.wasm: ", "atoll build"];
            let other = ["error: cannot use app.wasm: ", "build it again"];
            expect_refusal(&finished, 2, &expected)
                .or_else(|_| expect_refusal(&finished, 2, &other))
                .map_err(|error| format!("{what}: {}", error.message().unwrap_or_default()))?;
            assert_eq!(finished.out(), "", "{what}");
        }
    }
    Ok(())
}

fn a_part_of_one_is_none() -> Result<(), Failed> {
    let (place, whole) = app("cut")?;
    let guest = guest()?.len();
    for length in [
        4,
        8,
        100,
        guest / 2,
        guest - 1,
        guest + 1,
        guest + 20,
        whole.len() - HASH,
        whole.len() - 1,
    ] {
        fs::write(place.join("app.wasm"), &whole[..length])?;
        let finished = atoll(&place, &["run", "app.wasm"])?;
        expect_refusal(&finished, 2, &["cannot use app.wasm: "])
            .map_err(|error| format!("{length} bytes: {}", error.message().unwrap_or_default()))?;
    }
    // Nothing at all is no WebAssembly either, whatever it is called; as a script it would be a good one.
    fs::write(place.join("app.wasm"), "")?;
    let finished = atoll(&place, &["run", "app.wasm"])?;
    expect_refusal(&finished, 2, &["it is no WebAssembly, whatever it is called"])
}

fn other_webassembly_is_none() -> Result<(), Failed> {
    let place = folder("foreign", &[("script.wasm", "print('hello')")])?;
    let module = wat::parse_str("(module (func (export \"_start\")))")?;
    let component = wat::parse_str("(component)")?;
    fs::write(place.join("module"), module)?;
    fs::write(place.join("component"), component)?;
    fs::write(place.join("guest.wasm"), guest()?)?;
    for (file, expected) in [
        ("script.wasm", "it is no WebAssembly"),
        ("module", "it is a core WebAssembly module, and no app"),
        (
            "component",
            "it is a WebAssembly component without a script of Atoll's in it",
        ),
        (
            "guest.wasm",
            "it is a WebAssembly component without a script of Atoll's in it",
        ),
    ] {
        let finished = atoll(&place, &["run", file])?;
        expect_refusal(
            &finished,
            2,
            &[file, expected, "`atoll build SCRIPT.luau -o APP.wasm`"],
        )?;
    }
    Ok(())
}

fn newer_ones_are_refused() -> Result<(), Failed> {
    let (place, whole) = app("newer")?;
    let mut format = whole.clone();
    let at = last(&whole, "atoll:app")? + "atoll:app".len();
    format[at] = 2;
    let mut contract = whole.clone();
    let at = last(&whole, "atoll:net@0.1.0")? + "atoll:net@0.".len();
    contract[at] = b'9';
    let mut older = whole.clone();
    older[at] = b'0';
    for (bytes, words) in [
        (
            format,
            [
                "its format is 2, this Atoll reads 1",
                "update Atoll",
                "build it again",
            ],
        ),
        (
            contract,
            ["the app needs atoll:net@0.9.0", "update Atoll", "build it again"],
        ),
        (
            older,
            ["the app needs atoll:net@0.0.0", "has no more", "build it again"],
        ),
    ] {
        fs::write(place.join("app.wasm"), reseal(bytes))?;
        expect_refusal(&atoll(&place, &["run", "app.wasm"])?, 2, &words)?;
    }
    Ok(())
}

/// One of another Atoll with the same contract: it has to be compiled, once.
fn another_guest_runs_it_too() -> Result<(), Failed> {
    let (place, whole) = app("older")?;
    let script = atoll(&place, &["run", "app.wasm", "--", "Ada"])?;
    script.expect_code(1)?;
    let own = guest()?;
    assert!(whole.starts_with(&own));
    let mut bytes = own.clone();
    // A custom section, which changes nothing but the bytes.
    bytes.extend_from_slice(b"\0\x06\x05older");
    bytes.extend_from_slice(&whole[own.len()..]);
    fs::write(place.join("older.wasm"), reseal(bytes))?;
    for _ in 0..2 {
        expect_same(&script, &atoll(&place, &["run", "older.wasm", "--", "Ada"])?)?;
    }
    Ok(())
}

/// A guest is nobody's in particular: what it imports beyond the contract is not there.
fn a_guest_that_wants_more_is_refused() -> Result<(), Failed> {
    let (place, whole) = app("hostile")?;
    let own = guest()?.len();
    let greedy =
        "(component (import \"wasi:filesystem/everything@0.1.0\" (instance (export \"read\" (func)))))";
    for (guest, expected) in [
        (wat::parse_str(greedy)?, "wasi:filesystem/everything"),
        (wat::parse_str("(component)")?, "run"),
        (b"\0asm\x0d\0\x01\0\x63\0".to_vec(), "does not run here"),
    ] {
        let bytes = [&guest, &whole[own..]].concat();
        fs::write(place.join("app.wasm"), reseal(bytes))?;
        let finished = atoll(&place, &["run", "app.wasm", "-A"])?;
        let code = finished.code;
        assert!(matches!(code, 1 | 2), "{code}: {}", finished.err());
        assert!(
            finished.err().contains(expected) || code == 2,
            "{}",
            finished.err()
        );
        assert!(finished.err().contains("again"), "{}", finished.err());
    }
    Ok(())
}
