//! Limits that need generated scripts: nesting without end, spinning beside honest requests.

use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};

use crate::harness::child::{Atoll, Finished};
use crate::harness::http::{Connection, get};
use crate::harness::trials;

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    trials![
        nesting_in_the_source,
        natural_recursion_in_libraries,
        caught_errors_do_not_leak,
        a_spinning_handler_beside_honest_ones,
        many_spinning_handlers,
        a_handler_that_spins_for_good_ends_its_connection,
        memory_stays_within_the_limit,
        request_bodies_cannot_fill_the_memory,
        a_limit_that_is_raised_is_raised,
        a_server_starts_afresh_five_times,
    ]
}

/// A script's own failure, told in its own terms; not a crash of the host or of the guest.
fn expect_clean(what: &str, finished: &Finished, codes: &[i32]) -> Result<(), Failed> {
    let err = finished.err();
    let crashed = [
        "panicked",
        "wasm trap",
        "wasm backtrace",
        "unreachable",
        "SIGSEGV",
        "RUST_BACKTRACE",
    ]
    .iter()
    .find(|word| err.contains(**word));
    if let Some(word) = crashed {
        return Err(format!("{what}: {word:?} in standard error:\n{err}").into());
    }
    if !codes.contains(&finished.code) {
        return Err(format!("{what}: exit code {}\n{}\n{err}", finished.code, finished.out()).into());
    }
    Ok(())
}

fn nesting_in_the_source() -> Result<(), Failed> {
    let depth = 100_000;
    let nests: &[(&str, &str, &str, &str, &str)] = &[
        ("parentheses", "return ", "(", "1", ")"),
        ("tables", "return ", "{", "1", "}"),
        ("functions", "return ", "function() return ", "1", " end"),
        ("calls", "return ", "f(", "1", ")"),
        ("blocks", "", "do ", "", " end"),
        ("conditions", "", "if x then ", "", " end"),
        ("loops", "", "while x do ", "", " end"),
        ("negations", "return ", "not ", "1", ""),
        ("minus", "return ", "- ", "1", ""),
        ("lengths", "return ", "#", "x", ""),
        ("concatenations", "return ", "x .. ", "x", ""),
        ("powers", "return ", "2 ^ ", "2", ""),
        ("additions", "return ", "1 + ", "1", ""),
        ("indices", "return ", "x[", "1", "]"),
        ("members", "return x", ".y", "", ""),
        ("call chains", "return x", "()", "", ""),
        ("if expressions", "return ", "if x then ", "1", " else 2"),
        ("interpolations", "return ", "`{", "1", "}`"),
        ("types", "local x: ", "{", "number", "}"),
        ("optional types", "type T = ", "(", "number", ")?"),
        ("function types", "type T = ", "(number) -> ", "number", ""),
        ("generics", "type T = ", "Array<", "number", ">"),
        ("else branches", "if x then ", "elseif x then ", "", " end"),
        ("comments", "--", "[", "", ""),
    ];
    for (name, before, open, middle, close) in nests {
        let source = format!("{before}{}{middle}{}", open.repeat(depth), close.repeat(depth));
        let finished = Atoll::source("nesting", source, [""; 0])?.finish()?;
        // Some of them are fine however long; the others must fail as a script does.
        expect_clean(name, &finished, &[0, 1])?;
        if finished.code == 1 && !finished.err().starts_with("error: ") {
            return Err(format!("{name}: no error line:\n{}", finished.err()).into());
        }
    }
    Ok(())
}

fn natural_recursion_in_libraries() -> Result<(), Failed> {
    let sources = [
        "local function f() return pcall(f) end print(f())",
        "local function f() local ok, e = xpcall(f, f) error(e, 0) end print(pcall(f))",
        "local function f() return coroutine.wrap(f)() end print(pcall(f))",
        "local function f() return select(2, coroutine.resume(coroutine.create(f))) end print(pcall(f))",
        "local function f() return (string.gsub('x', 'x', f)) end print(pcall(f))",
        "local function f(a, b) table.sort({ 3, 2, 1 }, f) return a < b end print(pcall(table.sort, { 2, 1 }, f))",
        "local function f() return task.spawn(f) end print(pcall(f))",
        "local t = setmetatable({}, {}) getmetatable(t).__index = function(_, k) return t[k] end print(pcall(function() return t.x end))",
        "local t = setmetatable({}, {}) getmetatable(t).__eq = function(a, b) return a == b end print(pcall(function() return t == setmetatable({}, getmetatable(t)) end))",
        "local t = setmetatable({}, {}) getmetatable(t).__concat = function(a, b) return a .. b end print(pcall(function() return t .. t end))",
        "local t = setmetatable({}, {}) getmetatable(t).__iter = function(x) for k in x do end end print(pcall(function() for k in t do end end))",
        "local t = setmetatable({}, {}) getmetatable(t).__tostring = function(x) return tostring(x) end print(pcall(print, t))",
        "print(pcall(string.find, string.rep('a', 200000), string.rep('a?', 200000) .. string.rep('a', 200000)))",
        "print(pcall(string.find, string.rep('(', 200000), string.rep('(', 200000)))",
        "print(pcall(string.format, '%99999d', 1))",
        "print(pcall(string.format, string.rep('%s', 100000), 1))",
        "print(pcall(string.rep, '', 1e300))",
        "print(pcall(table.concat, table.create(1000000, 'x'), string.rep('y', 1000)))",
        "print(pcall(unpack, {}, 1, 1e8))",
        "print(pcall(table.create, 1e9))",
        "print(pcall(string.char, unpack(table.create(7000, 65))))",
        "print(select('#', string.byte(string.rep('x', 5000), 1, -1)))",
        "print(pcall(string.pack, string.rep('i16', 10000)))",
        "print(pcall(bit32.lshift, 1, 1e308))",
        "print(pcall(os.date, string.rep('%c', 100000)))",
        "print(pcall(utf8.char, 1e9))",
        "error(error)",
        "error(coroutine.running())",
        "error(setmetatable({}, { __tostring = error }))",
        "error(setmetatable({}, { __tostring = function() while true do end end }))",
        "error(string.rep('x', 2 ^ 24))",
        "coroutine.close(coroutine.running())",
        "task.cancel(coroutine.running())",
        "coroutine.yield(coroutine.running())",
        "task.defer(coroutine.running())",
        "task.delay(0, coroutine.running()) task.wait()",
    ];
    for source in sources {
        let words = ["--limit", "run=2", "--limit", "grace=1", "--timeout", "40"];
        let finished = Atoll::source("recursion", source, words)?.finish()?;
        expect_clean(source, &finished, &[0, 1, 3])?;
    }
    Ok(())
}

fn caught_errors_do_not_leak() -> Result<(), Failed> {
    let count = if crate::stress::full() {
        10_000_000
    } else {
        500_000
    };
    let source = format!(
        "local before = gcinfo() for _ = 1, {count} do pcall(error, 'x') end
        print(gcinfo() - before < 1024)"
    );
    let words = ["--limit", "run=600", "--limit", "memory=32m"];
    let finished = Atoll::source("caught", source, words)?
        .time_limit(Duration::from_secs(600))
        .finish()?;
    finished.expect_code(0)?;
    assert_eq!(finished.out(), "true\n");
    Ok(())
}

const SPINNER: &str = "net.serve({ port = 0, address = '127.0.0.1', request = function(request)
    if request.path == '/spin' then while true do end end
    if request.path == '/spin-on' then while true do pcall(function() while true do end end) end end
    return 'fine'
end })";

fn a_spinning_handler_beside_honest_ones() -> Result<(), Failed> {
    let words = ["--allow-listen=localhost", "--limit", "run=0.5"];
    let child = Atoll::source("spin_beside", SPINNER, words)?.start()?;
    let address = child.address()?;
    let mut spinning = Connection::open(address)?;
    spinning.send("GET /spin HTTP/1.1\r\nhost: x\r\n\r\n")?;
    assert_eq!(get(address, "/")?.text(), "fine");
    let response = spinning.response()?;
    assert_eq!(
        (response.status(), response.text().as_str()),
        (500, "An error occurred on the server")
    );
    // The same connection goes on.
    spinning.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n")?;
    assert_eq!(spinning.response()?.text(), "fine");
    Ok(())
}

fn many_spinning_handlers() -> Result<(), Failed> {
    // Each has its own run, so ten of them are no reason for the hard stop.
    let words = [
        "--allow-listen=localhost",
        "--limit",
        "run=0.2",
        "--limit",
        "grace=1",
    ];
    let child = Atoll::source("many_spinning", SPINNER, words)?.start()?;
    let address = child.address()?;
    let mut connections: Vec<Connection> = (0..10)
        .map(|_| Connection::open(address))
        .collect::<Result<_, _>>()?;
    for connection in &mut connections {
        connection.send("GET /spin HTTP/1.1\r\nhost: x\r\n\r\n")?;
    }
    for connection in &mut connections {
        assert_eq!(connection.response()?.status(), 500);
    }
    assert_eq!(get(address, "/")?.text(), "fine");
    Ok(())
}

fn a_handler_that_spins_for_good_ends_its_connection() -> Result<(), Failed> {
    let words = [
        "--allow-listen=localhost",
        "--limit",
        "run=0.3",
        "--limit",
        "grace=0.3",
    ];
    let child = Atoll::source("spin_for_good", SPINNER, words)?.start()?;
    let mut connection = Connection::open(child.address()?)?;
    connection.send("GET /spin-on HTTP/1.1\r\nhost: x\r\n\r\n")?;
    let start = Instant::now();
    // The instance dies under the request: no answer, or the host's own; and it does not last.
    if let Ok(Some(message)) = connection.message(true)
        && message.status() < 500
    {
        return Err(format!("a handler that never returned was answered: {message:?}").into());
    }
    if start.elapsed() > Duration::from_secs(20) {
        return Err(format!("the hard stop came after {:?}", start.elapsed()).into());
    }
    child.wait_stderr("run")
}

fn memory_stays_within_the_limit() -> Result<(), Failed> {
    let source = "local list = {}
        while pcall(function() table.insert(list, buffer.create(2 ^ 20)) end) do end
        print('full', #list) task.wait(1000)";
    let child = Atoll::source("memory", source, ["--limit", "memory=64m"])?.start()?;
    child.wait_stdout("full")?;
    let kibibytes = child.resident()?;
    // The instance and the process around it.
    if kibibytes > (64 + 192) << 10 {
        return Err(format!("{} MiB resident with a limit of 64", kibibytes >> 10).into());
    }
    Ok(())
}

fn request_bodies_cannot_fill_the_memory() -> Result<(), Failed> {
    let source =
        "net.serve({ port = 0, address = '127.0.0.1', maxBodySize = 2 ^ 30, request = function(request)
            return tostring(#request.body)
        end })";
    let words = ["--allow-listen=localhost", "--limit", "memory=32m"];
    let child = Atoll::source("body_memory", source, words)?.start()?;
    let address = child.address()?;
    let size = 100 << 20;
    let mut connection = Connection::open(address)?;
    connection.send(format!(
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {size}\r\n\r\n"
    ))?;
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..100 {
        if connection.send(&piece).is_err() {
            break;
        }
    }
    if let Ok(Some(message)) = connection.message(true)
        && message.status() < 400
    {
        return Err(format!("100 MiB went into 32 MiB: {message:?}").into());
    }
    assert_eq!(get(address, "/")?.text(), "0");
    Ok(())
}

fn a_limit_that_is_raised_is_raised() -> Result<(), Failed> {
    let source = "local list = {} for index = 1, 160 do list[index] = buffer.create(2 ^ 20) end print(#list)";
    Atoll::source("memory_low", source, [""; 0])?
        .finish()?
        .expect_code(1)?;
    let finished = Atoll::source("memory_high", source, ["--limit", "memory=512m"])?.finish()?;
    finished.expect_code(0)?;
    assert_eq!(finished.out(), "160\n");
    Ok(())
}

fn a_server_starts_afresh_five_times() -> Result<(), Failed> {
    let source = "net.serve({ port = 0, address = '127.0.0.1', request = function(request)
            while request.path == '/spin' do pcall(function() while true do end end) end
            return 'fine'
        end })";
    let words = [
        "--allow-listen=localhost",
        "--limit",
        "run=0.1",
        "--limit",
        "grace=0.1",
    ];
    let child = Atoll::source("afresh", source, words)?.start()?;
    for start in 1..=6 {
        let addresses = child.addresses(start)?;
        let address = addresses.last().ok_or("no address")?;
        assert_eq!(get(*address, "/")?.text(), "fine", "start {start}");
        let mut spinning = Connection::open(*address)?;
        spinning.send("GET /spin HTTP/1.1\r\nhost: x\r\n\r\n")?;
    }
    let finished = child.finish()?;
    finished.expect_code(3)?;
    assert_eq!(
        finished.err().matches("the server starts afresh").count(),
        5,
        "{}",
        finished.err()
    );
    Ok(())
}
