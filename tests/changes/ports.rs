//! Servers of a watched script: their ports stay, and whoever asks meanwhile waits.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};

use super::{Project, interrupt};
use crate::harness::child::Running;
use crate::harness::http::{Connection, get};
use crate::harness::trials;

/// The tests of this file.
pub(super) fn trials() -> Vec<Trial> {
    trials![
        a_server_keeps_its_port,
        nobody_is_refused_meanwhile,
        requests_under_way_are_finished,
        a_request_without_end_is_cut_off,
        a_port_that_is_used_no_more_is_closed,
        a_port_of_a_script_that_has_ended_is_closed,
        a_port_that_the_script_closes_is_closed,
        a_port_is_asked_for_twice,
        permissions_hold_for_kept_ports,
        an_instance_that_starts_afresh_gets_its_port_again,
        interrupt_lets_requests_finish,
    ]
}

/// A server that says what it was told to.
fn server(port: u16, answer: &str) -> String {
    format!(
        "local ok, server = net.serve({{ port = {port}, address = '127.0.0.1', request = function(request)\n\
         if request.path == '/slow' then print('under way') task.wait(tonumber(process.args[1])) end\n\
         return '{answer}' end }}) print(ok, if ok then '' else server)\n"
    )
}

/// A watched server with this answer, at a port that the system chose.
fn serving(name: &str, answer: &str, words: &[&str]) -> Result<(Project, Running, SocketAddr), Failed> {
    let project = Project::new(name, &server(0, answer))?;
    let words: Vec<&str> = ["--allow-listen=localhost"]
        .iter()
        .chain(words)
        .copied()
        .collect();
    let running = project.run(&words)?;
    let address = running.address()?;
    assert_eq!(get(address, "/")?.text(), answer);
    Ok((project, running, address))
}

fn a_server_keeps_its_port() -> Result<(), Failed> {
    let (project, running, address) = serving("port", "one", &[])?;
    project.write("main.luau", &server(0, "two"))?;
    assert_eq!(running.addresses(2)?, [address, address]);
    assert_eq!(get(address, "/")?.text(), "two");
    interrupt(running)?;
    assert!(TcpStream::connect(address).is_err());
    Ok(())
}

fn nobody_is_refused_meanwhile() -> Result<(), Failed> {
    let (project, running, address) = serving("meanwhile", "one", &[])?;
    project.write("main.luau", "not Luau")?;
    running.wait_stderr("waiting for a change\n")?;
    // Nothing runs, and the connection is there all the same; so is the request, once something does.
    let mut early = Connection::open(address)?;
    early.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n")?;
    project.write(
        "main.luau",
        &format!("print('starts') task.wait(0.1) {}", server(0, "two")),
    )?;
    running.wait_stdout("starts\n")?;
    let mut late = Connection::open(address)?;
    late.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n")?;
    assert_eq!(early.response()?.text(), "two");
    assert_eq!(late.response()?.text(), "two");
    interrupt(running)?;
    Ok(())
}

fn requests_under_way_are_finished() -> Result<(), Failed> {
    let (project, running, address) = serving("finished", "one", &["--", "0.6"])?;
    let mut slow = Connection::open(address)?;
    slow.send("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")?;
    running.wait_stdout("under way")?;
    project.write("main.luau", &server(0, "two"))?;
    running.wait_stderr("starting afresh\n")?;
    assert_eq!(slow.response()?.text(), "one");
    assert_eq!(running.addresses(2)?, [address, address]);
    assert_eq!(get(address, "/")?.text(), "two");
    interrupt(running)?;
    Ok(())
}

fn a_request_without_end_is_cut_off() -> Result<(), Failed> {
    let (project, running, address) = serving("cut_off", "one", &["--", "1000"])?;
    let mut slow = Connection::open(address)?;
    slow.send("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")?;
    running.wait_stdout("under way")?;
    project.write("main.luau", &server(0, "two"))?;
    // Sooner than the limit `drain` says.
    let start = Instant::now();
    assert_eq!(running.addresses(2)?, [address, address]);
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    assert_eq!(get(address, "/")?.text(), "two");
    // It ends, one way or another.
    drop(slow.rest());
    interrupt(running)?;
    Ok(())
}

fn a_port_that_is_used_no_more_is_closed() -> Result<(), Failed> {
    let (project, running, address) = serving("used_no_more", "one", &[])?;
    project.write("main.luau", "print('two') task.wait(1000)")?;
    running.wait_stdout("two\n")?;
    // A run that goes well without it.
    project.write("main.luau", "print('three') task.wait(1000)")?;
    running.wait_stdout("three\n")?;
    assert!(TcpStream::connect(address).is_err(), "the port is still open");
    interrupt(running)?;
    Ok(())
}

fn a_port_of_a_script_that_has_ended_is_closed() -> Result<(), Failed> {
    let (project, running, address) = serving("has_ended", "one", &[])?;
    project.write("main.luau", "print('two')")?;
    running.wait_stdout("two\n")?;
    running.wait_stderr("waiting for a change\n")?;
    assert!(TcpStream::connect(address).is_err(), "the port is still open");
    interrupt(running)?;
    Ok(())
}

fn a_port_that_the_script_closes_is_closed() -> Result<(), Failed> {
    let script = "local ok, server server = nil\n\
        ok, server = net.serve({ port = 0, address = '127.0.0.1', request = function(request)\n\
        if request.path == '/close' then task.spawn(function() server:close() print('closed') end) end\n\
        return 'open' end }) task.wait(1000)";
    let project = Project::new("closes", script)?;
    let running = project.run(&["--allow-listen=localhost"])?;
    let address = running.address()?;
    assert_eq!(get(address, "/close")?.text(), "open");
    running.wait_stdout("closed\n")?;
    assert!(TcpStream::connect(address).is_err(), "the port is still open");
    interrupt(running)?;
    Ok(())
}

fn a_port_is_asked_for_twice() -> Result<(), Failed> {
    let twice = "local function serve(port) return net.serve({ port = port, address = '127.0.0.1', \
        request = function() return '' end }) end local _, first = serve(0)\n";
    let project = Project::new(
        "twice",
        &format!("{twice} print(serve(first.port)) task.wait(1000)"),
    )?;
    let running = project.run(&["--allow-listen=localhost"])?;
    // It is taken, as it is without `--watch`.
    running.wait_stdout("false\tAddressInUse")?;
    let first = running.address()?;
    project.write(
        "main.luau",
        &format!("{twice} local _, second = serve(0) print('two', second.port) task.wait(1000)"),
    )?;
    running.wait_stdout("two\t")?;
    let addresses = running.addresses(3)?;
    assert_eq!(addresses[1], first);
    assert_ne!(addresses[2], first);
    interrupt(running)?;
    Ok(())
}

fn permissions_hold_for_kept_ports() -> Result<(), Failed> {
    let project = Project::new("permissions", &server(0, "one"))?;
    project.write("atoll.toml", "[permissions]\nallow-listen = [\"localhost\"]\n")?;
    let running = project.run(&["--config", "atoll.toml"])?;
    let address = running.address()?;
    assert_eq!(get(address, "/")?.text(), "one");
    project.write("atoll.toml", "")?;
    running.wait_stdout("false\tPermissionDenied: ")?;
    interrupt(running)?;
    Ok(())
}

fn an_instance_that_starts_afresh_gets_its_port_again() -> Result<(), Failed> {
    let script = server(0, "served").replace(
        "print('under way')",
        "while true do pcall(function() while true do end end) end",
    );
    let project = Project::new("afresh", &script)?;
    let running = project.run(&[
        "--allow-listen=localhost",
        "--limit",
        "run=0.1",
        "--limit",
        "grace=0.1",
    ])?;
    let address = running.address()?;
    let mut connection = Connection::open(address)?;
    connection.send("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")?;
    // It ends, one way or another.
    drop(connection.rest());
    assert_eq!(running.addresses(2)?, [address, address]);
    assert_eq!(get(address, "/")?.text(), "served");
    interrupt(running)?;
    Ok(())
}

fn interrupt_lets_requests_finish() -> Result<(), Failed> {
    let (_project, running, address) = serving("interrupt", "answer", &["--", "0.5"])?;
    let mut slow = Connection::open(address)?;
    slow.send("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")?;
    running.wait_stdout("under way")?;
    running.signal("INT")?;
    assert_eq!(slow.response()?.text(), "answer");
    running.finish()?.expect_code(130)?;
    assert!(TcpStream::connect(address).is_err());
    Ok(())
}
