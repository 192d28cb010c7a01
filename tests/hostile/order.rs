//! The right calls in the wrong order: what is used up, finished or closed is used again.

use std::net::SocketAddr;

use libtest_mimic::{Failed, Trial};

use super::attacks;
use super::guest::Guest;
use super::scene::{Ended, Scene};
use crate::harness::http::Connection;
use crate::harness::websocket::Client;

/// The tests of this file.
pub(super) fn trials() -> Vec<Trial> {
    attacks![
        an_exchange_is_used_once,
        an_exchange_outlives_its_server,
        content_is_finished_once,
        content_ends_once,
        a_socket_closes_once,
        a_server_closes_once,
        what_is_under_way_when_it_returns,
        nobody_types_for_a_script,
        nobody_hears_of_the_tests_of_a_script,
    ]
}

/// Sends a request and takes whatever becomes of it.
fn request(address: SocketAddr) -> Result<(), Failed> {
    let mut connection = Connection::open(address)?;
    connection.send("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")?;
    // A guest that breaks down breaks its connections off.
    drop(connection.rest());
    Ok(())
}

/// Runs an attack on the request of a client.
fn on_request(attack: &str) -> Result<Ended, Failed> {
    let guest = Guest::of(format!("(call $serve) (call $next) {attack}"));
    Scene::new().listen()?.play_with(&guest, request)
}

fn an_exchange_is_used_once() -> Result<(), Failed> {
    let uses = [
        "(call $answer)",
        "(drop (call $begin))",
        "(call $upgrade (global.get $exchange) (i32.const 0) (i32.const 0) (i64.const 9) (i32.const 64))",
        "(call $drop-exchange (global.get $exchange))",
    ];
    for first in uses {
        for second in uses {
            // Its number may be another's by now.
            on_request(&format!("{first} {second}"))?.crashed("handle index")?;
        }
    }
    Ok(())
}

fn an_exchange_outlives_its_server() -> Result<(), Failed> {
    let attack = "(call $drop-server (global.get $server)) (call $answer) (call $outcome (i32.const 64))";
    on_request(attack)?.returned("ok\n")?;
    Ok(())
}

fn content_is_finished_once() -> Result<(), Failed> {
    let piece = "(i32.const 32) (i32.const 9) (i32.const 64)";
    let begin = "(local $content i32) (local.set $content (call $begin))";
    let finish = "(call $finish (local.get $content))";
    let write = format!("(call $write (local.get $content) {piece})");
    let abort = "(call $drop-outgoing-body (local.get $content))";
    for (first, second) in [
        (finish, finish),
        (finish, &write),
        (finish, abort),
        (abort, finish),
        (abort, &write),
    ] {
        let guest = Guest::new()
            .functions(format!("(func $twice {begin} {write} {first} {second})"))
            .attack("(call $serve) (call $next) (call $twice)");
        let ended = Scene::new().listen()?.play_with(&guest, request)?;
        ended.crashed("unknown handle index")?;
    }
    Ok(())
}

fn content_ends_once() -> Result<(), Failed> {
    let read = "(call $read (global.get $body) (i32.const -1) (i32.const 64))";
    let guest = Guest::of(format!(
        "(call $serve) (call $next)
         (loop $all {read} (call $outcome (i32.const 64)) (br_if $all (i32.load (i32.const 72))))
         {read} (call $outcome (i32.const 64)) (call $tell (i32.load (i32.const 72)))
         (call $answer)
         (call $read (global.get $body) (i32.const 0) (i32.const 64))
         (call $outcome (i32.const 64)) (call $tell (i32.load (i32.const 72)))
         (call $close (global.get $server))"
    ));
    let ended = Scene::new().listen()?.play_with(&guest, |address| {
        let mut connection = Connection::open(address)?;
        let content = vec![b'x'; 3 << 19];
        connection.send(format!(
            "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
            content.len()
        ))?;
        connection.send(content)?;
        assert_eq!(connection.response()?.status(), 200);
        Ok(())
    })?;
    ended.returned("ok\nok\nok\nok\n0\nok\n0\n")?;
    Ok(())
}

fn a_socket_closes_once() -> Result<(), Failed> {
    let receive = "(call $receive (global.get $socket) (i32.const 0) (i32.const 64)) (call $tell (i32.load (i32.const 68)))";
    let close = "(call $close-socket (global.get $socket) (i32.const 1000) (i32.const 0) (i32.const 0))";
    let guest = Guest::of(format!(
        "(call $serve) (call $next) (call $agree)
         {close} {close} {receive} {receive} {receive}
         (call $writable (global.get $socket))
         (call $send-message (global.get $socket) (i32.const 0) (i32.const 32) (i32.const 9) (i32.const 64))
         (call $outcome (i32.const 64))
         (call $ping (global.get $socket) (i32.const 32) (i32.const 9) (i32.const 64))
         (call $outcome (i32.const 64))
         {close}"
    ));
    let ended = Scene::new().listen()?.play_with(&guest, |address| {
        assert_eq!(
            Client::connect(address, "/", &[], &[])?.closed()?,
            (1000, String::new())
        );
        Ok(())
    })?;
    // The end, then nothing, and nothing again; and what would be sent is refused.
    ended.returned("1\n0\n0\n6\n6\n")?;
    Ok(())
}

fn a_server_closes_once() -> Result<(), Failed> {
    let accept = "(call $accept (global.get $server) (i32.const 0) (i32.const 64)) (call $tell (i32.load (i32.const 68)))";
    let close = "(call $close (global.get $server))";
    let guest = Guest::of(format!(
        "(call $serve) {close} {close} {accept} {accept}
         (drop (call $close-begin (global.get $server))) (drop (call $close-begin (global.get $server)))"
    ));
    Scene::new().listen()?.play(&guest)?.returned("0\n0\n")?;
    Ok(())
}

fn what_is_under_way_when_it_returns() -> Result<(), Failed> {
    let guest = Guest::of(
        "(call $serve)
         (drop (call $sleep-begin (i64.const -1) (i32.const 64)))
         (drop (call $sleep-begin (i64.const 0) (i32.const 64)))
         (drop (call $accept-begin (global.get $server) (i32.const 1) (i32.const 64)))
         (drop (call $accept-begin (global.get $server) (i32.const 1) (i32.const 64)))
         (drop (call $close-begin (global.get $server)))
         (call $tell (i32.const 1))",
    );
    Scene::new().listen()?.play(&guest)?.returned("1\n")?;
    Ok(())
}

fn nobody_types_for_a_script() -> Result<(), Failed> {
    // The end is the third of the cases, however often it is asked for.
    let read = "(call $read-line (i32.const 1) (i32.const 64)) (call $tell (i32.load8_u (i32.const 64)))";
    let asked = "(call $tell (call $take-interrupt))";
    let guest = Guest::of(format!("{read} {read} {asked}"));
    Scene::new().play(&guest)?.returned("2\n2\n0\n")?;
    Ok(())
}

fn nobody_hears_of_the_tests_of_a_script() -> Result<(), Failed> {
    // One test without names, of the fate 0, is chosen by nobody: one `false` comes back.
    let plan = "(call $plan (i32.const 512) (i32.const 1) (i32.const 64))
        (call $tell (i32.load (i32.const 68))) (call $tell (i32.load8_u (i32.load (i32.const 64))))";
    let begun = "(call $tell (call $begin-test (i32.const 7))) (call $end-test)";
    let guest = Guest::of(format!("{begun} {plan} {plan} {begun}"));
    Scene::new().play(&guest)?.returned("0\n1\n0\n1\n0\n0\n")?;
    Ok(())
}
