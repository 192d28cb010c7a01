//! Handles that the guest does not have.

use libtest_mimic::{Failed, Trial};

use super::attacks;
use super::guest::Guest;
use super::queues::HANDSHAKE;
use super::scene::Scene;
use crate::harness::http::{Connection, get};

/// The tests of this file.
pub(super) fn trials() -> Vec<Trial> {
    attacks![
        forged_handles,
        handles_of_another_type,
        a_server_that_is_dropped_is_gone,
        what_is_in_use_cannot_be_dropped,
        requests_beyond_the_handles,
        functions_that_are_not_there,
    ]
}

/// Every function that takes a handle, with what else it takes.
const METHODS: &[(&str, &str)] = &[
    ("address", "(i32.const 64)"),
    ("port", ""),
    ("accept", "(i32.const 1) (i32.const 64)"),
    ("accept-begin", "(i32.const 1) (i32.const 64)"),
    ("close", ""),
    ("close-begin", ""),
    (
        "respond",
        "(i32.const 200) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 64)",
    ),
    (
        "respond-in-pieces",
        "(i32.const 200) (i32.const 0) (i32.const 0) (i32.const 64)",
    ),
    (
        "upgrade",
        "(i32.const 0) (i32.const 0) (i64.const 1) (i32.const 64)",
    ),
    ("drop-server", ""),
    ("drop-exchange", ""),
    ("read", "(i32.const 1) (i32.const 64)"),
    ("read-begin", "(i32.const 1) (i32.const 64)"),
    ("write", "(i32.const 0) (i32.const 0) (i32.const 64)"),
    ("write-begin", "(i32.const 0) (i32.const 0) (i32.const 64)"),
    ("finish", ""),
    ("drop-incoming-body", ""),
    ("drop-outgoing-body", ""),
    ("protocol", "(i32.const 64)"),
    ("receive", "(i32.const 1) (i32.const 64)"),
    ("receive-begin", "(i32.const 1) (i32.const 64)"),
    (
        "send-message",
        "(i32.const 0) (i32.const 0) (i32.const 0) (i32.const 64)",
    ),
    ("ping", "(i32.const 0) (i32.const 0) (i32.const 64)"),
    ("writable", ""),
    ("writable-begin", ""),
    ("close-socket", "(i32.const 1000) (i32.const 0) (i32.const 0)"),
    (
        "close-socket-begin",
        "(i32.const 1000) (i32.const 0) (i32.const 0)",
    ),
    ("drop-socket", ""),
    ("waitable-set-wait", "(i32.const 64)"),
    ("waitable-set-poll", "(i32.const 64)"),
    ("waitable-set-drop", ""),
    ("waitable-join", "(i32.const 0)"),
    ("subtask-cancel", ""),
    ("subtask-drop", ""),
];

/// A call whose result nobody wants.
fn call(name: &str, arguments: &str) -> String {
    let returns = name.ends_with("-begin")
        || matches!(
            name,
            "port" | "waitable-set-wait" | "waitable-set-poll" | "subtask-cancel"
        );
    let call = format!("(call ${name} {arguments})");
    if returns { format!("(drop {call})") } else { call }
}

fn forged_handles() -> Result<(), Failed> {
    let forged = [
        "0",
        "1",
        "2",
        "77",
        "0x0fffffff",
        "0x10000000",
        "0x7fffffff",
        "-1",
    ];
    let mut cases = Vec::new();
    for (name, rest) in METHODS {
        for handle in forged {
            cases.push(call(name, &format!("(i32.const {handle}) {rest}")));
        }
    }
    all_crash(Scene::new(), Guest::new(), &cases, "unknown handle index")
}

fn handles_of_another_type() -> Result<(), Failed> {
    // 1 is a server, 2 a set of waitables.
    let make = "(call $serve) (drop (call $waitable-set-new))";
    let mut cases = Vec::new();
    for (name, rest) in METHODS {
        for handle in [1, 2] {
            let own = match handle {
                1 => [
                    "address",
                    "port",
                    "accept",
                    "accept-begin",
                    "close",
                    "close-begin",
                    "drop-server",
                ]
                .contains(name),
                _ => name.starts_with("waitable-set"),
            };
            if !own {
                cases.push(format!(
                    "{make} {}",
                    call(name, &format!("(i32.const {handle}) {rest}"))
                ));
            }
        }
    }
    all_crash(Scene::new().listen()?, Guest::new(), &cases, "")
}

/// Fails unless each of the cases ends in a breakdown for this reason.
pub(super) fn all_crash(scene: Scene, guest: Guest, cases: &[String], reason: &str) -> Result<(), Failed> {
    for (case, ended) in cases.iter().zip(scene.cases(&guest.cases(cases), cases.len())?) {
        ended
            .crashed(reason)
            .map_err(|error| format!("{case}: {}", error.message().unwrap_or_default()))?;
    }
    Ok(())
}

fn a_server_that_is_dropped_is_gone() -> Result<(), Failed> {
    let gone = "(call $serve) (call $drop-server (global.get $server))";
    let cases: Vec<String> = METHODS
        .iter()
        .map(|(name, rest)| format!("{gone} {}", call(name, &format!("(global.get $server) {rest}"))))
        .collect();
    all_crash(
        Scene::new().listen()?,
        Guest::new(),
        &cases,
        "unknown handle index",
    )
}

fn what_is_in_use_cannot_be_dropped() -> Result<(), Failed> {
    let accept = "(drop (call $accept-begin (global.get $server) (i32.const 1) (i32.const 64)))";
    let receive = "(drop (call $receive-begin (global.get $socket) (i32.const 1) (i32.const 64)))";
    let large = "(drop (memory.grow (i32.const 160)))";
    let write =
        "(drop (call $write-begin (local.get $content) (i32.const 0) (i32.const 0x800000) (i32.const 64)))";
    for attack in [
        format!("{accept} (call $drop-server (global.get $server))"),
        format!("(call $next) (call $agree) {receive} (call $drop-socket (global.get $socket))"),
        format!(
            "(call $next) (local.set $content (call $begin)) {large} {write} {write} (call $finish (local.get $content))"
        ),
        format!(
            "(call $next) (local.set $content (call $begin)) {large} {write} {write} (call $drop-outgoing-body (local.get $content))"
        ),
    ] {
        let guest = Guest::of(format!("(local $content i32) (call $serve) {attack}"));
        let ended = Scene::new()
            .listen()?
            .limit("run=20")?
            .play_with(&guest, |address| {
                // The guest may be gone already.
                let Ok(mut connection) = Connection::open(address) else {
                    return Ok(None);
                };
                connection.send(HANDSHAKE)?;
                Ok(Some(connection))
            })?;
        ended.crashed("borrow")?;
    }
    Ok(())
}

fn requests_beyond_the_handles() -> Result<(), Failed> {
    // The server takes one, and of two places none is left for a request whose content is a handle as well.
    let guest = Guest::of(
        "(call $serve) (call $next) (call $tell (i32.load (i32.const 68))) (call $answer) (call $close (global.get $server))",
    );
    let ended = Scene::new()
        .listen()?
        .limit("handles=2")?
        .play_with(&guest, |address| {
            for _ in 0..3 {
                let mut connection = Connection::open(address)?;
                let content = vec![b'x'; 3 << 19];
                connection.send(format!(
                    "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
                    content.len()
                ))?;
                connection.send(content)?;
                assert_eq!(connection.response()?.status(), 500);
            }
            assert_eq!(get(address, "/")?.status(), 200);
            Ok(())
        })?;
    ended.returned("1\n")?;
    Ok(())
}

/// The runtime of these scenes has none of its own, so every number is wrong.
fn functions_that_are_not_there() -> Result<(), Failed> {
    let cases: Vec<String> = ["0", "1", "-1"]
        .iter()
        .map(|number| {
            format!("(call $call-host (i32.const {number}) (i32.const 0) (i32.const 0) (i32.const 64))")
        })
        .collect();
    all_crash(
        Scene::new(),
        Guest::new(),
        &cases,
        "a function was called that is not there",
    )
}
