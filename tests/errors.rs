//! The codes that failures start with: for each there is a script that gets it. The guest's `net/error.rs` is the only
//! place that spells them, so they are read from there.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;

use libtest_mimic::{Failed, Trial};

use crate::harness::child::Atoll;
use crate::harness::peer::Peer;
use crate::harness::{notation, root};

/// The tests of this file: one for each code, and one that none is left out.
pub(crate) fn trials() -> Vec<Trial> {
    let produced = SCRIPTS
        .iter()
        .map(|&(code, script)| Trial::test(format!("errors::{code}"), move || produces(script, code)));
    let complete = Trial::test("errors::each_code_has_its_script", each_code_has_its_script);
    produced.chain([complete]).collect()
}

/// Codes, and the body of a function that returns `false` and a message with the code. It finds the address of a peer in
/// `peer`, and one where nobody listens in `closed`.
const SCRIPTS: [(&str, &str); 19] = [
    (
        "AddressInUse",
        "return net.serve({ port = tonumber(peer:match('%d+$')), address = '127.0.0.1', request = print })",
    ),
    // Reserved (RFC 1112, section 4): no machine has it.
    (
        "AddressNotAvailable",
        "return net.serve({ port = 0, address = '240.0.0.1', request = print })",
    ),
    ("BodyTooLarge", "return net.request(peer, { maxBodySize = 1 })"),
    (
        "Cancelled",
        "local _, response = net.request(peer .. '/begun', { stream = true })
        task.defer(response.close, response)
        return response:read()",
    ),
    ("ConnectionClosed", "return net.request(peer .. '/short')"),
    ("ConnectionRefused", "return net.request(closed)"),
    ("ConnectionReset", "return net.request(peer .. '/reset')"),
    ("HandshakeRejected", "return net.websocket(peer)"),
    ("HeadersTooLarge", "return net.request(peer .. '/long')"),
    ("InvalidResponse", "return net.request(peer .. '/garbage')"),
    ("InvalidUrl", "return net.request('http://')"),
    (
        "LimitExceeded",
        "local first = task.spawn(net.request, peer .. '/hang')
        local ok, message = net.request(peer)
        task.cancel(first)
        return ok, message",
    ),
    // No host's name starts with a hyphen, so the resolver asks nobody.
    ("NameNotResolved", "return net.request('-x.invalid')"),
    // TCP has no broadcast, and the system has a word for it.
    ("NetworkUnreachable", "return net.request('127.255.255.255')"),
    ("PermissionDenied", "return net.request('10.0.0.1')"),
    (
        "Timeout",
        "return net.request(peer .. '/hang', { timeout = 0.05 })",
    ),
    (
        "TlsFailure",
        "return net.serve({ port = 0, address = '127.0.0.1', tls = { cert = '', key = '' }, request = print })",
    ),
    ("TooManyRedirects", "return net.request(peer .. '/round')"),
    ("UnsupportedScheme", "return net.request('ftp://127.0.0.1/')"),
];

/// Codes without a script, and why.
const BEYOND: [(&str, &str); 2] = [
    (
        "HostUnreachable",
        "takes a route that leads nowhere, and the loopback has none: host/src/net/error.rs tests it",
    ),
    (
        "NotSupported",
        "is for hosts of wasi:http alone: tests/wasi.rs has it",
    ),
];

/// What the peer answers.
const ROUTES: &str = "
@ /short
> HTTP/1.1 200 OK
> content-length: 10
>
>| some
= close
@ /reset
= reset
@ /long
> HTTP/1.1 200 OK
>| x-long:
>* 40000 a
>
> content-length: 0
>
@ /garbage
> this is no HTTP
= close
@ /hang
= hang
@ /begun
> HTTP/1.1 200 OK
> content-length: 10
>
= hang
@ /round
> HTTP/1.1 302 Found
> location: /round
> content-length: 0
>
";

fn produces(script: &str, code: &str) -> Result<(), Failed> {
    let peer = Peer::start(notation::parse(ROUTES)?)?;
    // Bound and not listening: nobody answers, and nobody else gets the port.
    let closed = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    closed.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    let nobody = closed.local_addr()?.as_socket().ok_or("no IP address")?;

    let source = format!(
        "local peer, closed = process.args[1], process.args[2]
        local function try() {script} end
        print(try())"
    );
    let words = [
        "--allow-net=127.0.0.0/8,*.invalid",
        "--allow-listen",
        "--limit",
        "outgoing=1",
        "--",
        &peer.address().to_string(),
        &nobody.to_string(),
    ];
    let finished = Atoll::source(&format!("errors_{code}"), source, words)?.finish()?;
    finished.expect_code(0)?;
    let printed = finished.out();
    let message = printed.strip_prefix("false\t").unwrap_or_default();
    let word = message.split([':', '\n']).next().unwrap_or_default();
    if word == code {
        Ok(())
    } else {
        Err(format!("expected false and {code}, the script printed {printed:?}").into())
    }
}

fn each_code_has_its_script() -> Result<(), Failed> {
    let guest = fs::read_to_string(root().join("guest/src/net/error.rs"))?;
    let code = guest.split("#[cfg(test)]").next().unwrap_or_default();
    let is_code = |text: &&str| {
        text.starts_with(|letter: char| letter.is_ascii_uppercase())
            && text.chars().all(|letter| letter.is_ascii_alphabetic())
    };
    // Every second piece is a string.
    let spelled: BTreeSet<&str> = code.split('"').skip(1).step_by(2).filter(is_code).collect();
    let scripts = SCRIPTS.iter().map(|(code, _)| *code);
    let known: BTreeSet<&str> = scripts
        .clone()
        .chain(BEYOND.iter().map(|(code, _)| *code))
        .collect();
    if spelled != known {
        let difference: Vec<_> = spelled.symmetric_difference(&known).collect();
        return Err(format!("spelled by the guest or known here, and not both: {difference:?}").into());
    }
    let types = fs::read_to_string(root().join("guest/types/net.d.luau"))?;
    let documented: BTreeSet<&str> = types
        .split(|letter: char| !letter.is_ascii_alphabetic())
        .collect();
    let missing: Vec<&str> = scripts.filter(|code| !documented.contains(code)).collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(format!("guest/types/net.d.luau does not mention {missing:?}").into())
    }
}
