//! What the cases cannot say about the command line: signals, and words that no file can hold.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};

use crate::harness::child::Atoll;
use crate::harness::http::{Connection, get};
use crate::harness::trials;

/// A server whose `/slow` answers once somebody has asked for `/go`, and whose other paths answer at once.
const SLOW: &str = r#"
local waiting
net.serve({
    port = 0,
    address = "127.0.0.1",
    request = function(request)
        if request.path == "/slow" then
            waiting = coroutine.running()
            print("under way")
            task.delay(tonumber(process.args[1]), task.spawn, waiting)
            coroutine.yield()
            return "finished"
        end
        return "at once"
    end,
})
"#;

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    trials![
        interrupt_ends_an_idle_server,
        interrupt_lets_requests_finish,
        interrupt_stops_accepting,
        second_interrupt_stops_at_once,
        terminate_ends_with_143,
        interrupt_ends_a_waiting_script,
        interrupt_ends_a_spinning_script,
        output_is_not_held_back,
        a_closed_standard_output_is_survived,
        source_of_any_bytes,
        nothing_of_a_source_is_skipped,
        backtrace_variable_changes_nothing,
        log_variable_keeps_standard_output_clean,
    ]
}

fn interrupt_ends_an_idle_server() -> Result<(), Failed> {
    let child = Atoll::source("interrupt_idle", SLOW, ["--allow-listen=localhost", "--", "0"])?.start()?;
    let mut idle = Connection::open(child.address()?)?;
    idle.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n")?;
    idle.response()?;
    let start = Instant::now();
    child.signal("INT")?;
    idle.expect_close()?;
    child.finish()?.expect_code(130)?;
    // A connection without a request has nothing to be waited for.
    if start.elapsed() > Duration::from_secs(4) {
        return Err(format!("the drain took {:?}", start.elapsed()).into());
    }
    Ok(())
}

fn interrupt_lets_requests_finish() -> Result<(), Failed> {
    let child = Atoll::source("interrupt_drain", SLOW, ["--allow-listen=localhost", "--", "1"])?.start()?;
    let mut slow = Connection::open(child.address()?)?;
    slow.send("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")?;
    child.wait_stdout("under way")?;
    child.signal("INT")?;
    let response = slow.response()?;
    assert_eq!((response.status(), response.text().as_str()), (200, "finished"));
    child.finish()?.expect_code(130)?;
    Ok(())
}

fn interrupt_stops_accepting() -> Result<(), Failed> {
    let child = Atoll::source("interrupt_accept", SLOW, ["--allow-listen=localhost", "--", "3"])?.start()?;
    let address = child.address()?;
    let mut slow = Connection::open(address)?;
    let mut idle = Connection::open(address)?;
    idle.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n")?;
    idle.response()?;
    slow.send("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")?;
    child.wait_stdout("under way")?;
    child.signal("INT")?;
    // The idle connection's close is the sign that the server has stopped.
    idle.expect_close()?;
    if TcpStream::connect(address).is_ok() {
        return Err("a new connection was accepted while the server drained".into());
    }
    assert_eq!(slow.response()?.text(), "finished");
    child.finish()?.expect_code(130)?;
    Ok(())
}

fn second_interrupt_stops_at_once() -> Result<(), Failed> {
    let child = Atoll::source(
        "interrupt_twice",
        SLOW,
        ["--allow-listen=localhost", "--", "1000"],
    )?
    .start()?;
    let mut slow = Connection::open(child.address()?)?;
    slow.send("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")?;
    child.wait_stdout("under way")?;
    let mut idle = Connection::open(child.address()?)?;
    idle.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n")?;
    idle.response()?;
    let start = Instant::now();
    child.signal("INT")?;
    idle.expect_close()?;
    child.signal("INT")?;
    child.finish()?.expect_code(130)?;
    if start.elapsed() > Duration::from_secs(4) {
        return Err(format!(
            "the second interrupt took {:?}: no sooner than the drain",
            start.elapsed()
        )
        .into());
    }
    Ok(())
}

fn terminate_ends_with_143() -> Result<(), Failed> {
    let child = Atoll::source("terminate", SLOW, ["--allow-listen=localhost", "--", "0"])?.start()?;
    get(child.address()?, "/")?;
    child.signal("TERM")?;
    child.finish()?.expect_code(143)?;
    Ok(())
}

fn interrupt_ends_a_waiting_script() -> Result<(), Failed> {
    let child = Atoll::source("interrupt_wait", "print('waits') task.wait(1000)", [""; 0])?.start()?;
    child.wait_stdout("waits")?;
    child.signal("INT")?;
    child.finish()?.expect_code(130)?;
    Ok(())
}

fn interrupt_ends_a_spinning_script() -> Result<(), Failed> {
    let source = "print('spins') while true do end";
    let words = ["--limit", "run=1000", "--limit", "drain=0.5"];
    let child = Atoll::source("interrupt_spin", source, words)?.start()?;
    child.wait_stdout("spins")?;
    child.signal("INT")?;
    child.signal("INT")?;
    child.finish()?.expect_code(130)?;
    Ok(())
}

fn output_is_not_held_back() -> Result<(), Failed> {
    let source = "for line = 1, 100 do print('line', line) end warn('warned') task.wait(1000)";
    let child = Atoll::source("output", source, [""; 0])?.start()?;
    child.wait_stdout("line\t100\n")?;
    child.wait_stderr("warned\n")
}

fn a_closed_standard_output_is_survived() -> Result<(), Failed> {
    // `head` leaves after the first line; atoll must end too, and not by a panic.
    let source = "for line = 1, 100000 do print('line', line) end";
    let folder = crate::harness::child::scratch().join("scripts/closed_output");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("main.luau"), source)?;
    let output = std::process::Command::new("sh")
        .arg("-c")
        .arg("\"$ATOLL\" run main.luau --limit run=60 | head -n 1")
        .env("ATOLL", env!("CARGO_BIN_EXE_atoll"))
        .env("XDG_CACHE_HOME", crate::harness::child::scratch())
        .env_remove("RUST_LOG")
        .current_dir(folder)
        .output()?;
    assert_eq!(String::from_utf8_lossy(&output.stdout), "line\t1\n");
    let stderr = String::from_utf8_lossy(&output.stderr);
    if stderr.contains("panicked") {
        return Err(stderr.into_owned().into());
    }
    Ok(())
}

fn source_of_any_bytes() -> Result<(), Failed> {
    let finished = Atoll::source("bytes", b"print('\xff\\0\xfe')", [""; 0])?.finish()?;
    finished.expect_code(0)?;
    assert_eq!(finished.stdout, b"\xff\x00\xfe\n");
    for source in [
        &b"\xff\xfe"[..],
        b"\x1bLua",
        b"print('unfinished",
        b"--[[ unfinished",
    ] {
        let finished = Atoll::source("bytes_bad", source, [""; 0])?.finish()?;
        finished.expect_code(1)?;
        if !finished.err().starts_with("error: main.luau:1:") {
            return Err(format!("{source:?}: {}", finished.err()).into());
        }
    }
    for source in [&b""[..], b"-- nothing", b"\n\n"] {
        let finished = Atoll::source("bytes_empty", source, [""; 0])?.finish()?;
        finished.expect_code(0)?;
        assert!(finished.stdout.is_empty() && finished.stderr.is_empty());
    }
    Ok(())
}

fn nothing_of_a_source_is_skipped() -> Result<(), Failed> {
    // The parser takes NUL for the end of the text; what follows it must not go unseen.
    for source in [&b"print('seen')\0 hidden ("[..], b"\0", b"print('seen') --\0"] {
        let finished = Atoll::source("nul", source, [""; 0])?.finish()?;
        finished.expect_code(1)?;
        if !finished.err().starts_with("error: main.luau:1:") || !finished.out().is_empty() {
            return Err(format!("{source:?}: {}{}", finished.out(), finished.err()).into());
        }
    }
    Ok(())
}

fn backtrace_variable_changes_nothing() -> Result<(), Failed> {
    let source = "local function inner() error('boom') end print(pcall(inner)) inner()";
    let plain = Atoll::source("backtrace", source, [""; 0])?
        .env("RUST_BACKTRACE", "0")
        .finish()?;
    let traced = Atoll::source("backtrace", source, [""; 0])?
        .env("RUST_BACKTRACE", "full")
        .finish()?;
    plain.expect_code(1)?;
    assert!(plain.err().contains("main.luau:1: boom"), "{}", plain.err());
    assert_eq!(
        (plain.code, plain.out(), plain.err()),
        (traced.code, traced.out(), traced.err())
    );
    Ok(())
}

fn log_variable_keeps_standard_output_clean() -> Result<(), Failed> {
    let finished = Atoll::source("log", "print('only this')", [""; 0])?
        .env("RUST_LOG", "trace")
        .finish()?;
    finished.expect_code(0)?;
    assert_eq!(finished.out(), "only this\n");
    Ok(())
}
