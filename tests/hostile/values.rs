//! Values that are none: pointers beyond the memory, lists without end, texts that are no text, numbers outside of their
//! type.

use libtest_mimic::{Failed, Trial};

use super::attacks;
use super::guest::{Guest, words};
use super::handles::all_crash;
use super::scene::Scene;

/// The tests of this file.
pub(super) fn trials() -> Vec<Trial> {
    attacks![
        pointers_beyond_the_memory,
        results_beyond_the_memory,
        allocations_beyond_the_memory,
        lists_without_end,
        texts_that_are_not_utf8,
        numbers_outside_of_their_type,
        an_error_of_its_own,
    ]
}

/// Slices that no memory of 2 MiB has.
const BEYOND: &[(&str, &str)] = &[
    ("0xffffffff", "1"),
    ("0", "0xffffffff"),
    ("0x1fffff", "2"),
    ("0x7fffffff", "0x7fffffff"),
    ("0xfffffff8", "0x10000000"),
    ("8", "0x10000000"),
    ("0x200001", "0"),
];

fn pointers_beyond_the_memory() -> Result<(), Failed> {
    let mut cases = Vec::new();
    for (at, length) in BEYOND {
        let slice = format!("(i32.const {at}) (i32.const {length})");
        let none = "(i32.const 32) (i32.const 0)";
        for (method, url, headers, content) in [
            (&*slice, none, none, none),
            (none, &*slice, none, none),
            (none, none, &*slice, none),
            (none, none, none, &*slice),
        ] {
            cases.push(format!(
                "(call $send {method} {url} {headers} {content} (i32.const 0) (i64.const 1) (i64.const 1) \
                 (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 64))"
            ));
        }
        cases.push(format!("(call $write-line (i32.const 0) {slice})"));
        cases.push(format!("(call $report (i32.const 0) {none} {none} {slice})"));
        cases.push(format!(
            "(call $connect {none} {slice} {none} (i64.const 1) (i64.const 1) (i32.const 0) {none} (i32.const 64))"
        ));
        cases.push(format!(
            "(call $connect {none} {none} {none} (i64.const 1) (i64.const 1) (i32.const 1) {slice} (i32.const 64))"
        ));
        // A request as it lies in memory, where there is none.
        if *length != "0xffffffff" {
            cases.push(format!(
                "(drop (call $connect-begin (i32.const {at}) (i32.const 64)))"
            ));
        }
    }
    // Lists that are not aligned.
    cases.push("(drop (call $connect-begin (i32.const 65) (i32.const 64)))".to_owned());
    all_crash(Scene::new(), Guest::new(), &cases, "")
}

fn results_beyond_the_memory() -> Result<(), Failed> {
    let mut cases = Vec::new();
    for at in ["0x200000", "0xffffffff", "0x1fffff", "0xfffffffc", "65"] {
        cases.push(format!("(call $sleep (i64.const 0) (i32.const {at}))"));
        cases.push(format!("(call $sleep (i64.const 1000) (i32.const {at}))"));
        cases.push(format!(
            "(drop (call $sleep-begin (i64.const 1000) (i32.const {at}))) (call $sleep (i64.const 2000000) (i32.const 64))"
        ));
        cases.push(format!(
            "(call $serve) (call $address (global.get $server) (i32.const {at}))"
        ));
    }
    all_crash(Scene::new().listen()?, Guest::new(), &cases, "")
}

/// Where the host's list lies is the guest's to say.
const LYING: &str = r#"
  (global $lie (mut i32) (i32.const 0))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (global.get $lie))"#;

fn allocations_beyond_the_memory() -> Result<(), Failed> {
    let cases: Vec<String> = ["0x200000", "0xffffffff", "0x1ffffe", "0x80000000"]
        .iter()
        .map(|at| {
            format!("(call $serve) (global.set $lie (i32.const {at})) (call $address (global.get $server) (i32.const 64))")
        })
        .collect();
    all_crash(Scene::new().listen()?, Guest::new().realloc(LYING), &cases, "")
}

fn lists_without_end() -> Result<(), Failed> {
    // 100 MiB of zeroes are six million header fields, or twice as many protocols, and each would be larger on the host.
    let none = "(i32.const 32) (i32.const 0)";
    let cases = [
        (none, "(i32.const 0x200000) (i32.const 6500000)"),
        ("(i32.const 0x200000) (i32.const 13000000)", none),
    ];
    let calls = cases.map(|(protocols, headers)| {
        format!(
            "(drop (memory.grow (i32.const 1600)))
             (call $connect {none} {protocols} {headers} (i64.const 1) (i64.const 1) (i32.const 0) {none} (i32.const 64))"
        )
    });
    for ended in Scene::new().cases(&Guest::new().cases(&calls), calls.len())? {
        ended.crashed("too much data")?.within(32)?;
    }
    // One long text, named again and again.
    let list = words(&[0x20_0000, 0x80_0000]).repeat(100);
    let mut guest = Guest::new();
    let list = guest.bytes(list).at;
    let guest = guest.attack(format!(
        "(drop (memory.grow (i32.const 160)))
         (call $connect {none} (i32.const {list}) (i32.const 100) {none} (i64.const 1) (i64.const 1) (i32.const 0) {none}
           (i32.const 64))"
    ));
    Scene::new()
        .limit("run=20")?
        .play(&guest)?
        .crashed("too much data")?
        .within(128 + 32)?;
    Ok(())
}

fn an_error_of_its_own() -> Result<(), Failed> {
    // What `run` returns is shown with a line of the script, whatever it says.
    for message in [
        "",
        ":",
        "hostile.wasm:",
        "hostile.wasm:0:",
        "hostile.wasm:99999999999999999999:",
        "\u{1b}[2J\0",
    ] {
        let mut guest = Guest::new();
        let message = guest.bytes(message);
        let guest = guest.run(format!(
            r#"(func (export "run") (param i32 i32 i32 i32 i32 i32 i32 i32 i64 i64 i32 i32 i32) (result i32)
              (i32.store8 (i32.const 2048) (i32.const 1))
              (i32.store (i32.const 2056) (i32.const 32))
              (i32.store (i32.const 2064) (i32.const {})) (i32.store (i32.const 2068) (i32.const {}))
              (i32.const 2048))"#,
            message.at, message.length
        ));
        let ended = Scene::new().play(&guest)?;
        if !matches!(&ended.result, Err(atoll::RunError::Script(_))) {
            return Err(format!("expected an error of the script's, got {ended:?}").into());
        }
    }
    Ok(())
}

fn texts_that_are_not_utf8() -> Result<(), Failed> {
    let mut guest = Guest::new();
    let mut cases = Vec::new();
    for text in [
        &b"\xff"[..],
        b"\xc0\x80",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"a\xe2\x82",
    ] {
        let text = guest.bytes(text);
        let none = "(i32.const 32) (i32.const 0)";
        let list = guest.bytes(words(&[text.at, text.length, 32, 0]));
        let list = format!("(i32.const {}) (i32.const 1)", list.at);
        cases.push(format!("(call $report (i32.const 0) {text} {none} {none})"));
        for (url, protocols, headers) in [
            (text.to_string(), none, none),
            (none.to_owned(), &*list, none),
            (none.to_owned(), none, &*list),
        ] {
            cases.push(format!(
                "(call $connect {url} {protocols} {headers} (i64.const 1) (i64.const 1) (i32.const 0) {none} (i32.const 64))"
            ));
        }
    }
    all_crash(Scene::new(), guest, &cases, "utf-8")
}

fn numbers_outside_of_their_type() -> Result<(), Failed> {
    let none = "(i32.const 32) (i32.const 0)";
    let mut cases = Vec::new();
    for number in ["2", "255", "-1", "0x7fffffff"] {
        cases.push(format!("(call $write-line (i32.const {number}) {none})"));
        cases.push(format!(
            "(call $report (i32.const {number}) {none} {none} {none})"
        ));
        cases.push(format!(
            "(call $connect {none} {none} {none} (i64.const 1) (i64.const 1) (i32.const {number}) {none} (i32.const 64))"
        ));
    }
    all_crash(Scene::new(), Guest::new(), &cases, "")
}
