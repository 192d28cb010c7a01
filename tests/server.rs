//! What the cases cannot say about `net.serve`: several clients at once, slow and hasty ones.

use std::net::{Ipv6Addr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};

use crate::harness::child::{Atoll, Running};
use crate::harness::http::{Connection, get};
use crate::harness::trials;

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    trials![
        a_waiting_handler_holds_nobody_up,
        a_client_that_leaves_harms_nobody,
        a_client_that_resets_harms_nobody,
        a_slow_client_gets_everything,
        a_slow_sender_is_heard,
        an_idle_connection_harms_nobody,
        connections_past_the_limit_wait,
        a_client_that_never_reads_is_let_go,
        pipelined_requests_in_one_write,
        a_deep_pipeline_is_answered_in_order,
        close_refuses_new_connections,
        close_ends_idle_connections,
        close_gives_up_on_a_stuck_handler,
        large_bodies_both_ways,
        wrong_lengths_of_the_script_reach_nobody,
        a_taken_port_of_another_process,
        several_processes_share_a_port,
        listens_on_ipv6,
        handlers_that_call_the_hook_of_a_closed_server,
    ]
}

const FLAGS: [&str; 1] = ["--allow-listen=localhost"];

fn start(name: &str, handler: &str) -> Result<Running, Failed> {
    let source = format!("net.serve({{ port = 0, address = '127.0.0.1', request = {handler} }})");
    Atoll::source(name, source, FLAGS)?.start()
}

fn ask(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n")
}

fn a_waiting_handler_holds_nobody_up() -> Result<(), Failed> {
    // `/wait` is answered by the request for `/wake`: only a server that serves both at once gets there.
    let handler = "(function() local waiting return function(request)
        if request.path == '/wait' then
            waiting = coroutine.running()
            print('waits')
            return coroutine.yield()
        end
        task.spawn(waiting, 'woken')
        return 'waker'
    end end)()";
    let child = start("waiting_handler", handler)?;
    let mut first = Connection::open(child.address()?)?;
    first.send(ask("/wait"))?;
    child.wait_stdout("waits")?;
    assert_eq!(get(child.address()?, "/wake")?.text(), "waker");
    assert_eq!(first.response()?.text(), "woken");
    Ok(())
}

fn a_client_that_leaves_harms_nobody() -> Result<(), Failed> {
    let handler = "function(request)
        if request.path == '/slow' then
            print('started')
            task.wait(0.2)
            print('went on')
        end
        return 'fine'
    end";
    let child = start("leaving_client", handler)?;
    let mut leaving = Connection::open(child.address()?)?;
    leaving.send(ask("/slow"))?;
    child.wait_stdout("started")?;
    drop(leaving);
    // A client that goes away cancels nothing in the script.
    child.wait_stdout("went on")?;
    assert_eq!(get(child.address()?, "/")?.text(), "fine");
    child.signal("INT")?;
    let finished = child.finish()?;
    finished.expect_code(130)?;
    if finished.err().contains("error") {
        return Err(finished.err().into());
    }
    Ok(())
}

fn a_client_that_resets_harms_nobody() -> Result<(), Failed> {
    let child = start("resetting_client", "function(request) return request.body end")?;
    let address = child.address()?;
    for piece in [
        "",
        "GE",
        "GET / HTTP/1.1\r\n",
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nsome",
    ] {
        let mut connection = Connection::open(address)?;
        connection.send(piece)?;
        connection.reset()?;
    }
    assert_eq!(get(address, "/")?.status(), 200);
    Ok(())
}

fn a_slow_client_gets_everything() -> Result<(), Failed> {
    // Past every buffer on the way: the server must wait for the reader, and others must not.
    let child = start(
        "slow_client",
        "function(request) return if request.path == '/big' then string.rep('0123456789abcdef', 2 ^ 20) else 'small' end",
    )?;
    let mut slow = Connection::open(child.address()?)?;
    slow.send(ask("/big"))?;
    for _ in 0..20 {
        assert_eq!(get(child.address()?, "/")?.text(), "small");
    }
    let response = slow.response()?;
    assert_eq!(response.body.len(), 16 << 20);
    if !response.body.chunks(16).all(|piece| piece == b"0123456789abcdef") {
        return Err("the content was damaged".into());
    }
    Ok(())
}

fn a_slow_sender_is_heard() -> Result<(), Failed> {
    let child = start("slow_sender", "function(request) return request.body end")?;
    let mut connection = Connection::open(child.address()?)?;
    // A byte at a time, each in a segment of its own.
    for byte in "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello".bytes() {
        connection.send([byte])?;
    }
    assert_eq!(connection.response()?.text(), "hello");
    Ok(())
}

fn an_idle_connection_harms_nobody() -> Result<(), Failed> {
    let child = start("idle_connection", "function() return 'fine' end")?;
    let address = child.address()?;
    let idle: Vec<TcpStream> = (0..50)
        .map(|_| TcpStream::connect(address))
        .collect::<Result<_, _>>()?;
    assert_eq!(get(address, "/")?.text(), "fine");
    drop(idle);
    Ok(())
}

fn connections_past_the_limit_wait() -> Result<(), Failed> {
    let source = "net.serve({ port = 0, address = '127.0.0.1', maxConnections = 2,
        request = function() return 'fine' end })";
    let child = Atoll::source("connection_limit", source, FLAGS)?.start()?;
    let address = child.address()?;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut connection = Connection::open(address)?;
        connection.send(ask("/"))?;
        assert_eq!(connection.response()?.text(), "fine");
        held.push(connection);
    }
    let third = thread::spawn(move || {
        let mut connection = Connection::open(address).map_err(|error| format!("{error:?}"))?;
        connection
            .send(ask("/third"))
            .map_err(|error| format!("{error:?}"))?;
        connection
            .response()
            .map(|response| response.text())
            .map_err(|error| format!("{error:?}"))
    });
    // The two still work while the third waits.
    for connection in &mut held {
        connection.send(ask("/"))?;
        assert_eq!(connection.response()?.text(), "fine");
    }
    if third.is_finished() {
        return Err("a third connection was served past maxConnections = 2".into());
    }
    held.pop();
    assert_eq!(
        third.join().map_err(|_| "the third client panicked")?,
        Ok("fine".to_owned())
    );
    Ok(())
}

fn a_client_that_never_reads_is_let_go() -> Result<(), Failed> {
    let source = "net.serve({ port = 0, address = '127.0.0.1', maxConnections = 1, timeout = 0.5,
        request = function(request)
            return if request.path == '/large' then buffer.create(2 ^ 25) else 'next'
        end })";
    let child = Atoll::source("never_reads", source, ["--allow-listen=localhost"])?.start()?;
    let address = child.address()?;
    let mut stuck = Connection::open(address)?;
    stuck.send(ask("/large"))?;
    // There is room for one connection: this one is served when the other one has been given up.
    assert_eq!(get(address, "/")?.text(), "next");
    Ok(())
}

fn pipelined_requests_in_one_write() -> Result<(), Failed> {
    let child = start(
        "pipeline",
        "function(request) return request.path .. request.body end",
    )?;
    let mut connection = Connection::open(child.address()?)?;
    connection.send(
        "GET /a HTTP/1.1\r\nhost: x\r\n\r\n\
         POST /b HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi\
         POST /c HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\n!\r\n0\r\n\r\n\
         GET /d HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    )?;
    for expected in ["/a", "/bhi", "/c!", "/d"] {
        assert_eq!(connection.response()?.text(), expected);
    }
    connection.expect_close()
}

fn a_deep_pipeline_is_answered_in_order() -> Result<(), Failed> {
    let child = start("deep_pipeline", "function(request) return request.path end")?;
    let mut connection = Connection::open(child.address()?)?;
    let requests: String = (0..1_000).map(|index| ask(&format!("/{index}"))).collect();
    let mut writer = connection.writer()?;
    let sending = thread::spawn(move || std::io::Write::write_all(&mut writer, requests.as_bytes()));
    for index in 0..1_000 {
        assert_eq!(connection.response()?.text(), format!("/{index}"));
    }
    sending.join().map_err(|_| "the sender panicked")??;
    Ok(())
}

fn close_refuses_new_connections() -> Result<(), Failed> {
    let source = "local _, server server = select(2, net.serve({ port = 0, address = '127.0.0.1',
        request = function() task.spawn(server.close, server) return 'bye' end }))
        while not server.stopped do task.wait(0.01) end
        print('stopped') task.wait(1000)";
    let child = Atoll::source("close_refuses", source, FLAGS)?.start()?;
    let address = child.address()?;
    assert_eq!(get(address, "/")?.text(), "bye");
    child.wait_stdout("stopped")?;
    if TcpStream::connect(address).is_ok() {
        return Err("the closed server still accepts".into());
    }
    Ok(())
}

fn close_ends_idle_connections() -> Result<(), Failed> {
    let source = "local server server = select(2, net.serve({ port = 0, address = '127.0.0.1',
        request = function(request) if request.path == '/close' then task.spawn(server.close, server) end return 'ok' end }))";
    let child = Atoll::source("close_idle", source, FLAGS)?.start()?;
    let mut idle = Connection::open(child.address()?)?;
    idle.send(ask("/"))?;
    idle.response()?;
    let start = Instant::now();
    get(child.address()?, "/close")?;
    idle.expect_close()?;
    child.finish()?.expect_code(0)?;
    if start.elapsed() > Duration::from_secs(4) {
        return Err(format!("closing took {:?}", start.elapsed()).into());
    }
    Ok(())
}

fn close_gives_up_on_a_stuck_handler() -> Result<(), Failed> {
    let source = "local server server = select(2, net.serve({ port = 0, address = '127.0.0.1',
        request = function()
            task.spawn(function()
                local start = os.clock()
                server:close()
                print('closed', os.clock() - start < 20)
            end)
            task.wait(math.huge)
        end }))";
    let words = ["--allow-listen=localhost", "--limit", "drain=0.5"];
    let child = Atoll::source("close_stuck", source, words)?.start()?;
    let mut stuck = Connection::open(child.address()?)?;
    stuck.send(ask("/"))?;
    child.wait_stdout("closed\ttrue")?;
    // The response never came, so the connection ends without one.
    match stuck.message(true)? {
        None => Ok(()),
        Some(message) if message.status() >= 500 => Ok(()),
        Some(message) => Err(format!("expected no success, got {message:?}").into()),
    }
}

fn large_bodies_both_ways() -> Result<(), Failed> {
    let source = "net.serve({ port = 0, address = '127.0.0.1', maxBodySize = 20 * 2 ^ 20,
        request = function(request) return request.body end })";
    let child = Atoll::source("large_bodies", source, FLAGS)?.start()?;
    for size in [65_535, 65_536, 65_537, (1 << 20) - 1, (1 << 20) + 1, 10 << 20] {
        let body: Vec<u8> = (0..size).map(|index: usize| (index * 31 % 251) as u8).collect();
        let mut connection = Connection::open(child.address()?)?;
        let head = format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {size}\r\n\r\n");
        connection.send([head.as_bytes(), &body].concat())?;
        let response = connection.response()?;
        assert_eq!((response.status(), response.body.len()), (200, size));
        if response.body != body {
            return Err(format!("{size} bytes came back changed").into());
        }
    }
    Ok(())
}

fn wrong_lengths_of_the_script_reach_nobody() -> Result<(), Failed> {
    // A length that is not the content's, or a second framing, would let a script confuse its client.
    for field in [
        "['content-length'] = '9'",
        "['content-length'] = '1'",
        "['content-length'] = 'x'",
        "['transfer-encoding'] = 'chunked'",
    ] {
        let handler = format!("function() return {{ headers = {{ {field} }}, body = 'four' }} end");
        let child = start("wrong_length", &handler)?;
        for _ in 0..2 {
            let mut connection = Connection::open(child.address()?)?;
            connection.send(ask("/"))?;
            let response = connection
                .response()
                .map_err(|error| format!("{field}: {error:?}"))?;
            match (response.status(), response.text().as_str()) {
                (200, "four") | (500, "An error occurred on the server") => {}
                _ => return Err(format!("{field}: {response:?}").into()),
            }
        }
    }
    Ok(())
}

fn a_taken_port_of_another_process() -> Result<(), Failed> {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let port = taken.local_addr()?.port().to_string();
    let source =
        "print(net.serve({ port = tonumber(process.args[1]), address = '127.0.0.1', request = print }))";
    let words = ["--allow-listen=localhost", "--", &port];
    let finished = Atoll::source("taken_port", source, words)?.finish()?;
    finished.expect_code(0)?;
    assert_eq!(finished.out(), "false\tAddressInUse\n");
    Ok(())
}

fn several_processes_share_a_port() -> Result<(), Failed> {
    let source = "net.serve({ port = tonumber(process.args[1]), address = '127.0.0.1', reuseAddress = true,
        request = function() return process.args[2] end })";
    let first = Atoll::source(
        "share_first",
        source,
        ["--allow-listen=localhost", "--", "0", "x"],
    )?
    .start()?;
    let port = first.address()?.port().to_string();
    let words = ["--allow-listen=localhost", "--", &port, "x"];
    let second = Atoll::source("share_second", source, words)?.start()?;
    assert_eq!(second.address()?, first.address()?);
    for _ in 0..20 {
        assert_eq!(get(first.address()?, "/")?.text(), "x");
    }
    // Either alone goes on serving.
    drop(first);
    assert_eq!(get(second.address()?, "/")?.text(), "x");
    Ok(())
}

fn listens_on_ipv6() -> Result<(), Failed> {
    let source = "local ok, server = net.serve({ port = 0, address = '::1',
        request = function(request) return request.address end })
        print(ok, if ok then server.address else server)";
    let child = Atoll::source("ipv6", source, FLAGS)?.start()?;
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        // A machine without IPv6 says so; the script must hear that, too.
        return child.wait_stdout("false\t");
    }
    let address = child.address()?;
    child.wait_stdout("true\t::1")?;
    assert_eq!(get(address, "/")?.text(), "::1");
    Ok(())
}

fn handlers_that_call_the_hook_of_a_closed_server() -> Result<(), Failed> {
    // A handler that ends after its server was closed around it must not bring the script down.
    let source = "local server server = select(2, net.serve({ port = 0, address = '127.0.0.1',
        error = function() return 'from the hook' end,
        request = function() server:close() error('late') end }))
        while not server.stopped do task.wait(0.01) end
        task.wait(0.1) print('still here')";
    let words = ["--allow-listen=localhost", "--limit", "drain=0.5"];
    let child = Atoll::source("closed_hook", source, words)?.start()?;
    let mut connection = Connection::open(child.address()?)?;
    connection.send(ask("/"))?;
    child.wait_stdout("still here")?;
    child.finish()?.expect_code(0)?;
    Ok(())
}
