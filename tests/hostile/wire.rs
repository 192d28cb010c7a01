//! What a hostile server can make its clients see: responses and frames that must be whole and of one reading, whatever
//! the guest says.

use libtest_mimic::{Failed, Trial};

use super::attacks;
use super::guest::{Guest, words};
use super::scene::Scene;
use crate::harness::http::{Connection, Message, get};
use crate::harness::websocket::Client;

/// The tests of this file.
pub(super) fn trials() -> Vec<Trial> {
    attacks![
        statuses_that_are_none,
        fields_of_responses,
        framing_of_responses,
        content_where_there_is_none,
        farewells_that_are_none,
        pings_that_are_too_long,
        texts_that_are_none,
        protocols_that_are_none,
        options_of_servers,
    ]
}

fn statuses_that_are_none() -> Result<(), Failed> {
    // The status is in the target: `/` and three digits or more.
    let statuses = [0_u32, 1, 99, 100, 101, 103, 199, 600, 999, 1000, 65_535];
    let guest = Guest::new();
    let mut text = String::new();
    for status in statuses {
        text += &format!(
            "(call $next) (call $respond (global.get $exchange) (i32.const {status}) (i32.const 0) (i32.const 0)
               (i32.const 0) (i32.const 0) (i32.const 64)) (call $tell (i32.load8_u (i32.const 64)))"
        );
    }
    let guest = guest.attack(format!("(call $serve) {text} (call $close (global.get $server))"));
    let ended = Scene::new().listen()?.play_with(&guest, move |address| {
        for status in statuses {
            assert_eq!(get(address, "/")?.status(), 500, "{status}");
        }
        Ok(())
    })?;
    ended.returned(&"1\n".repeat(statuses.len()))?;
    Ok(())
}

fn fields_of_responses() -> Result<(), Failed> {
    let cases: &[(&str, &[u8])] = &[
        ("", b"1"),
        ("a b", b"1"),
        ("a:", b"1"),
        ("a\r\nb", b"1"),
        ("a", b"1\r\n\r\nHTTP/1.1 200 OK"),
        ("a", b"1\n"),
        ("a", b"\0"),
        (":status", b"200"),
    ];
    let mut guest = Guest::new();
    let mut text = String::new();
    for case in cases {
        let fields = guest.pairs(&[*case]);
        text += &format!(
            "(call $next) (call $respond (global.get $exchange) (i32.const 200) {fields} (i32.const 0) (i32.const 0) (i32.const 64))
             (call $tell (i32.load8_u (i32.const 64)))
             (call $next) (call $respond-in-pieces (global.get $exchange) (i32.const 200) {fields} (i32.const 64))
             (call $tell (i32.load8_u (i32.const 64)))"
        );
    }
    let guest = guest.attack(format!("(call $serve) {text} (call $close (global.get $server))"));
    let count = 2 * cases.len();
    let ended = Scene::new().listen()?.play_with(&guest, move |address| {
        for _ in 0..count {
            assert_eq!(get(address, "/")?.status(), 500);
        }
        Ok(())
    })?;
    ended.returned(&"1\n".repeat(count))?;
    Ok(())
}

fn framing_of_responses() -> Result<(), Failed> {
    let mut guest = Guest::new();
    let fields = guest.pairs(&[
        ("content-length", b"1000"),
        ("Content-Length", b"0"),
        ("transfer-encoding", b"chunked"),
        ("connection", b"upgrade"),
        ("upgrade", b"websocket"),
        ("keep-alive", b"timeout=9999"),
        ("trailer", b"x"),
        ("te", b"x"),
    ]);
    let content = guest.bytes("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nsmuggled");
    let guest = guest.attack(format!(
        "(call $serve)
         (call $next) (call $respond (global.get $exchange) (i32.const 200) {fields} {content} (i32.const 64))
         (call $next) (call $answer) (call $close (global.get $server))"
    ));
    let ended = Scene::new().listen()?.play_with(&guest, move |address| {
        let mut connection = Connection::open(address)?;
        connection.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n")?;
        let names = |message: &Message| {
            message
                .headers
                .iter()
                .map(|(name, _)| name.clone())
                .collect::<Vec<_>>()
        };
        let message = connection.response()?;
        assert_eq!(names(&message), ["content-length", "date"]);
        assert_eq!((message.status(), message.body.len()), (200, 46));
        // And the connection is whole.
        connection.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n")?;
        let message = connection.response()?;
        assert_eq!((message.status(), message.body.len()), (200, 0));
        Ok(())
    })?;
    ended.returned("")?;
    Ok(())
}

fn content_where_there_is_none() -> Result<(), Failed> {
    for (status, method) in [(204, "GET"), (304, "GET"), (205, "GET"), (200, "HEAD")] {
        let mut guest = Guest::new();
        let content = guest.bytes("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nsmuggled");
        let guest = guest.attack(format!(
            "(local $pieces i32) (call $serve)
             (call $next) (call $respond (global.get $exchange) (i32.const {status}) (i32.const 0) (i32.const 0) {content} (i32.const 64))
             (call $next)
             (call $respond-in-pieces (global.get $exchange) (i32.const {status}) (i32.const 0) (i32.const 0) (i32.const 64))
             (local.set $pieces (i32.load (i32.const 68)))
             (call $write (local.get $pieces) {content} (i32.const 64))
             (call $finish (local.get $pieces))
             (call $next) (call $answer) (call $close (global.get $server))"
        ));
        let ended = Scene::new().listen()?.play_with(&guest, move |address| {
            let mut connection = Connection::open(address)?;
            for _ in 0..2 {
                connection.send(format!("{method} / HTTP/1.1\r\nhost: x\r\n\r\n"))?;
                let message = if status == 205 {
                    connection.response()?
                } else {
                    connection.response_head()?
                };
                assert_eq!(message.status(), status);
            }
            connection.send("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")?;
            // Not the smuggled one.
            let message = connection.response()?;
            assert_eq!(
                (message.status(), message.body.len()),
                (200, 0),
                "{status} {method}"
            );
            connection.expect_close()
        })?;
        ended.returned("")?;
    }
    Ok(())
}

fn farewells_that_are_none() -> Result<(), Failed> {
    let mut guest = Guest::new();
    let long = guest.bytes("é".repeat(100));
    let codes = [0_u32, 1, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535];
    let mut text = String::new();
    for code in codes {
        text += &format!(
            "(call $next) (call $agree) (call $close-socket (global.get $socket) (i32.const {code}) {long})
             (call $drop-socket (global.get $socket))"
        );
    }
    let guest = guest.attack(format!("(call $serve) {text} (call $tell (i32.const 1))"));
    let ended = Scene::new().listen()?.play_with(&guest, move |address| {
        for code in codes {
            let closed = Client::connect(address, "/", &[], &[])?.closed()?;
            assert_eq!(closed, (1000, "é".repeat(61)), "{code}");
        }
        Ok(())
    })?;
    ended.returned("1\n")?;
    Ok(())
}

fn pings_that_are_too_long() -> Result<(), Failed> {
    let mut guest = Guest::new();
    let long = guest.bytes("x".repeat(100_000));
    let guest = guest.attack(format!(
        "(call $serve) (call $next) (call $agree)
         (call $ping (global.get $socket) {long} (i32.const 64)) (call $outcome (i32.const 64))
         (call $close-socket (global.get $socket) (i32.const 1000) (i32.const 0) (i32.const 0))"
    ));
    let ended = Scene::new().listen()?.play_with(&guest, |address| {
        let mut client = Client::connect(address, "/", &[], &[])?;
        match client.receive()? {
            tungstenite::Message::Ping(payload) => assert_eq!(payload.len(), 125),
            other => return Err(format!("not a ping: {other:?}").into()),
        }
        assert_eq!(client.closed()?, (1000, String::new()));
        Ok(())
    })?;
    ended.returned("ok\n")?;
    Ok(())
}

fn texts_that_are_none() -> Result<(), Failed> {
    let mut guest = Guest::new();
    let broken = guest.bytes(b"a\xff\xed\xa0\x80b");
    let guest = guest.attack(format!(
        "(call $serve) (call $next) (call $agree)
         (call $send-message (global.get $socket) (i32.const 0) {broken} (i32.const 64)) (call $outcome (i32.const 64))
         (call $close-socket (global.get $socket) (i32.const 1000) (i32.const 0) (i32.const 0))"
    ));
    let ended = Scene::new().listen()?.play_with(&guest, |address| {
        let mut client = Client::connect(address, "/", &[], &[])?;
        assert_eq!(client.text()?, "a\u{fffd}\u{fffd}\u{fffd}\u{fffd}b");
        assert_eq!(client.closed()?, (1000, String::new()));
        Ok(())
    })?;
    ended.returned("ok\n")?;
    Ok(())
}

fn protocols_that_are_none() -> Result<(), Failed> {
    // Protocols that no client can have offered, and one that it did; then more than fit a head.
    let mut guest = Guest::new();
    let broken = guest.bytes("a\r\nx: y");
    let good = guest.bytes("b");
    let list = guest
        .bytes(words(&[broken.at, broken.length, 32, 0, good.at, good.length]))
        .at;
    let many = guest.bytes(words(&[32, 0]).repeat(10_000)).at;
    let guest = guest.attack(format!(
        "(call $serve)
         (call $next) (call $upgrade (global.get $exchange) (i32.const {list}) (i32.const 3) (i64.const 9) (i32.const 64))
         (call $outcome (i32.const 64))
         (call $next) (call $upgrade (global.get $exchange) (i32.const {many}) (i32.const 10000) (i64.const 9) (i32.const 64))
         (call $outcome (i32.const 64)) (call $close (global.get $server))"
    ));
    let ended = Scene::new().listen()?.play_with(&guest, |address| {
        let mut client = Client::connect(address, "/", &["a", "b"], &[])?;
        assert_eq!(client.protocol(), Some("b"));
        assert_eq!(
            Client::refused(address, "/", &[("sec-websocket-protocol", "a")])?.status(),
            500
        );
        assert_eq!(client.closed()?.0, 1001);
        Ok(())
    })?;
    ended.returned("ok\n14\n")?;
    Ok(())
}

fn options_of_servers() -> Result<(), Failed> {
    // No connections, no time, no content; and more of each than there is.
    for (connections, time, content) in [(0, 0_i64, 0_i64), (-1, -1, -1), (1, -1, 0)] {
        let guest = Guest::of(format!(
            "(call $listen (i32.const 32) (i32.const 9) (i32.const 0) (i32.const 0) (i64.const {content})
               (i32.const {connections}) (i64.const {time}) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
               (i32.const 0) (i32.const 1) (i32.const 64))
             (global.set $server (i32.load (i32.const 68)))
             (call $accept-begin (global.get $server) (i32.const -1) (i32.const 64)) (drop)
             (call $sleep (i64.const 20000000) (i32.const 128))
             (call $close (global.get $server))"
        ));
        let ended = Scene::new().listen()?.play_with(&guest, |address| {
            // Whatever it gets, it gets it soon, or the connection ends.
            if let Ok(mut connection) = Connection::open(address)
                && connection
                    .send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello")
                    .is_ok()
            {
                drop(connection.rest());
            }
            Ok(())
        })?;
        ended.returned("")?.within(16)?;
    }
    Ok(())
}
