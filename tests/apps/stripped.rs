//! `--strip`: bytecode in place of the sources.

use std::fs;

use libtest_mimic::{Failed, Trial};

use super::forged::reseal;
use super::{PROJECT, atoll, built, expect_same, folder};
use crate::harness::trials;

/// The tests of this file.
pub(super) fn trials() -> Vec<Trial> {
    trials![
        errors_have_their_places_and_no_source,
        no_source_is_in_it,
        bytecode_that_is_forged_stays_in_the_guest,
    ]
}

fn errors_have_their_places_and_no_source() -> Result<(), Failed> {
    let place = built(&folder("stripped", PROJECT)?, &["--strip"])?;
    let finished = atoll(&place, &["run", "app.wasm", "--", "Ada"])?;
    finished.expect_code(1)?;
    assert_eq!(finished.out(), "Hello, Ada\n");
    assert_eq!(
        finished.err(),
        "so far\nerror: lib/lib.luau:7: attempt to index nil with 'first'\n  at lib/lib.luau:7 function fail\n  at main.luau:4\n"
    );
    Ok(())
}

fn no_source_is_in_it() -> Result<(), Failed> {
    let main = "-- a remark of mine\nlocal nameOfALocal = 'a string of mine'\nlocal function nameOfAFunction() error('here') end\n\
                print(nameOfALocal)\nnameOfAFunction()\n";
    let project = folder("no_source", &[("main.luau", main)])?;
    let words = [
        "remark of mine",
        "nameOfALocal",
        "a string of mine",
        "nameOfAFunction",
    ];
    for (strip, expected) in [(&[][..], [true; 4]), (&["--strip"], [false, false, true, true])] {
        let place = built(&project, strip)?;
        let app = fs::read(place.join("app.wasm"))?;
        let has = |word: &str| app.windows(word.len()).any(|part| part == word.as_bytes());
        assert_eq!(words.map(has), expected, "{strip:?}");
    }
    // The same script, but for the source in the error.
    let script = atoll(&project, &["run", "main.luau"])?;
    let place = built(&project, &["--strip"])?;
    let stripped = atoll(&place, &["run", "app.wasm"])?;
    assert_eq!(script.out(), stripped.out());
    assert_eq!(script.err().lines().last(), stripped.err().lines().last());
    expect_same(&stripped, &atoll(&place, &["run", "app.wasm"])?)
}

/// Luau believes bytecode. Whatever is made of that, it is a guest's, which the host ends like any other.
fn bytecode_that_is_forged_stays_in_the_guest() -> Result<(), Failed> {
    let main = "local t = {}\nfor i = 1, 20 do t[i] = i * 2 end\nlocal function sum(a, ...) return if a then a + sum(...) else 0 end\n\
                print(sum(table.unpack(t)), #table.concat(t, ','))\n";
    let place = built(&folder("forged_bytecode", &[("main.luau", main)])?, &["--strip"])?;
    let whole = fs::read(place.join("app.wasm"))?;
    assert_eq!(atoll(&place, &["run", "app.wasm"])?.out(), "420\t55\n");
    // The hash ends it, and the script's bytecode is before that.
    let end = whole.len() - 32;
    let length = 200;
    for step in 0..40 {
        let mut app = whole.clone();
        let at = end - 1 - step * length / 40;
        app[at] ^= 0x5a;
        fs::write(place.join("forged.wasm"), reseal(app))?;
        let words = [
            "run",
            "forged.wasm",
            "--limit",
            "run=0.2",
            "--limit",
            "grace=0.1",
            "--timeout",
            "5",
        ];
        let finished = atoll(&place, &words)?;
        let err = finished.err();
        assert!(
            matches!(finished.code, 0 | 1 | 3),
            "byte {at}: {} {err}",
            finished.code
        );
        assert!(!err.contains("panicked"), "byte {at}: {err}");
    }
    Ok(())
}
