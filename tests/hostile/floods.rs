//! Too many of everything: servers, calls that wait, memory, tables, exceptions, lines.

use libtest_mimic::{Failed, Trial};

use super::attacks;
use super::guest::Guest;
use super::scene::Scene;

/// The tests of this file.
pub(super) fn trials() -> Vec<Trial> {
    attacks![
        servers_up_to_the_limit,
        servers_without_end,
        waits_without_end,
        calls_that_wait_on_one_resource,
        waits_for_an_interruption_that_never_comes,
        calls_that_are_never_collected,
        memory_without_end,
        tables_without_end,
        exceptions_without_end,
        exceptions_that_are_kept,
        garbage_without_end,
        lines_without_end,
        lines_as_long_as_the_memory,
        reports_as_long_as_the_memory,
    ]
}

fn servers_up_to_the_limit() -> Result<(), Failed> {
    let listen = "(call $listen (i32.const 32) (i32.const 9) (i32.const 0) (i32.const 0) (i64.const 0) (i32.const 0)
      (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 64))";
    let guest = Guest::of(format!(
        "(local $count i32)
         (loop $on {listen}
           (if (i32.eqz (i32.load8_u (i32.const 64)))
             (then (local.set $count (i32.add (local.get $count) (i32.const 1))) (br $on))))
         (call $tell (local.get $count)) (call $outcome (i32.const 64)) (call $error-text (i32.const 64))
         {listen} (call $outcome (i32.const 64))"
    ));
    for limit in ["handles=20", "servers=20"] {
        let ended = Scene::new().listen()?.limit(limit)?.play(&guest)?;
        ended
            .returned(&format!("20\n18\n*limit {limit}*\n18\n"))?
            .within(16)?;
    }
    Ok(())
}

fn servers_without_end() -> Result<(), Failed> {
    let descriptors = || Ok::<_, Failed>(std::fs::read_dir("/proc/self/fd")?.count());
    let before = descriptors()?;
    // Those that are dropped at once, and those that are kept: all that the time allows, where the system has
    // descriptors for both, and not so many where the neighbour would have none left.
    let kept = if most_descriptors()? > 16_000 {
        "handles=100000"
    } else {
        "handles=400"
    };
    let drop = "(call $drop-server (global.get $server))";
    for (limit, then) in [("handles=100000", drop), (kept, "")] {
        let guest = Guest::of(format!("(loop $on (call $serve) {then} (br $on))"));
        let scene = Scene::new().listen()?.limit("servers=100000")?;
        let ended = scene.limit(limit)?.play(&guest)?;
        match ended.said.as_str() {
            "18\n" => ended.crashed("unreachable")?,
            _ => ended.limited("limits run and grace")?,
        }
        .within(64)?;
    }
    let after = descriptors()?;
    // The second scene's engine and listener are gone, too.
    if after > before + 8 {
        return Err(format!("{before} descriptors before, {after} after").into());
    }
    Ok(())
}

/// How many descriptors this process may have.
fn most_descriptors() -> Result<u64, Failed> {
    let limits = std::fs::read_to_string("/proc/self/limits")?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"));
    let soft = line
        .and_then(|line| line.split_whitespace().next())
        .ok_or("no such limit")?;
    Ok(soft.parse().unwrap_or(u64::MAX))
}

fn waits_without_end() -> Result<(), Failed> {
    let guest = Guest::of(
        "(local $left i32) (local $count i32) (local.set $left (i32.const 5000))
         (loop $on
           (if (i32.ne (call $sleep-begin (i64.const -1) (i32.const 64)) (i32.const 2))
             (then (local.set $count (i32.add (local.get $count) (i32.const 1)))))
           (br_if $on (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
         (call $tell (local.get $count)) (call $outcome (i32.const 64)) (call $error-text (i32.const 64))",
    );
    let ended = Scene::new().limit("parked=1000")?.play(&guest)?;
    ended.returned("1000\n18\n*limit parked=1000*\n")?.within(16)?;
    Ok(())
}

fn calls_that_wait_on_one_resource() -> Result<(), Failed> {
    let guest = Guest::of(
        "(call $serve)
         (loop $on (drop (call $accept-begin (global.get $server) (i32.const 1) (i32.const 64))) (br $on))",
    );
    let few = Scene::new().listen()?.limit("parked=500")?.limit("handles=500")?;
    few.play(&guest)?
        .crashed("more calls wait on the host than")?
        .within(16)?;
    // With the defaults it is the same, and there are many more.
    let many = Scene::new().listen()?.limit("run=20")?.play(&guest)?;
    many.crashed("more calls wait on the host than")?.within(256)?;
    Ok(())
}

fn waits_for_an_interruption_that_never_comes() -> Result<(), Failed> {
    let guest = Guest::of("(loop $on (drop (call $interrupted-begin)) (br $on))");
    let few = Scene::new().limit("parked=500")?.limit("handles=500")?;
    few.play(&guest)?
        .crashed("more calls wait on the host than")?
        .within(16)?;
    Ok(())
}

fn calls_that_are_never_collected() -> Result<(), Failed> {
    // They have ended, and the guest never asks for how.
    let guest = Guest::of(
        "(local $count i32)
         (loop $on
           (drop (call $sleep-begin (i64.const 1) (i32.const 64)))
           (if (i32.eqz (i32.and (local.tee $count (i32.add (local.get $count) (i32.const 1))) (i32.const 0x7f)))
             (then (call $sleep (i64.const 1) (i32.const 64))))
           (global.set $heap (i32.const 0x100000))
           (br $on))",
    );
    Scene::new()
        .limit("run=20")?
        .play(&guest)?
        .crashed("handle limit exceeded")?
        .within(128)?;
    Ok(())
}

fn memory_without_end() -> Result<(), Failed> {
    let guest = Guest::of(
        "(loop $on (br_if $on (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
         (loop $on (br_if $on (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
         (call $tell (memory.grow (i32.const 0x7fffffff))) (call $tell (memory.size))
         (memory.fill (i32.const 0x100000) (i32.const 1)
           (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 0x100000)))
         (call $tell (i32.load8_u (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 1))))",
    );
    let ended = Scene::new().limit("run=20")?.play(&guest)?;
    ended.returned("4294967295\n2048\n1\n")?.within(128 + 16)?;
    // One that the limit has no room for from the start.
    let guest = Guest::of("").functions("(memory $second 2048)");
    Scene::new().play(&guest)?.limited("limit memory")?.within(16)?;
    Ok(())
}

fn tables_without_end() -> Result<(), Failed> {
    let guest = Guest::of(
        "(loop $on (br_if $on (i32.ne (table.grow $t (ref.func $attack) (i32.const 1000)) (i32.const -1))))
         (call $tell (table.grow $t (ref.null func) (i32.const 0x7fffffff)))
         (call $tell (table.size $t)) (call $tell (table.grow $other (ref.null func) (i32.const 1000)))",
    )
    .functions("(table $t 0 funcref) (table $other 0 funcref) (elem declare func $attack)");
    // One bound for all of them.
    Scene::new()
        .play(&guest)?
        .returned("4294967295\n99000\n4294967295\n")?
        .within(16)?;
    Ok(())
}

fn exceptions_without_end() -> Result<(), Failed> {
    let guest = Guest::of(
        "(local $left i32) (local.set $left (i32.const 200000))
         (loop $on
           (block $caught (try_table (catch_all $caught) (throw $e (i32.const 1))))
           (br_if $on (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
         (call $tell (i32.const 1))",
    )
    .functions("(tag $e (param i32))");
    Scene::new()
        .limit("run=20")?
        .play(&guest)?
        .returned("1\n")?
        .within(32)?;
    // One that nobody catches.
    let guest = Guest::of("(throw $e (i32.const 1))").functions("(tag $e (param i32))");
    Scene::new().play(&guest)?.crashed("")?;
    Ok(())
}

fn exceptions_that_are_kept() -> Result<(), Failed> {
    let guest = Guest::of(
        "(local $count i32)
         (loop $on
           (table.set $kept (i32.rem_u (local.get $count) (i32.const 90000))
             (block $caught (result exnref)
               (try_table (catch_all_ref $caught)
                 (throw $e (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0))) (unreachable)))
           (br_if $on (i32.lt_u (local.tee $count (i32.add (local.get $count) (i32.const 1))) (i32.const 200000))))
         (call $tell (i32.const 1))",
    )
    .functions("(tag $e (param i64 i64 i64 i64)) (table $kept 90000 exnref)");
    let scene = Scene::new().limit("memory=16m")?.limit("run=20")?;
    scene.play(&guest)?.returned("1\n")?.within(32)?;
    Ok(())
}

fn garbage_without_end() -> Result<(), Failed> {
    let array = "(array.new_default $bytes (i32.const 0x100000))";
    let repeat = |what: &str| {
        format!(
            "(local $count i32)
             (loop $on {what}
               (br_if $on (i32.lt_u (local.tee $count (i32.add (local.get $count) (i32.const 1))) (i32.const 300))))
             (call $tell (i32.const 1))"
        )
    };
    let functions = "(type $bytes (array (mut i8))) (table $kept 300 (ref null $bytes))";
    let dropped = Guest::of(repeat(&format!("(drop {array})"))).functions(functions);
    Scene::new()
        .limit("run=20")?
        .play(&dropped)?
        .returned("1\n")?
        .within(128 + 16)?;
    let kept =
        Guest::of(repeat(&format!("(table.set $kept (local.get $count) {array})"))).functions(functions);
    Scene::new()
        .limit("run=20")?
        .play(&kept)?
        .limited("limit memory")?
        .within(128 + 16)?;
    Ok(())
}

fn lines_without_end() -> Result<(), Failed> {
    let guest =
        Guest::of("(loop $on (call $write-line (i32.const 0) (i32.const 32) (i32.const 9)) (br $on))");
    let ended = Scene::new().play(&guest)?;
    let ended = ended.limited("limits run and grace")?.within(16)?;
    assert!(ended.written.0 > 1000, "{ended:?}");
    Ok(())
}

fn lines_as_long_as_the_memory() -> Result<(), Failed> {
    // Not all of the limit: copying a list takes its time in a build for debugging.
    let guest = Guest::of(
        "(drop (memory.grow (i32.const 256)))
         (call $write-line (i32.const 0) (i32.const 0) (i32.const 0x1000000))
         (call $write-line (i32.const 1) (i32.const 0) (i32.const 0x1000000))",
    );
    let ended = Scene::new()
        .limit("run=20")?
        .play(&guest)?
        .within(18 + 2 * 16 + 16)?;
    assert!(ended.result.is_ok(), "{ended:?}");
    assert_eq!(ended.written, (2, 2 << 24));
    Ok(())
}

fn reports_as_long_as_the_memory() -> Result<(), Failed> {
    let long = "(i32.const 0x100000) (i32.const 0x2000000)";
    let guest = Guest::of(format!(
        "(drop (memory.grow (i32.const 512)))
         (memory.fill (i32.const 0x100000) (i32.const 10) (i32.const 0x2000000))
         (call $report (i32.const 0) {long} {long} {long})
         (call $tell (i32.const 1))"
    ));
    let ended = Scene::new()
        .limit("run=20")?
        .play(&guest)?
        .within(34 + 3 * 32 + 16)?;
    assert!(ended.result.is_ok(), "{ended:?}");
    assert!(ended.written.1 < 1 << 20, "{ended:?}");
    Ok(())
}
