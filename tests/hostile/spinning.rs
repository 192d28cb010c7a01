//! Guests that never give way, never end, or come back where nobody called them.

use std::time::Duration;

use libtest_mimic::{Failed, Trial};

use super::attacks;
use super::guest::Guest;
use super::scene::{Ended, Scene};
use crate::harness::certificates::Authority;

/// The tests of this file.
pub(super) fn trials() -> Vec<Trial> {
    attacks![
        a_loop_without_end,
        a_loop_that_calls_the_host,
        a_start_function_that_never_ends,
        an_allocation_that_never_ends,
        an_allocation_that_calls_the_host,
        a_guest_that_only_yields,
        a_guest_that_waits_for_nothing,
        callbacks_that_lie,
        callbacks_without_end,
        calls_under_way_when_run_returns,
        recursion_without_end,
        recursion_that_calls_the_host,
    ]
}

/// The scene's `run` and `grace`, and what a busy machine adds.
const SOON: Duration = Duration::from_secs(4);

fn is_stopped(ended: Ended) -> Result<(), Failed> {
    ended.limited("limits run and grace")?.in_time(SOON)?;
    Ok(())
}

fn a_loop_without_end() -> Result<(), Failed> {
    is_stopped(Scene::new().play(&Guest::of("(loop $on (br $on))"))?)
}

fn a_loop_that_calls_the_host() -> Result<(), Failed> {
    for call in [
        "(call $write-line (i32.const 0) (i32.const 32) (i32.const 9))",
        "(call $address (global.get $server) (i32.const 64))",
        "(drop (call $sleep-begin (i64.const 0) (i32.const 64)))",
    ] {
        // What the host allocates in the guest may be written over.
        let guest = Guest::of(format!(
            "(call $serve) (loop $on {call} (global.set $heap (i32.const 0x100000)) (br $on))"
        ));
        let ended = Scene::new().listen()?.play(&guest)?;
        is_stopped(ended.within(64)?)?;
    }
    Ok(())
}

fn a_start_function_that_never_ends() -> Result<(), Failed> {
    let guest = Guest::of("").functions("(func $spin (loop $on (br $on))) (start $spin)");
    is_stopped(Scene::new().play(&guest)?)
}

/// Allocates as usual, until told to spin.
const SPINNING: &str = r#"
  (global $spins (mut i32) (i32.const 0))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (loop $on (br_if $on (global.get $spins)))
    (i32.const 0x100000))"#;

fn an_allocation_that_never_ends() -> Result<(), Failed> {
    let begin = "(global.set $spins (i32.const 1))";
    for attack in [
        format!("(call $serve) {begin} (call $address (global.get $server) (i32.const 64))"),
        // The list that an async call returns, when it comes to its end while the guest waits.
        format!("(call $serve) (drop (call $close-begin (global.get $server))) {begin}
            (call $accept (global.get $server) (i32.const 1) (i32.const 64))"),
        format!("{begin} (call $connect (i32.const 32) (i32.const 9) (i32.const 32) (i32.const 0) (i32.const 32) (i32.const 0)
            (i64.const 1) (i64.const 1) (i32.const 0) (i32.const 32) (i32.const 0) (i32.const 64))"),
    ] {
        is_stopped(Scene::new().listen()?.play(&Guest::of(attack).realloc(SPINNING))?)?;
    }
    // The program's own strings.
    let always = r#"(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (loop $on (br $on)) (unreachable))"#;
    is_stopped(Scene::new().play(&Guest::of("").realloc(always))?)
}

/// Calls the host from where the host allocates.
const CALLING: &str = r#"
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (call $write-line (i32.const 0) (i32.const 32) (i32.const 9))
    (i32.const 0x100000))"#;

fn an_allocation_that_calls_the_host() -> Result<(), Failed> {
    let ended = Scene::new().play(&Guest::of("").realloc(CALLING))?;
    ended.crashed("cannot leave component instance")?.said("")?;
    Ok(())
}

fn a_guest_that_only_yields() -> Result<(), Failed> {
    let ended = Scene::new()
        .wall(Duration::from_millis(300))
        .play(&Guest::of("(loop $on (drop (call $yield)) (br $on))"))?;
    ended.limited("--timeout")?.in_time(SOON)?;
    Ok(())
}

fn a_guest_that_waits_for_nothing() -> Result<(), Failed> {
    let wait = "(drop (call $waitable-set-wait (call $waitable-set-new) (i32.const 64)))";
    for before in ["", "(drop (call $sleep-begin (i64.const -1) (i32.const 64)))"] {
        let scene = Scene::new().wall(Duration::from_millis(300));
        scene
            .play(&Guest::of(format!("{before} {wait}")))?
            .limited("--timeout")?
            .in_time(SOON)?;
    }
    Ok(())
}

/// A guest with the ABI of callbacks: `run` says what comes next, and so does each call of the callback.
fn callbacks(run: &str, callback: &str) -> Guest {
    Guest::of("").run(format!(
        r#"(global $case (mut i32) (i32.const 0))
        (func $return
          (call $task-return (i32.const 0) (i32.const 0) (i32.const 32) (i32.const 0) (i32.const 32) (i32.const 0)
            (i32.const 32) (i32.const 0)))
        (func (export "[async-lift]run") (param i32 i32 i32 i32 i32 i32 i32 i32 i64 i64 i32 i32 i32) (result i32)
          (global.set $case (local.get 3)) {run})
        (func (export "[callback][async-lift]run") (param i32 i32 i32) (result i32) {callback})"#
    ))
}

fn callbacks_that_lie() -> Result<(), Failed> {
    let exit = "(i32.const 0)";
    for (run, callback, reason) in [
        // It exits without a result, says it twice, or says that it was cancelled.
        (exit, exit, "failed to produce a result"),
        (
            "(call $return) (call $return) (i32.const 0)",
            exit,
            "more than once",
        ),
        (
            "(call $return) (call $task-cancel) (i32.const 0)",
            exit,
            "has not been cancelled",
        ),
        (
            "(call $task-cancel) (i32.const 0)",
            exit,
            "has not been cancelled",
        ),
        // It waits on what is no set of waitables, or says what is no code.
        ("(i32.const 2)", exit, "unknown handle index"),
        ("(i32.const 0x7f2)", exit, "unknown handle index"),
        ("(i32.const -1)", exit, "unsupported callback code"),
        ("(i32.const 3)", exit, "unsupported callback code"),
        ("(i32.const 1)", "(i32.const -1)", "unsupported callback code"),
        ("(i32.const 1)", "(unreachable)", "unreachable"),
    ] {
        Scene::new().play(&callbacks(run, callback))?.crashed(reason)?;
    }
    Ok(())
}

fn callbacks_without_end() -> Result<(), Failed> {
    let spin = "(loop $on (br $on)) (unreachable)";
    is_stopped(Scene::new().play(&callbacks("(i32.const 1)", spin))?)?;
    let always = callbacks("(i32.const 1)", "(i32.const 1)");
    let ended = Scene::new().wall(Duration::from_millis(300)).play(&always)?;
    ended.limited("--timeout")?.in_time(SOON)?;
    // The result is there, and the guest goes on: with what it does before it gives way, and no further.
    is_stopped(Scene::new().play(&callbacks(&format!("(call $return) {spin}"), spin))?)?;
    for after in [
        "(i32.const 1)",
        "(i32.or (i32.const 2) (i32.shl (call $waitable-set-new) (i32.const 4)))",
    ] {
        Scene::new()
            .play(&callbacks(&format!("(call $return) {after}"), spin))?
            .returned("")?;
    }
    Ok(())
}

fn calls_under_way_when_run_returns() -> Result<(), Failed> {
    let calls = "(call $serve)
        (drop (call $sleep-begin (i64.const -1) (i32.const 64)))
        (drop (call $sleep-begin (i64.const 1) (i32.const 64)))
        (drop (call $accept-begin (global.get $server) (i32.const 1) (i32.const 64)))";
    let guest = callbacks(&format!("{calls} (call $return) (i32.const 0)"), "(i32.const 0)");
    Scene::new().listen()?.play(&guest)?.returned("")?.in_time(SOON)?;
    Ok(())
}

fn recursion_without_end() -> Result<(), Failed> {
    let guest = Guest::of("(call $down)").functions("(func $down (call $down) (call $tell (i32.const 1)))");
    Scene::new().play(&guest)?.limited("limit stack")?.within(16)?;
    Ok(())
}

fn recursion_that_calls_the_host() -> Result<(), Failed> {
    let mut guest = Guest::new();
    let ca = guest.bytes(Authority::new()?.ca_pem);
    let url = guest.bytes("https://127.0.0.1:1/");
    let none = "(i32.const 32) (i32.const 0)";
    let request = format!("{none} {url} {none} {none} (i32.const 0) (i64.const 1)");
    let calls = [
        "(call $tell (i32.const 1))".to_owned(),
        "(call $sleep (i64.const 0) (i32.const 64))".to_owned(),
        "(call $serve) (call $drop-server (global.get $server))".to_owned(),
        format!(
            "(call $send {request} (i64.const 1) (i32.const 0) (i32.const 0) (i32.const 1) {ca} (i32.const 64))"
        ),
        format!(
            "(call $listen {none} (i32.const 0) (i32.const 0) (i64.const 0) (i32.const 0) (i64.const 0)
            (i32.const 1) {ca} {ca} (i32.const 0) (i32.const 64))"
        ),
    ];
    // The deeper, the nearer to the end of the stack, down to the last frames.
    let down = |(number, call): (usize, &String)| {
        format!(
            "(func $down{number} (param $depth i32)
               (if (i32.eqz (i32.and (local.get $depth) (i32.const 63)))
                 (then {call} (global.set $heap (i32.const 0x100000))))
               (call $down{number} (i32.add (local.get $depth) (i32.const 1)))
               (call $tell (local.get $depth)))"
        )
    };
    let functions: String = calls.iter().enumerate().map(down).collect();
    let cases: Vec<String> = (0..calls.len())
        .map(|number| format!("(call $down{number} (i32.const 1))"))
        .collect();
    let guest = guest.functions(functions).cases(&cases);
    let scene = Scene::new().net("127.0.0.1")?.listen()?;
    // None of those that are dropped is gone before the guest gives way.
    let scene = scene.limit("servers=100000")?.limit("run=20")?;
    for ended in scene.cases(&guest, cases.len())? {
        ended.limited("limit stack")?.within(32)?;
    }
    Ok(())
}
