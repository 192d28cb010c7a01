//! Node's library `ws`: its client against `scripts/server.luau`, and `scripts/client.luau` against its server.
//! Called by `peers`. Smaller than the tests of `websockets`, whose checks of the client it shares.

use libtest_mimic::Trial;

use crate::program::node;
use crate::script::{Check, Transport};

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Check::of_server(SERVER, "peers::ws::server", || node("ws_client.js"));
    trials.extend(Check::of_client(CLIENT, "peers::ws::client", || {
        node("ws_server.js")
    }));
    trials
}

/// A check over both transports.
const fn check(name: &'static str, client: &'static str, server: &'static str) -> Check {
    Check {
        name,
        over: &Transport::BOTH,
        client,
        server,
    }
}

/// What is tried with the library's client.
const SERVER: &[Check] = &[
    // The library sends no code with a close frame unless it is given one.
    check(
        "echo",
        "false 5 true\nfalse 0 true\nfalse 3 true\nfalse 20 true\ntrue 3 true\ntrue 0 true\n\
         false 1048576 true\ntrue 1048576 true",
        "closed\t1005\t",
    ),
    check("fragments", "between fragmented", "closed\t1005\t"),
    check("pings", "true\ntrue\ntrue", "closed\t1005\t"),
    check("too_large", "1009", "closed\t*"),
    check(
        "protocols",
        "\"chat.v1\" \"\"\n\"\" \"\"",
        "closed\t1005\t\nclosed\t1005\t",
    ),
    check(
        "close",
        "1005\n1000\n4002",
        "closed\t1005\t\nclosed\t1000\t\nclosed\t4002\tso long",
    ),
    check(
        "server_close",
        "1000 \"\"\n4001 \"bye for now\"\n1001 *",
        "closed\t1000\t\nclosed\t4001\tbye for now\n...\nstopped\n...",
    ),
    check("terminate", "", "closed\t1006\t*"),
    check("refused", "403", ""),
    check("crowd", "50 1005", "...\nclosed\t1005\t"),
];

/// What is tried with the library's server.
const CLIENT: &[Check] = &[
    check(
        "text",
        "true\ntext\t5\ttrue\ntrue\ntext\t0\ttrue\ntrue\ntext\t3\ttrue\ntrue\ntext\t20\ttrue\nclosed\t1000\t",
        "/echo 1000 \"\"",
    ),
    check(
        "binary",
        "true\nbinary\t0\ttrue\ntrue\nbinary\t3\ttrue\ntrue\nbinary\t256\ttrue",
        "/echo 1000 \"\"",
    ),
    check(
        "mebibyte",
        "true\ntext\t1048576\ttrue\ntrue\nbinary\t1048576\ttrue",
        "/echo 1000 \"\"",
    ),
    check("receives_too_much", "closed\tfalse", "/too_large 1009 *"),
    check(
        "fragments",
        "text\tfragmented\nclosed\t1005\t",
        "/fragments 1005 \"\"",
    ),
    check("pings", "text\tpayload\nclosed\t1005\t", "/pings 1005 \"\""),
    check(
        "protocols",
        "chat.v2\ttext\tother,*chat.v1,*chat.v2 -> chat.v2\nnil\ttext\tother -> None\nnil\ttext\t -> None",
        "/protocol 1005 \"\"\n/protocol 1005 \"\"\n/protocol 1005 \"\"",
    ),
    check(
        "headers",
        "text\tx-custom: seen\ntext\tauthorization: Basic YTpi\ntext\tsec-websocket-version: 13\n\
         text\tconnection: Upgrade\ntrue",
        "/headers 1000 \"\"",
    ),
    check(
        "close",
        "closed\t4001\tbye for now",
        "/close 4001 \"bye for now\"",
    ),
    check("default_close", "closed\t1000\t", "/default_close 1000 \"\""),
    check("wordless_close", "closed\t1005\t", "/wordless_close 1005 \"\""),
    check(
        "broken_off",
        "closed\t1006\t*\ntext\tbefore\nclosed\t1006\t*\nfalse\tfalse\tConnectionClosed",
        "/leave 1006 \"\"\n/abort 1006 \"\"",
    ),
    check("crowd", "1000", "...\n/echo 1000 \"\""),
];
