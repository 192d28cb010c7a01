//! Content that waits on the host for peers that take none of it, and promises of content that never comes.

use std::net::SocketAddr;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};

use super::attacks;
use super::guest::{Guest, connect, words};
use super::scene::Scene;
use crate::harness::certificates::Authority;
use crate::harness::http::Connection;
use crate::harness::peer::Peer;

/// The tests of this file.
pub(super) fn trials() -> Vec<Trial> {
    attacks![
        content_that_nobody_takes,
        requests_that_nobody_answers,
        requests_that_are_given_up,
        requests_that_nobody_waits_for,
        farewells_that_nobody_takes,
        reads_that_never_end,
        frames_that_promise_too_much,
        certificates_without_end,
        texts_without_end,
    ]
}

/// 8 MiB, from 2 MiB on.
const GROW: &str = "(drop (memory.grow (i32.const 160)))";
const LARGE: &str = "(i32.const 0x200000) (i32.const 0x800000)";
const NONE: &str = "(i32.const 32) (i32.const 0)";

/// A client that asks for a WebSocket, and takes what else it gets.
pub(super) const HANDSHAKE: &str = "GET / HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
    sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";

/// Clients that ask and never read.
fn deaf(count: usize) -> impl Fn(SocketAddr) -> Result<Vec<Connection>, Failed> + Clone + Send + 'static {
    move |address| {
        let one = |_| {
            let mut connection = Connection::open(address)?;
            connection.send(HANDSHAKE)?;
            Ok(connection)
        };
        (0..count).map(one).collect()
    }
}

/// Does so as often.
fn times(count: usize, what: &str) -> String {
    format!(
        "(local.set $left (i32.const {count}))
         (loop $on {what} (br_if $on (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))"
    )
}

/// Begins a request for the peer, with 8 MiB of content, and so many nanoseconds of time and bytes for its response.
fn request(guest: &mut Guest, peer: SocketAddr, timeout: usize) -> String {
    let (method, url) = (guest.bytes("POST"), guest.bytes(format!("http://{peer}/")));
    // Both numbers have 64 bits, of which `timeout` is the upper half as well.
    let long = (timeout << 32) | timeout;
    format!(
        "(call $ask {method} {url} {NONE} {LARGE} (i32.const 0) (i64.const {long}) (i64.const 0)
           (i32.const 0) (i32.const 0) (i32.const 0) {NONE})"
    )
}

fn content_that_nobody_takes() -> Result<(), Failed> {
    let peer = Peer::bind()?;
    let mut guest = Guest::new();
    let request = request(&mut guest, peer.local_addr()?, 1000);
    // Writes that wait fill what the host may hold; then nothing large gets through.
    let writes = times(
        18,
        &format!("(drop (call $write-begin (local.get $content) {LARGE} (i32.const 64)))"),
    );
    let guest = guest
        .functions(format!(
            "(func $pour (param $content i32) (local $left i32) {writes}
               (call $outcome (i32.const 64)) (call $error-text (i32.const 64))
               (drop {request}) (call $come-out (i32.const 64)) (call $outcome (i32.const 64))
               (call $next)
               (call $respond (global.get $exchange) (i32.const 200) {NONE} {LARGE} (i32.const 64))
               (call $outcome-text (i32.const 64))
               (call $next) (call $agree)
               (call $send-message (global.get $socket) (i32.const 1) {LARGE} (i32.const 64))
               (call $outcome (i32.const 64)))"
        ))
        .attack(format!(
            "{GROW} (call $serve) (call $next) (call $pour (call $begin))"
        ));
    let scene = Scene::new()
        .listen()?
        .net("127.0.0.1")?
        .limit("memory=16m")?
        .limit("send-buffer=128m")?
        .limit("run=20")?;
    let ended = scene.play_with(&guest, deaf(3))?;
    let text = "too much content waits for slow peers (limit send-buffer=128m; *";
    ended
        .returned(&format!("18\n{text}\n18\nlimit exceeded: {text}\n18\n"))?
        .within(16 + 8 * 16 + 24)?;
    Ok(())
}

fn requests_that_nobody_answers() -> Result<(), Failed> {
    let peer = Peer::bind()?;
    let mut guest = Guest::new();
    let request = request(&mut guest, peer.local_addr()?, 1000);
    let sends = times(6, &format!("(drop {request})"));
    let guest = guest.attack(format!(
        "(local $left i32) {GROW} {sends} (call $come-out (i32.const 64)) (call $outcome (i32.const 64))"
    ));
    let scene = Scene::new()
        .net("127.0.0.1")?
        .limit("outgoing=2")?
        .limit("run=20")?;
    scene.play(&guest)?.returned("18\n")?.within(12 + 2 * 8 + 24)?;
    Ok(())
}

/// Begins a request for where nobody listens.
fn refused(guest: &mut Guest) -> String {
    let (method, url) = (guest.bytes("GET"), guest.bytes("http://127.0.0.1:1/"));
    format!(
        "(call $ask {method} {url} {NONE} {NONE} (i32.const 0) (i64.const 5000000000) (i64.const 1)
           (i32.const 0) (i32.const 0) (i32.const 0) {NONE})"
    )
}

fn requests_that_are_given_up() -> Result<(), Failed> {
    let mut guest = Guest::new();
    let request = refused(&mut guest);
    let many = times(100_000, &format!("(call $give-up {request})"));
    let guest = guest.attack(format!(
        "(local $left i32) (call $give-up (i64.const -1)) {many}
         (drop {request}) (call $come-out (i32.const 64)) (call $outcome (i32.const 64))"
    ));
    let scene = Scene::new().net("127.0.0.1")?.limit("run=20")?;
    scene.play(&guest)?.returned("4\n")?.within(16)?;
    Ok(())
}

fn requests_that_nobody_waits_for() -> Result<(), Failed> {
    let mut guest = Guest::new();
    let many = times(100_000, &format!("(drop {})", refused(&mut guest)));
    let guest = guest.attack(format!("(local $left i32) {many}"));
    let scene = Scene::new()
        .net("127.0.0.1")?
        .limit("parked=100")?
        .limit("handles=100")?;
    scene
        .play(&guest)?
        .crashed("more calls wait on the host than")?
        .within(24)?;
    Ok(())
}

fn farewells_that_nobody_takes() -> Result<(), Failed> {
    // A message before it, so that the farewell waits, and of the farewell only what can go out.
    let socket = format!(
        "(call $next) (call $agree)
         (call $send-message (global.get $socket) (i32.const 1) (i32.const 0) (i32.const 0x40000) (i32.const 64))
         (drop (call $close-socket-begin (global.get $socket) (i32.const 1000) {LARGE}))"
    );
    let guest = Guest::of(format!(
        "(local $left i32) {GROW} (call $serve) {}",
        times(16, &socket)
    ));
    let scene = Scene::new().listen()?.limit("drain=10")?.limit("run=20")?;
    scene
        .play_with(&guest, deaf(16))?
        .returned("")?
        .within(12 + 16 + 24)?;
    Ok(())
}

fn reads_that_never_end() -> Result<(), Failed> {
    // The client sends half of what it announced, and nothing more.
    let read = "(drop (call $receive-begin (global.get $socket) (i32.const -1) (i32.const 64)))";
    let guest = Guest::of(format!(
        "(local $left i32) (call $serve) (call $next) (call $agree) {} (call $sleep (i64.const 1000000) (i32.const 64))",
        times(900, read)
    ));
    let ended = Scene::new()
        .listen()?
        .limit("parked=500")?
        .limit("handles=500")?
        .play_with(&guest, |address| {
            let mut connection = Connection::open(address)?;
            connection.send(HANDSHAKE)?;
            connection.send([0x82, 0xff, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0])?;
            Ok(connection)
        })?;
    ended.returned("")?.within(16)?;
    Ok(())
}

fn frames_that_promise_too_much() -> Result<(), Failed> {
    let guest = Guest::of(
        "(call $serve) (call $next)
         (call $upgrade (global.get $exchange) (i32.const 0) (i32.const 0) (i64.const -1) (i32.const 64))
         (call $receive (i32.load (i32.const 68)) (i32.const 1) (i32.const 64))
         (call $tell (i32.load8_u (i32.load (i32.const 64))))
         (call $tell (i32.load16_u offset=4 (i32.load (i32.const 64))))",
    );
    for length in [1_u64 << 28, 1 << 33, 1 << 40, 1 << 62, u64::MAX >> 1] {
        let ended = Scene::new().listen()?.play_with(&guest, move |address| {
            let mut connection = Connection::open(address)?;
            connection.send(HANDSHAKE)?;
            let mut frame = vec![0x82, 0xff];
            frame.extend(length.to_be_bytes());
            frame.extend([0; 4]);
            connection.send(frame)?;
            // Whether it gets a goodbye or a reset is all one.
            drop(connection.rest());
            Ok(())
        })?;
        // It is closed: more than the guest's memory.
        ended.returned("1\n1009\n")?.within(16)?;
    }
    Ok(())
}

fn certificates_without_end() -> Result<(), Failed> {
    let authority = Authority::new()?.ca_pem;
    let mut guest = Guest::new();
    let url = guest.bytes("https://127.0.0.1:1/");
    let get = guest.bytes("GET");
    let small = guest.bytes(format!("{authority}\n"));
    // Behind a proper certificate whatever fills the memory.
    let long = format!("(i32.const {}) (i32.const 0x800000)", small.at);
    let send = |text: &str| {
        format!(
            "(call $send {get} {url} {NONE} {NONE} (i32.const 0) (i64.const 5000000000) (i64.const 1) (i32.const 0)
               (i32.const 0) (i32.const 1) {text} (i32.const 64)) (call $outcome (i32.const 64))"
        )
    };
    // The host's answers lie behind it.
    let guest = guest.attack(format!(
        "{GROW} (global.set $heap (i32.const 0x900000)) {} {}
         (call $listen (i32.const 32) (i32.const 9) (i32.const 0) (i32.const 0) (i64.const 0) (i32.const 0)
           (i64.const 0) (i32.const 1) {long} {long} (i32.const 1) (i32.const 64)) (call $outcome (i32.const 64))",
        send(&small.to_string()),
        send(&long),
    ));
    let scene = Scene::new().net("127.0.0.1")?.listen()?.limit("run=20")?;
    // With the first nobody listens; the others are refused for what they are.
    scene.play(&guest)?.returned("4\n12\n12\n")?.within(64)?;
    Ok(())
}

fn texts_without_end() -> Result<(), Failed> {
    let rest = format!(
        "(i32.const 0) (i64.const 1) (i64.const 1) (i32.const 0) (i32.const 0) (i32.const 0) {NONE} (i32.const 64)"
    );
    let socket = "(i64.const 1) (i64.const 1) (i32.const 0) (i32.const 32) (i32.const 0) (i32.const 64)";
    let mut guest = Guest::new();
    let url = guest.bytes("ws://127.0.0.1:1/");
    // One header field, whose name or value is long, and one protocol.
    let name = guest.bytes(words(&[0x20_0000, 0x800_0000 - 0x30_0000, 32, 0]));
    let value = guest.bytes(words(&[32, 1, 0x20_0000, 0x40_0000]));
    let (name, value) = (name.at, value.at);
    let long = format!("(i32.const 0x200000) (i32.const {})", 0x800_0000 - 0x30_0000);
    let calls = [
        format!("(call $send {long} {NONE} {NONE} {NONE} {rest})"),
        format!("(call $send {NONE} {long} {NONE} {NONE} {rest})"),
        format!("(call $send {NONE} {url} (i32.const {name}) (i32.const 1) {NONE} {rest})"),
        format!("(call $send {NONE} {url} (i32.const {value}) (i32.const 1) {NONE} {rest})"),
        format!("(call $connect {long} {NONE} {NONE} {socket})"),
        format!("(call $connect {url} (i32.const {name}) (i32.const 1) {NONE} {socket})"),
        connect(url, super::guest::Slice { at: 32, length: 0 }, super::guest::Slice { at: name, length: 1 }, 1),
        format!(
            "(call $listen {long} (i32.const 0) (i32.const 0) (i64.const 0) (i32.const 0) (i64.const 0) (i32.const 0)
               {NONE} {NONE} (i32.const 1) (i32.const 64))"
        ),
    ];
    // NULs would be shown as several characters each.
    let calls: String = calls
        .iter()
        .map(|call| format!("{call} (call $outcome (i32.const 64))"))
        .collect();
    let guest = guest.attack(format!("(drop (memory.grow (i32.const 2000))) {calls}"));
    let ended = Scene::new()
        .net("127.0.0.1")?
        .listen()?
        .limit("run=20")?
        .play(&guest)?;
    ended
        .returned(&format!("{}1\n", "14\n".repeat(7)))?
        .within(4 * 128)?
        .in_time(Duration::from_secs(10))?;
    Ok(())
}
