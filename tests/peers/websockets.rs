//! The Python library `websockets`: its client against `scripts/server.luau`, and `scripts/client.luau` against its
//! server. Called by `peers`; the tests of nginx play some of the first once more.

use std::process::Command;

use libtest_mimic::{Failed, Trial};

use crate::program::python;
use crate::script::Check;
use crate::script::Transport::{self, Plain, Tls};

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Check::of_server(SERVER, "peers::websockets::server", client);
    trials.extend(Check::of_client(CLIENT, "peers::websockets::client", || {
        python("websockets_server.py")
    }));
    trials
}

/// The library's client.
pub(crate) fn client() -> Result<Command, Failed> {
    python("websockets_client.py")
}

const BOTH: &[Transport] = &Transport::BOTH;

/// A check over both transports.
const fn check(name: &'static str, client: &'static str, server: &'static str) -> Check {
    Check {
        name,
        over: BOTH,
        client,
        server,
    }
}

/// What is tried with the library's client.
pub(crate) const SERVER: &[Check] = &[
    check(
        "text",
        "'hello'\n''\n'a\\x00b'\n'Gr\\xfc\\xdfe, \\u4e16\\u754c \\U0001f30d'",
        "closed\t1000\t",
    ),
    check(
        "binary",
        "bytes 0 True\nbytes 3 True\nbytes 256 True",
        "closed\t1000\t",
    ),
    // What a script sees of its peer's breach of the protocol is not laid down.
    check(
        "fragments",
        "'fragmented'\nb'\\x00\\xff'\n'Gr\\xfc\\xdfe'\n1007",
        "closed\t*",
    ),
    check(
        "mebibyte",
        "str 1048576 True\nbytes 1048576 True",
        "closed\t1000\t",
    ),
    check("too_large", "1009\n1009", "closed\t*\nclosed\t*"),
    check(
        "protocols",
        "chat.v1 chat.v1\nchat.v2 chat.v2\nNone none\nNone none",
        "closed\t1000\t\nclosed\t1000\t\nclosed\t1000\t\nclosed\t1000\t",
    ),
    check("extensions", "[]\nNone", "closed\t1000\t"),
    check("pings", "True\nTrue\nTrue\nTrue\nstill here", "closed\t1000\t"),
    check(
        "close",
        "1000\n1000\n1001\n4002\n4999",
        "closed\t1000\t\nclosed\t1000\t\nclosed\t1001\tgone\nclosed\t4002\tso long\nclosed\t4999\téééééé*",
    ),
    check(
        "server_close",
        "closed 1000 ''\nclosed 4001 'bye for now'\nclosed 3000 ''\nmessage 'farewell'\nclosed 1000 ''",
        "closed\t1000\t\nclosed\t4001\tbye for now\nclosed\t3000\t\nclosed\t1000\t",
    ),
    check("shutdown", "1001 1001", "...\nstopped\n..."),
    check("crowd", "100 {'11'}", "...\nclosed\t1000\t"),
    check("order", "2000 True", "closed\t1000\t"),
    check(
        "flood",
        "served meanwhile\nTrue {65536}",
        "closed\t1000\t\nclosed\t1000\t",
    ),
    check("abort", "here", "closed\t1006\t*"),
    check("refused", "403\n403\n403", ""),
    check("accepted_late", "in time", "closed\t1000\t"),
];

/// What is tried with the library's server.
const CLIENT: &[Check] = &[
    check(
        "text",
        "true\ntext\t5\ttrue\ntrue\ntext\t0\ttrue\ntrue\ntext\t3\ttrue\ntrue\ntext\t20\ttrue\nclosed\t1000\t",
        "/echo 1000 ''",
    ),
    check(
        "binary",
        "true\nbinary\t0\ttrue\ntrue\nbinary\t3\ttrue\ntrue\nbinary\t256\ttrue",
        "/echo 1000 ''",
    ),
    check(
        "mebibyte",
        "true\ntext\t1048576\ttrue\ntrue\nbinary\t1048576\ttrue",
        "/echo 1000 ''",
    ),
    // The library itself reads nothing more, so that it never sees the answer to its close frame.
    check("sends_too_much", "closed\t1009\t*", "/echo 1006 ''"),
    check("receives_too_much", "closed\tfalse", "/too_large 1009 *"),
    check("chosen_limit", "binary\t1048577", "/too_large 1000 ''"),
    check(
        "fragments",
        "text\tfragmented\nbinary\t\\x00\\xff\ntext\tGr\\xc3\\xbc\\xc3\\x9fe\nclosed\t1000\t",
        "/fragments 1000 ''",
    ),
    check("invalid_text", "closed", "/invalid_text 1007 *"),
    check(
        "protocols",
        "chat.v2\ttext\tother,*chat.v1,*chat.v2 -> chat.v2\nnil\ttext\tother -> None\nnil\ttext\t -> None",
        "/protocol 1000 ''\n/protocol 1000 ''\n/protocol 1000 ''",
    ),
    Check {
        name: "protocol_list",
        over: &[Plain],
        client: "chat.v1",
        server: "/protocol 1000 ''",
    },
    check(
        "headers",
        "text\tx-custom: seen\ntext\tauthorization: Basic YTpi\ntext\tuser-agent: *\n\
         text\tsec-websocket-version: 13\ntrue",
        "/headers 1000 ''",
    ),
    check(
        "rejections",
        "false\tHandshakeRejected\nfalse\tHandshakeRejected",
        "",
    ),
    Check {
        name: "distrusted",
        over: &[Tls],
        client: "false\tTlsFailure",
        server: "",
    },
    check(
        "own_close",
        "true\nfalse\tclosed\t1000\t\nfalse\tConnectionClosed\ntrue\nfalse\tclosed\t1000\t\n\
         false\tConnectionClosed\ntrue\nfalse\tclosed\t1001\tgone\nfalse\tConnectionClosed\n\
         true\nfalse\tclosed\t4002\tso long\nfalse\tConnectionClosed\n\
         true\nfalse\tclosed\t4999\téééééé*\nfalse\tConnectionClosed",
        "/wait 1000 ''\n/wait 1000 ''\n/wait 1001 'gone'\n/wait 4002 'so long'\n/wait 4999 '\\xe9\\xe9*'",
    ),
    check("own_pings", "true\ttrue\ttrue\ntext\tstill here", "/echo 1000 ''"),
    check(
        "pings",
        "text\tTrue\ntext\tTrue\ntext\tTrue\ntext\tTrue\nclosed\t1000\t",
        "/pings 1000 ''",
    ),
    check("close", "closed\t4001\tbye for now", "/close 4001 'bye for now'"),
    check("default_close", "closed\t1000\t", "/default_close 1000 ''"),
    check("wordless_close", "closed\t1005\t", "/wordless_close 1005 ''"),
    check("fail", "closed\t1011\t*", ""),
    check("shutdown", "closed\t1001\t*", "/shutdown 1001 ''"),
    check(
        "broken_off",
        "closed\t1006\t*\ntext\tbefore\nclosed\t1006\t*\nfalse\tfalse\tConnectionClosed",
        "/leave 1006 ''\n/abort 1006 ''",
    ),
    check("order", "closed\t1000\t", "/order 1000 ''"),
    check(
        "unread",
        "text\tserved meanwhile\n1000\t\n200",
        "/echo 1000 ''\n/flood 1000 ''",
    ),
    check("crowd", "1000", "...\n/echo 1000 ''"),
];
