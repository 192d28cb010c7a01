//! `atoll run --workers`: what the workers of one script share, and what not.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{SocketAddr, TcpListener};

use libtest_mimic::{Failed, Trial};

use crate::harness::child::{Atoll, Finished, Running, scratch};
use crate::harness::http::{Connection, get};
use crate::harness::trials;

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    trials![
        answers_come_from_different_workers,
        a_worker_that_a_limit_ends_is_replaced,
        interrupt_drains_them_all,
        exit_in_one_ends_all,
        an_error_in_one_ends_all,
        each_runs_the_script,
        any_free_port_is_the_same_for_all,
        a_port_that_is_taken_is_taken,
        watch_starts_them_all_afresh,
        metrics_are_of_them_all,
        what_is_no_number_of_workers,
    ]
}

/// Says which worker has answered, and how often it has.
const WHO: &str = "
local id = base64.encode(crypto.random(9))
count = 0
local finish = false
local ok, server = net.serve({
    port = 0,
    address = '127.0.0.1',
    request = function(request)
        if request.path == '/spin' then
            while true do pcall(function() while true do end end) end
        elseif request.path == '/slow' then
            task.wait(0.5)
        elseif request.path == '/exit' then
            process.exit(tonumber(request.query.code))
        elseif request.path == '/fail' then
            finish = true
        end
        count += 1
        return `{id} {count}`
    end,
})
assert(ok, server)
";

fn start(name: &str, source: &str, words: &[&str]) -> Result<Running, Failed> {
    let flags = ["--allow-listen", "--workers"].iter().chain(words);
    Atoll::source(name, source, flags)?.start()
}

/// A connection, and the worker at its other end.
fn connect(address: SocketAddr) -> Result<(Connection, String), Failed> {
    let mut connection = Connection::open(address)?;
    let (id, _) = ask(&mut connection, "/")?;
    Ok((connection, id))
}

fn send(connection: &mut Connection, path: &str) -> Result<(), Failed> {
    connection.send(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n"))
}

/// Which worker has answered, and its count.
fn ask(connection: &mut Connection, path: &str) -> Result<(String, usize), Failed> {
    send(connection, path)?;
    answer(connection)
}

fn answer(connection: &mut Connection) -> Result<(String, usize), Failed> {
    let response = connection.response()?;
    let text = response.text();
    let (id, count) = text.split_once(' ').ok_or_else(|| format!("it said {text:?}"))?;
    Ok((id.to_owned(), count.parse()?))
}

/// Connections to so many workers: one for each. The system spreads connections by chance.
fn connect_to(address: SocketAddr, workers: usize) -> Result<BTreeMap<String, Connection>, Failed> {
    let mut found = BTreeMap::new();
    for _ in 0..1000 {
        let (connection, id) = connect(address)?;
        found.entry(id).or_insert(connection);
        if found.len() == workers {
            return Ok(found);
        }
    }
    Err(format!("{} workers of {workers} have answered", found.len()).into())
}

/// Waits for so many lines on standard output, and returns all that are there.
fn lines(running: &Running, count: usize) -> Result<Vec<String>, Failed> {
    running.stdout.wait(running.deadline, "so many lines", |text| {
        let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let lines: Vec<String> = lines.map(|line| line.trim_end().to_owned()).collect();
        (lines.len() >= count).then_some(lines)
    })
}

/// Waits for a line on standard error that begins so, and returns the rest of it.
fn said(running: &Running, beginning: &str) -> Result<String, Failed> {
    running.stderr.wait(running.deadline, beginning, |text| {
        let whole = text
            .split_inclusive('\n')
            .filter_map(|line| line.strip_suffix('\n'));
        let mut rests = whole.filter_map(|line| line.strip_prefix(beginning));
        rests.next().map(str::to_owned)
    })
}

fn interrupt(running: Running) -> Result<Finished, Failed> {
    running.signal("INT")?;
    let finished = running.finish()?;
    finished.expect_code(130)?;
    Ok(finished)
}

fn answers_come_from_different_workers() -> Result<(), Failed> {
    let running = start("workers_answers_come_from_different_workers", WHO, &["3"])?;
    let mut workers = connect_to(running.address()?, 3)?;
    for (id, connection) in &mut workers {
        // What one counts, no other does.
        let (_, first) = ask(connection, "/")?;
        let (same, second) = ask(connection, "/")?;
        assert_eq!((&same, second), (id, first + 1));
    }
    let finished = interrupt(running)?;
    assert_eq!(
        finished.err().matches("listening on").count(),
        1,
        "{}",
        finished.err()
    );
    Ok(())
}

fn a_worker_that_a_limit_ends_is_replaced() -> Result<(), Failed> {
    let words = ["2", "--limit", "run=0.2", "--limit", "grace=0.1"];
    let running = start("workers_a_worker_that_a_limit_ends_is_replaced", WHO, &words)?;
    let address = running.address()?;
    let mut workers = connect_to(address, 2)?;
    let (_, mut spun) = workers.pop_first().ok_or("no worker")?;
    let (id, mut other) = workers.pop_first().ok_or("no other worker")?;
    let (_, before) = ask(&mut other, "/")?;
    send(&mut spun, "/spin")?;
    running.wait_stderr("the server starts afresh\n")?;
    // The other has kept its connection and its state.
    assert_eq!(ask(&mut other, "/")?, (id.clone(), before + 1));
    // Nobody who connects is lost, and a fresh worker is among those that answer.
    let again = connect_to(address, 2)?;
    assert!(again.contains_key(&id), "{:?}", again.keys());
    let finished = interrupt(running)?;
    assert_eq!(
        finished.err().matches("starts afresh").count(),
        1,
        "{}",
        finished.err()
    );
    Ok(())
}

fn interrupt_drains_them_all() -> Result<(), Failed> {
    let running = start("workers_interrupt_drains_them_all", WHO, &["2"])?;
    let mut workers = connect_to(running.address()?, 2)?;
    for connection in workers.values_mut() {
        send(connection, "/slow")?;
    }
    // So that both have begun: what comes later is answered while they wait.
    connect_to(running.address()?, 2)?;
    running.signal("INT")?;
    for (id, connection) in &mut workers {
        assert_eq!(&answer(connection)?.0, id);
    }
    running.finish()?.expect_code(130)?;
    Ok(())
}

fn exit_in_one_ends_all() -> Result<(), Failed> {
    for code in [0, 7] {
        let running = start("workers_exit_in_one_ends_all", WHO, &["3"])?;
        let (mut connection, _) = connect(running.address()?)?;
        send(&mut connection, &format!("/exit?code={code}"))?;
        running.finish()?.expect_code(code)?;
    }
    Ok(())
}

fn an_error_in_one_ends_all() -> Result<(), Failed> {
    let source = format!("{WHO}\nrepeat task.wait(0.01) until finish\nerror('it is over', 0)");
    let running = start("workers_an_error_in_one_ends_all", &source, &["3"])?;
    let (mut connection, _) = connect(running.address()?)?;
    send(&mut connection, "/fail")?;
    let finished = running.finish()?;
    finished.expect_code(1)?;
    assert_eq!(
        finished.err().matches("error: it is over").count(),
        1,
        "{}",
        finished.err()
    );
    Ok(())
}

fn each_runs_the_script() -> Result<(), Failed> {
    let running = start(
        "workers_each_runs_the_script",
        "shared = (shared or 0) + 1 print(shared)",
        &["4"],
    )?;
    let finished = running.finish()?;
    finished.expect_code(0)?;
    assert_eq!(finished.out(), "1\n".repeat(4));
    Ok(())
}

fn any_free_port_is_the_same_for_all() -> Result<(), Failed> {
    let source = "
        local ports = {}
        for i = 1, 3 do
            local ok, server = net.serve({ port = 0, address = '127.0.0.1', request = function() return '' end })
            assert(ok, server)
            ports[i] = server.port
        end
        print(table.concat(ports, ' '))";
    let running = start("workers_any_free_port_is_the_same_for_all", source, &["3"])?;
    running.addresses(3)?;
    let lines = lines(&running, 3)?;
    let different: BTreeSet<&String> = lines.iter().collect();
    assert_eq!(different.len(), 1, "{lines:?}");
    let ports: BTreeSet<&str> = lines[0].split(' ').collect();
    assert_eq!(ports.len(), 3, "{lines:?}");
    interrupt(running)?;
    Ok(())
}

fn a_port_that_is_taken_is_taken() -> Result<(), Failed> {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let free = {
        let free = TcpListener::bind("127.0.0.1:0")?;
        free.local_addr()?.port()
    };
    let source = format!(
        "local function serve(port)
            local ok, server = net.serve({{ port = port, address = '127.0.0.1', request = function() return '' end }})
            return if ok then server else server:match('^%a+')
        end
        local server = serve({free})
        print(serve({}), serve({free}), type(server) == \"userdata\")
        task.wait(0.3)
        server:close()",
        taken.local_addr()?.port()
    );
    let finished = start("workers_a_port_that_is_taken_is_taken", &source, &["3"])?.finish()?;
    finished.expect_code(0)?;
    assert_eq!(finished.out(), "AddressInUse\tAddressInUse\ttrue\n".repeat(3));
    Ok(())
}

fn watch_starts_them_all_afresh() -> Result<(), Failed> {
    let folder = scratch().join("workers_watched");
    fs::create_dir_all(&folder)?;
    let script = |word: &str| {
        format!(
            "assert(net.serve({{ port = 0, address = '127.0.0.1', request = function() return '{word}' end }}))
            print('{word}')"
        )
    };
    fs::write(folder.join("main.luau"), script("one"))?;
    let words = ["run", "main.luau", "--watch", "--allow-listen", "--workers", "2"];
    let running = Atoll::new(&folder, words).start()?;
    running.wait_stdout("one\none\n")?;
    let address = running.address()?;
    assert_eq!(get(address, "/")?.text(), "one");
    // As a whole: an empty script in between would end, and give up its port.
    fs::write(folder.join("new.tmp"), script("two"))?;
    fs::rename(folder.join("new.tmp"), folder.join("main.luau"))?;
    running.wait_stdout("two\ntwo\n")?;
    for _ in 0..20 {
        assert_eq!(get(address, "/")?.text(), "two");
    }
    interrupt(running)?;
    Ok(())
}

fn metrics_are_of_them_all() -> Result<(), Failed> {
    let running = start(
        "workers_metrics_are_of_them_all",
        WHO,
        &["3", "--metrics", "127.0.0.1:0"],
    )?;
    let workers = connect_to(running.address()?, 3)?;
    let endpoint = said(&running, "metrics on http://")?;
    let address = endpoint.trim_end_matches("/metrics").parse()?;
    let text = get(address, "/metrics")?.text();
    assert!(text.contains("\natoll_instances 3\n"), "{text}");
    drop(workers);
    interrupt(running)?;
    Ok(())
}

fn what_is_no_number_of_workers() -> Result<(), Failed> {
    for word in ["0", "-1", "two", "1025", ""] {
        let finished = Atoll::source(
            "workers_what_is_no_number_of_workers",
            "",
            [format!("--workers={word}")],
        )?
        .finish()?;
        finished.expect_code(2)?;
        let expected = format!(
            "error: --workers must be `auto` or an integer from 1 to 1024, got {word:?}; see `atoll --help`\n"
        );
        assert_eq!(finished.err(), expected);
    }
    Atoll::source(
        "workers_what_is_no_number_of_workers",
        "print(1)",
        ["--workers=auto"],
    )?
    .finish()?
    .expect_code(0)?;
    for command in ["repl", "test"] {
        let finished = Atoll::new(&scratch(), [command, "--workers=2"]).finish()?;
        finished.expect_code(2)?;
    }
    Ok(())
}
