//! `atoll run --isolate request`: each request in an instance of its own, which begins as the script's start has left it.

use std::collections::BTreeSet;

use libtest_mimic::{Failed, Trial};

use crate::harness::child::{Atoll, Finished, Running, scratch};
use crate::harness::http::{Connection, get};
use crate::harness::peer::Peer;
use crate::harness::trials;
use crate::harness::websocket::Client;

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    trials![
        each_request_begins_where_the_start_has_ended,
        dice_differ,
        an_instance_that_is_ended_takes_one_request_along,
        requests_that_wait_overlap,
        as_many_instances_as_the_limit,
        tasks_outlive_the_answer,
        websockets_have_instances_of_their_own,
        handlers_reach_what_is_allowed,
        the_start_may_wait,
        a_start_that_never_ends,
        a_start_that_keeps_a_response,
        a_start_that_fails,
        a_start_without_a_server,
        a_handler_can_close_the_server,
        interrupt_drains,
        workers_and_apps,
        only_requests,
    ]
}

fn start(name: &str, source: &str, words: &[&str]) -> Result<Running, Failed> {
    let flags = ["--isolate", "request", "--allow-listen"];
    Atoll::source(name, source, flags.iter().chain(words))?.start()
}

/// A script of one server with this handler, behind this start.
fn server(start: &str, handler: &str) -> String {
    format!(
        "{start}
        local ok, server
        ok, server = net.serve({{ port = 0, address = '127.0.0.1', request = function(request)
            {handler}
        end }})
        assert(ok, server)"
    )
}

fn interrupt(running: Running) -> Result<Finished, Failed> {
    running.signal("INT")?;
    let finished = running.finish()?;
    finished.expect_code(130)?;
    Ok(finished)
}

fn each_request_begins_where_the_start_has_ended() -> Result<(), Failed> {
    let source = server(
        "local count, seen = 41, {}
        print('the start')",
        "count += 1
        table.insert(seen, request.path)
        return `{count} {#seen} {request.body} {request.query.a or '-'} {server.port > 0}`",
    );
    let running = start("isolation_each_request", &source, &[])?;
    let mut kept = Connection::open(running.address()?)?;
    for body in ["", "x", "longer"] {
        let length = body.len();
        kept.send(format!(
            "POST /p?a=b HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{body}"
        ))?;
        assert_eq!(kept.response()?.text(), format!("42 1 {body} b true"));
    }
    for _ in 0..20 {
        assert_eq!(get(running.address()?, "/")?.text(), "42 1  - true");
    }
    let finished = interrupt(running)?;
    assert_eq!(finished.out(), "the start\n", "it ran once");
    Ok(())
}

fn dice_differ() -> Result<(), Failed> {
    let source = server(
        "math.randomseed(7)",
        "return `{math.random(1, 2 ^ 30)} {base64.encode(crypto.random(9))}`",
    );
    let running = start("isolation_dice_differ", &source, &[])?;
    let answers = (0..10)
        .map(|_| Ok(get(running.address()?, "/")?.text()))
        .collect::<Result<Vec<String>, Failed>>()?;
    for word in 0..2 {
        let different: BTreeSet<_> = answers.iter().map(|text| text.split(' ').nth(word)).collect();
        assert_eq!(different.len(), 10, "{answers:?}");
    }
    interrupt(running)?;
    Ok(())
}

fn an_instance_that_is_ended_takes_one_request_along() -> Result<(), Failed> {
    let source = server(
        "local kept = {}",
        "if request.path == '/spin' then
            while true do pcall(function() while true do end end) end
        elseif request.path == '/throw' then
            error('a secret')
        elseif request.path == '/fill' then
            while true do table.insert(kept, buffer.create(2 ^ 20)) end
        elseif request.path == '/exit' then
            process.exit(7)
        elseif request.path == '/wait' then
            task.wait(1)
        end
        return 'fine'",
    );
    let words = ["--limit", "run=0.2", "--limit", "grace=0.1"];
    let running = start("isolation_ended", &source, &words)?;
    let address = running.address()?;
    let mut other = Connection::open(address)?;
    other.send("GET /wait HTTP/1.1\r\nhost: x\r\n\r\n")?;
    for path in ["/spin", "/throw", "/fill", "/exit"] {
        let response = get(address, path)?;
        assert_eq!(response.status(), 500, "{path}");
        assert!(!response.text().contains("secret"), "{path}");
        assert_eq!(get(address, "/")?.text(), "fine", "after {path}");
    }
    assert_eq!(
        other.response()?.text(),
        "fine",
        "what was under way all the while"
    );
    let finished = interrupt(running)?;
    let lines = [
        "error: the instance of a request was ended: the script ran for 0.2 s without waiting",
        "a secret",
        "not enough memory",
    ];
    for line in lines {
        assert!(finished.err().contains(line), "{line}: {}", finished.err());
    }
    assert!(!finished.err().contains("afresh"), "{}", finished.err());
    Ok(())
}

/// Sends so many requests at once, and waits for all answers.
fn at_once(running: &Running, count: usize) -> Result<Vec<String>, Failed> {
    let mut connections = Vec::new();
    for _ in 0..count {
        let mut connection = Connection::open(running.address()?)?;
        connection.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n")?;
        connections.push(connection);
    }
    connections
        .iter_mut()
        .map(|connection| Ok(connection.response()?.text()))
        .collect()
}

/// Answers with when the handler began and ended.
const PERIOD: &str = "
    local began = os.clock()
    task.wait(0.2)
    return `{began} {os.clock()}`";

fn periods(answers: &[String]) -> Result<Vec<(f64, f64)>, Failed> {
    let mut periods = Vec::new();
    for answer in answers {
        let (began, ended) = answer
            .split_once(' ')
            .ok_or_else(|| format!("it said {answer:?}"))?;
        periods.push((began.parse()?, ended.parse()?));
    }
    periods.sort_by(|one: &(f64, f64), other| one.0.total_cmp(&other.0));
    Ok(periods)
}

fn requests_that_wait_overlap() -> Result<(), Failed> {
    let running = start("isolation_overlap", &server("", PERIOD), &[])?;
    let periods = periods(&at_once(&running, 8)?)?;
    let (first_end, last_begin) = (periods[0].1, periods[7].0);
    assert!(last_begin < first_end, "{periods:?}");
    interrupt(running)?;
    Ok(())
}

fn as_many_instances_as_the_limit() -> Result<(), Failed> {
    let running = start(
        "isolation_limit",
        &server("", PERIOD),
        &["--limit", "instances=1"],
    )?;
    let periods = periods(&at_once(&running, 3)?)?;
    for pair in periods.windows(2) {
        assert!(pair[0].1 <= pair[1].0, "one after the other: {periods:?}");
    }
    interrupt(running)?;
    Ok(())
}

fn tasks_outlive_the_answer() -> Result<(), Failed> {
    let source = server(
        "",
        "task.delay(0.1, function()
            print('later', request.path)
            error('too late to tell')
        end)
        return 'now'",
    );
    let running = start("isolation_tasks", &source, &[])?;
    assert_eq!(get(running.address()?, "/one")?.text(), "now");
    running.wait_stdout("later\t/one\n")?;
    running.wait_stderr("too late to tell")?;
    interrupt(running)?;
    Ok(())
}

fn websockets_have_instances_of_their_own() -> Result<(), Failed> {
    let source = "
        local count = 0
        local ok, server = net.serve({
            port = 0,
            address = '127.0.0.1',
            request = function() return 'no WebSocket' end,
            webhook = {
                upgrade = function(request) return request.path ~= '/refused' end,
                message = function(socket, message)
                    count += 1
                    socket:send(`{message} {count}`)
                end,
            },
        })
        assert(ok, server)";
    let running = start("isolation_websockets", source, &[])?;
    let address = running.address()?;
    let mut one = Client::connect(address, "/", &[], &[])?;
    let mut other = Client::connect(address, "/", &[], &[])?;
    for count in 1..4 {
        for client in [&mut one, &mut other] {
            client.send("a")?;
            assert_eq!(client.text()?, format!("a {count}"));
        }
    }
    assert_eq!(Client::refused(address, "/refused", &[])?.status(), 403);
    one.close(1000, "")?;
    other.send("b")?;
    assert_eq!(other.text()?, "b 4");
    interrupt(running)?;
    Ok(())
}

fn handlers_reach_what_is_allowed() -> Result<(), Failed> {
    let peer = Peer::echo()?;
    let source = server(
        "",
        "local ok, response = net.request(request.query.url)
        return if ok then `{response.statusCode}` else response:match('^%a+')",
    );
    let allowed = format!("--allow-net={}", peer.address());
    let running = start("isolation_requests", &source, &[&allowed])?;
    let ask = |url: &str| Ok::<_, Failed>(get(running.address()?, &format!("/?url=http://{url}/"))?.text());
    assert_eq!(ask(&peer.address().to_string())?, "200");
    assert_eq!(ask("127.0.0.1:1")?, "PermissionDenied");
    interrupt(running)?;
    Ok(())
}

fn the_start_may_wait() -> Result<(), Failed> {
    let source = server(
        "local value = 'too early'
        task.delay(0.1, function() value = 'ready' end)
        task.wait(0.05)",
        "return value",
    );
    let running = start("isolation_start_waits", &source, &[])?;
    assert_eq!(get(running.address()?, "/")?.text(), "ready");
    interrupt(running)?;
    Ok(())
}

fn a_start_that_never_ends() -> Result<(), Failed> {
    let source = server(
        "task.spawn(function() while true do task.wait(0.01) end end)",
        "return ''",
    );
    let finished = start("isolation_endless", &source, &["--limit", "start=0.3"])?.finish()?;
    finished.expect_code(3)?;
    let expected = "error: the script's start still waits after 0.3 s, and not for requests; with --isolate request tasks that wait \
        must end by then, or start in the handler (limit start; raise it with --limit start=SECONDS)\n";
    assert!(finished.err().ends_with(expected), "{}", finished.err());
    Ok(())
}

fn a_start_that_keeps_a_response() -> Result<(), Failed> {
    let peer = Peer::echo()?;
    let source = server(
        &format!(
            "local _, response = net.request('http://{}/', {{ stream = true }})",
            peer.address()
        ),
        "return response:read()",
    );
    let allowed = format!("--allow-net={}", peer.address());
    let finished = start("isolation_kept", &source, &[&allowed])?.finish()?;
    finished.expect_code(1)?;
    assert!(
        finished
            .err()
            .contains("keeps a WebSocket or the content of a response"),
        "{}",
        finished.err()
    );
    Ok(())
}

fn a_start_that_fails() -> Result<(), Failed> {
    let finished = start("isolation_fails", "local t\nprint(t.x)", &[])?.finish()?;
    finished.expect_code(1)?;
    assert!(
        finished.err().contains(":2:9: attempt to index nil with 'x'"),
        "{}",
        finished.err()
    );
    let finished = start("isolation_exits", "process.exit(9)", &[])?.finish()?;
    finished.expect_code(9)?;
    Ok(())
}

fn a_start_without_a_server() -> Result<(), Failed> {
    let finished = start("isolation_no_server", "print('done')", &[])?.finish()?;
    finished.expect_code(0)?;
    assert_eq!(
        (finished.out(), finished.err()),
        ("done\n".to_owned(), String::new())
    );
    Ok(())
}

fn a_handler_can_close_the_server() -> Result<(), Failed> {
    let source = server("", "task.spawn(server.close, server) return 'the last one'");
    let running = start("isolation_close", &source, &[])?;
    assert_eq!(get(running.address()?, "/")?.text(), "the last one");
    running.finish()?.expect_code(0)?;
    Ok(())
}

fn interrupt_drains() -> Result<(), Failed> {
    let running = start(
        "isolation_drain",
        &server("", "print('begun') task.wait(0.3) return 'whole'"),
        &[],
    )?;
    let mut connection = Connection::open(running.address()?)?;
    connection.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n")?;
    running.wait_stdout("begun\n")?;
    running.signal("INT")?;
    assert_eq!(connection.response()?.text(), "whole");
    running.finish()?.expect_code(130)?;
    Ok(())
}

fn workers_and_apps() -> Result<(), Failed> {
    let source = server("local count = 0", "count += 1 return tostring(count)");
    let name = "isolation_app.luau";
    std::fs::write(scratch().join(name), source)?;
    Atoll::new(&scratch(), ["build", name, "-o", "isolation_app.wasm"])
        .finish()?
        .expect_code(0)?;
    let words = [
        "run",
        "isolation_app.wasm",
        "--isolate",
        "request",
        "--workers",
        "2",
        "--allow-listen",
    ];
    let running = Atoll::new(&scratch(), words).start()?;
    for _ in 0..8 {
        assert_eq!(get(running.address()?, "/")?.text(), "1");
    }
    interrupt(running)?;
    Ok(())
}

fn only_requests() -> Result<(), Failed> {
    let finished = Atoll::source("isolation_word", "", ["--isolate", "thread"])?.finish()?;
    finished.expect_code(2)?;
    assert!(
        finished
            .err()
            .contains("invalid value 'thread' for '--isolate <UNIT>'"),
        "{}",
        finished.err()
    );
    Ok(())
}
