//! What the world `script` does not mention, and a component can have all the same.

use std::time::Duration;

use libtest_mimic::{Failed, Trial};

use super::attacks;
use super::guest::Guest;
use super::scene::Scene;

/// The tests of this file.
pub(super) fn trials() -> Vec<Trial> {
    attacks![
        random_bytes_without_end,
        zeroes_without_end,
        pollables_without_end,
        a_poll_that_never_ends,
        an_exit,
        handles_of_its_own,
        shared_memory,
        what_nobody_offers,
        components_that_call_each_other,
    ]
}

const IMPORTS: &str = r#"
  (import "wasi:random/random@0.2.12" "get-random-bytes" (func $random (param i64 i32)))
  (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:io/poll@0.2.12" "poll" (func $poll (param i32 i32 i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.write-zeroes" (func $zeroes (param i32 i64 i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.subscribe" (func $subscribe (param i32) (result i32)))
  (import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $pollable (param i64) (result i32)))
  (import "wasi:cli/stdout@0.2.12" "get-stdout" (func $stdout (result i32)))
  (import "wasi:cli/exit@0.2.12" "exit" (func $exit (param i32)))
  (import "[export]test:hostile/things" "[resource-new]thing" (func $thing (param i32) (result i32)))
  (import "[export]test:hostile/things" "[stream-new-0]pour" (func $stream (result i64)))
  (import "[export]test:hostile/things" "[future-new-1]pour" (func $future (result i64)))
"#;

/// A guest with an attack that uses them.
fn beyond(attack: &str) -> Guest {
    Guest::of(attack)
        .imports(IMPORTS)
        .functions(r#"(func (export "test:hostile/things#pour") (param i32) (result i32) (unreachable))"#)
}

fn random_bytes_without_end() -> Result<(), Failed> {
    for length in ["-1", "0x10000000000", "0x40000000"] {
        let attack = format!("(call $random (i64.const {length}) (i32.const 64))");
        Scene::new()
            .play(&beyond(&attack))?
            .crashed("exceeds limit")?
            .within(16)?;
    }
    Ok(())
}

fn zeroes_without_end() -> Result<(), Failed> {
    for length in ["-1", "0x10000000000", "0x40000000"] {
        let attack = format!("(call $zeroes (call $stdout) (i64.const {length}) (i32.const 64))");
        Scene::new()
            .play(&beyond(&attack))?
            .crashed("cannot write more zeroes")?
            .within(16)?;
    }
    Ok(())
}

fn pollables_without_end() -> Result<(), Failed> {
    for make in [
        "(call $pollable (i64.const -1))",
        "(call $stdout)",
        "(call $subscribe (local.get $out))",
    ] {
        let attack =
            format!("(local $out i32) (local.set $out (call $stdout)) (loop $on (drop {make}) (br $on))");
        let ended = Scene::new().limit("run=20")?.play(&beyond(&attack))?;
        ended.crashed("handle limit exceeded")?.within(64)?;
    }
    Ok(())
}

fn a_poll_that_never_ends() -> Result<(), Failed> {
    let scene = || Scene::new().wall(Duration::from_millis(1000));
    let ended = scene().play(&beyond("(call $block (call $pollable (i64.const -1)))"))?;
    ended.limited("--timeout")?;
    // WASI's own way to wait is none that the host's clock counts: only a guest that is not ours goes it.
    let ended = scene().play(&beyond(
        "(loop $on (call $block (call $pollable (i64.const 1000000))) (br $on))",
    ))?;
    ended.limited("limits run and grace")?;
    Ok(())
}

fn an_exit() -> Result<(), Failed> {
    for status in [0, 1] {
        Scene::new()
            .play(&beyond(&format!("(call $exit (i32.const {status}))")))?
            .crashed("exit status")?;
    }
    Ok(())
}

fn handles_of_its_own() -> Result<(), Failed> {
    for make in [
        "(call $thing (i32.const 1))",
        "(call $stream)",
        "(call $future)",
        "(call $waitable-set-new)",
    ] {
        let attack = format!("(loop $on (drop {make}) (br $on))");
        let ended = Scene::new().limit("run=20")?.play(&beyond(&attack))?;
        ended.crashed("handle limit exceeded")?.within(64)?;
    }
    Ok(())
}

fn shared_memory() -> Result<(), Failed> {
    // It would not be counted, and a wait on it could not be interrupted.
    let guest = Guest::of("(drop (memory.atomic.wait32 1 (i32.const 0) (i32.const 0) (i64.const -1)))")
        .functions("(memory $shared 1 65536 shared)");
    match Scene::new().play(&guest) {
        Err(error)
            if error
                .message()
                .is_some_and(|text| text.contains("shared memories")) =>
        {
            Ok(())
        }
        other => Err(format!("a guest with shared memory: {other:?}").into()),
    }
}

fn what_nobody_offers() -> Result<(), Failed> {
    for import in [
        "wasi:sockets/tcp@0.2.12",
        "wasi:http/outgoing-handler@0.2.12",
        "atoll:net/files@0.1.0",
    ] {
        let component = wat::parse_str(format!(
            "(component (import \"{import}\" (instance (export \"f\" (func)))))"
        ))?;
        match Scene::new().component_cases(component, 1) {
            Err(error)
                if error
                    .message()
                    .is_some_and(|text| text.contains("cannot prepare")) => {}
            other => return Err(format!("a guest that imports {import}: {other:?}").into()),
        }
    }
    Ok(())
}

fn components_that_call_each_other() -> Result<(), Failed> {
    let component = wat::parse_str(include_str!("nested.wat"))?;
    for ended in Scene::new().limit("run=20")?.component_cases(component, 2)? {
        ended.crashed("handle limit exceeded")?.within(320)?;
    }
    Ok(())
}
