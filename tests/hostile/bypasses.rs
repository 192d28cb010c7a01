//! Past the permissions, and past the framing: URLs, addresses, methods and header fields as no script could give them,
//! called for directly.

use libtest_mimic::{Failed, Trial};

use super::attacks;
use super::guest::{Guest, Slice, connect, send, words};
use super::scene::Scene;
use crate::harness::http::Connection;
use crate::harness::peer::Peer;

/// The tests of this file.
pub(super) fn trials() -> Vec<Trial> {
    attacks![
        urls_that_are_not_allowed,
        addresses_that_are_not_allowed,
        framing_of_requests,
        fields_that_are_none,
        methods_that_are_none,
        framing_of_handshakes,
        heads_beyond_the_limits,
    ]
}

const NONE: Slice = Slice { at: 32, length: 0 };

/// What the error codes are in `wit/types.wit`.
const DENIED: u8 = 0;
const INVALID_URL: u8 = 1;
const UNSUPPORTED: u8 = 2;
const HEADERS_TOO_LARGE: u8 = 14;

fn urls_that_are_not_allowed() -> Result<(), Failed> {
    let peer = Peer::echo()?;
    let port = peer.address().port();
    let cases = [
        (format!("http://127.0.0.1:{port}/"), DENIED),
        (format!("http://localhost:{port}/"), DENIED),
        (format!("http://2130706433:{port}/"), DENIED),
        (format!("http://0x7f.1:{port}/"), DENIED),
        (format!("http://0177.0.0.1:{port}/"), DENIED),
        (format!("http://%31%32%37.0.0.1:{port}/"), DENIED),
        (format!("http://[::ffff:127.0.0.1]:{port}/"), DENIED),
        (format!("http://[::ffff:7f00:1]:{port}/"), DENIED),
        (format!("http://[::1]:{port}/"), DENIED),
        (format!("http://0.0.0.0:{port}/"), DENIED),
        (format!("http://0:{port}/"), DENIED),
        (format!("http://\u{ff11}27.0.0.1:{port}/"), DENIED),
        (format!("http://127.0.0.1.:{port}/"), DENIED),
        (format!("http://allowed.example@127.0.0.1:{port}/"), INVALID_URL),
        (format!("http://127.0.0.1:{port}\\@allowed.example/"), INVALID_URL),
        (format!("http://allowed.example\\@127.0.0.1:{port}/"), INVALID_URL),
        (format!("http://127.0.0.1\t:{port}/"), INVALID_URL),
        (
            format!("http://127.0.0.1:{port}/\r\nhost: allowed.example\r\n"),
            INVALID_URL,
        ),
        (format!(" http://127.0.0.1:{port}/"), INVALID_URL),
        (format!("http://127.0.0.1\0.allowed.example:{port}/"), INVALID_URL),
        (format!("http:127.0.0.1:{port}"), DENIED),
        ("http://169.254.169.254/".to_owned(), DENIED),
        ("http://[fd00:ec2::254]/".to_owned(), DENIED),
        ("http://[::ffff:169.254.169.254]/".to_owned(), DENIED),
        ("http://".to_owned(), INVALID_URL),
        (String::new(), INVALID_URL),
        ("http://[::1%25lo]/".to_owned(), INVALID_URL),
        ("http://127.0.0.1:65536/".to_owned(), INVALID_URL),
        ("file:///etc/passwd".to_owned(), UNSUPPORTED),
        ("unix:/run/docker.sock".to_owned(), UNSUPPORTED),
        ("data:,x".to_owned(), UNSUPPORTED),
        (format!("ftp://127.0.0.1:{port}/"), UNSUPPORTED),
        (format!("gopher://127.0.0.1:{port}/"), UNSUPPORTED),
    ];
    let mut guest = Guest::new();
    let get = guest.bytes("GET");
    let mut calls = Vec::new();
    for (url, _) in &cases {
        let for_socket = url.replacen("http:", "ws:", 1);
        let (url, for_socket) = (guest.bytes(url), guest.bytes(for_socket));
        calls.push(send(get, url, NONE, NONE) + "(call $outcome (i32.const 64))");
        calls.push(connect(for_socket, NONE, NONE, 1000) + "(call $outcome (i32.const 64))");
    }
    // Each of the two speaks only its own schemes.
    for (text, is_send) in [("ws", true), ("wss", true), ("http", false), ("https", false)] {
        let url = guest.bytes(format!("{text}://127.0.0.1:{port}/"));
        let call = if is_send {
            send(get, url, NONE, NONE)
        } else {
            connect(url, NONE, NONE, 1000)
        };
        calls.push(call + "(call $outcome (i32.const 64))");
    }
    let mut wanted: String = cases
        .iter()
        .map(|(_, code)| format!("{code}\n{code}\n"))
        .collect();
    wanted += &format!("{UNSUPPORTED}\n").repeat(4);
    let guest = guest.attack(calls.concat());
    // What is allowed is near, and something else.
    let next = if port == u16::MAX { 1 } else { port + 1 };
    for scene in [
        Scene::new(),
        Scene::new().net(&format!("127.0.0.1:{next}"))?,
        Scene::new().net(&format!("https://127.0.0.1:{port}"))?,
        Scene::new().net("*.allowed.example")?,
        Scene::new().net("public")?,
    ] {
        scene.play(&guest)?.returned(&wanted)?;
    }
    assert_eq!(peer.connections(), 0, "something was connected to");
    Ok(())
}

fn addresses_that_are_not_allowed() -> Result<(), Failed> {
    let cases = [
        ("0.0.0.0", 0, DENIED),
        ("::", 0, DENIED),
        ("::ffff:0.0.0.0", 0, DENIED),
        ("::ffff:127.0.0.1", 0, DENIED),
        ("10.0.0.1", 0, DENIED),
        ("255.255.255.255", 0, DENIED),
        ("224.0.0.1", 0, DENIED),
        ("169.254.169.254", 0, DENIED),
        ("127.0.0.1", 1, DENIED),
        ("127.0.0.1", 0, DENIED),
        ("localhost", 80, DENIED),
        ("", 0, INVALID_URL),
        ("127.1", 0, INVALID_URL),
        ("2130706433", 0, INVALID_URL),
        ("0177.0.0.1", 0, INVALID_URL),
        ("[::1]", 0, INVALID_URL),
        ("::1%lo", 0, INVALID_URL),
        ("127.0.0.1 ", 0, INVALID_URL),
        ("127.0.0.1\0", 0, INVALID_URL),
        ("LOCALHOST", 0, INVALID_URL),
        ("/run/x.sock", 0, INVALID_URL),
    ];
    let mut guest = Guest::new();
    let mut calls = String::new();
    for (address, port, _) in cases {
        let address = guest.bytes(address);
        calls += &format!(
            "(call $listen {address} (i32.const {port}) (i32.const 1) (i64.const 0) (i32.const 0) (i64.const 0)
               (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 64))
             (call $outcome (i32.const 64))"
        );
    }
    let wanted: String = cases.iter().map(|(_, _, code)| format!("{code}\n")).collect();
    let guest = guest.attack(calls);
    Scene::new().play(&guest)?.returned(&wanted)?;
    Scene::new()
        .serving("127.0.0.1:8000-8100")?
        .play(&guest)?
        .returned(&wanted)?;
    Ok(())
}

/// Shows the request as the peer got it: `Peer::echo` sends it back as content.
const SHOW: &str = "(if (i32.load8_u (i32.const 64))
      (then (call $tell (i32.load8_u (i32.const 68))))
      (else (call $write-line (i32.const 0) (i32.load (i32.const 96)) (i32.load (i32.const 100)))))";

fn framing_of_requests() -> Result<(), Failed> {
    let peer = Peer::echo()?;
    let mut guest = Guest::new();
    let url = guest.bytes(format!("http://{}/a", peer.address()));
    let post = guest.bytes("POST");
    let content = guest.bytes("content");
    let fields = guest.pairs(&[
        ("Host", b"evil.example"),
        ("host", b"evil.example"),
        ("Content-Length", b"0"),
        ("content-length", b"1000"),
        ("Transfer-Encoding", b"chunked"),
        ("Connection", b"upgrade, x-secret"),
        ("Upgrade", b"h2c"),
        ("HTTP2-Settings", b"AAMAAABkAAQAAP__"),
        ("Keep-Alive", b"timeout=1000"),
        ("Proxy-Connection", b"keep-alive"),
        ("Expect", b"100-continue"),
        ("TE", b"trailers"),
        ("Trailer", b"x"),
        ("x-own", b"\xff stays"),
    ]);
    let guest = guest.attack(send(post, url, fields, content) + SHOW);
    let ended = Scene::new().net("127.0.0.1")?.play(&guest)?;
    ended.returned(&format!(
        "POST /a HTTP/1.1\nhttp2-settings: AAMAAABkAAQAAP__\nx-own: \u{fffd} stays\nuser-agent: Atoll/*\naccept: */*\n\
         host: {}\ncontent-length: 7\n\ncontent\n",
        peer.address()
    ))?;
    Ok(())
}

fn fields_that_are_none() -> Result<(), Failed> {
    let peer = Peer::echo()?;
    let mut guest = Guest::new();
    let url = guest.bytes(format!("http://{}/a", peer.address()));
    let socket = guest.bytes(format!("ws://{}/a", peer.address()));
    let get = guest.bytes("GET");
    let mut calls = String::new();
    let cases: &[(&str, &[u8])] = &[
        ("", b"1"),
        ("a b", b"1"),
        ("a:", b"1"),
        (":path", b"/other"),
        ("a\r\nb", b"1"),
        ("a\0", b"1"),
        ("\u{e9}", b"1"),
        ("a", b"1\r\ncontent-length: 5"),
        ("a", b"1\n"),
        ("a", b"\r"),
        ("a", b"\0"),
        ("a", b"\x7f"),
    ];
    for case in cases {
        let fields = guest.pairs(&[*case]);
        calls += &(send(get, url, fields, NONE) + "(call $outcome (i32.const 64))");
        calls += &(connect(socket, NONE, fields, 1000) + "(call $outcome (i32.const 64))");
    }
    let ended = Scene::new().net("127.0.0.1")?.play(&guest.attack(calls))?;
    ended.returned(&format!("{INVALID_URL}\n").repeat(2 * cases.len()))?;
    assert_eq!(peer.connections(), 0, "a broken request was sent");
    Ok(())
}

fn methods_that_are_none() -> Result<(), Failed> {
    let peer = Peer::echo()?;
    let mut guest = Guest::new();
    let url = guest.bytes(format!("http://{}/a", peer.address()));
    let mut calls = String::new();
    for method in [
        "",
        " ",
        "GET /other HTTP/1.1\r\nhost: evil\r\n\r\n",
        "GET\t",
        "G\0",
        "G\u{c9}T",
        "GET:",
        "(GET)",
    ] {
        let method = guest.bytes(method);
        calls += &(send(method, url, NONE, NONE) + "(call $outcome (i32.const 64))");
    }
    for method in ["connect", "PRI", "get"] {
        let method = guest.bytes(method);
        calls += &(send(method, url, NONE, NONE) + SHOW);
    }
    // A tunnel would lead to the host of the URL and nowhere else, and nobody gets hold of it.
    let method = guest.bytes("CONNECT");
    calls += &(send(method, url, NONE, NONE)
        + "(call $outcome (i32.const 64)) (call $tell (i32.load (i32.const 100)))");
    let ended = Scene::new().net("127.0.0.1")?.play(&guest.attack(calls))?;
    let request = |method| {
        format!(
            "{method} /a HTTP/1.1\nuser-agent: *\naccept: */*\nhost: {}\n\n\n",
            peer.address()
        )
    };
    let sent = ["connect", "PRI", "GET"].map(request).concat();
    ended.returned(&format!("{}{sent}ok\n0\n", "1\n".repeat(8)))?;
    Ok(())
}

fn framing_of_handshakes() -> Result<(), Failed> {
    let listener = Peer::bind()?;
    let address = listener.local_addr()?;
    let mut guest = Guest::new();
    let url = guest.bytes(format!("ws://{address}/a"));
    let fields = guest.pairs(&[
        ("host", b"evil.example"),
        ("connection", b"close"),
        ("upgrade", b"h2c"),
        ("content-length", b"10"),
        ("transfer-encoding", b"chunked"),
        ("sec-websocket-key", b"mine"),
        ("sec-websocket-version", b"8"),
        ("sec-websocket-protocol", b"evil"),
        ("sec-websocket-extensions", b"permessage-deflate"),
        ("sec-websocket-accept", b"x"),
        ("x-own", b"stays"),
    ]);
    let mut broken = String::new();
    for protocol in ["a\r\nx: y", "\0", "\u{7f}"] {
        let protocol = guest.bytes(protocol);
        let list = guest.bytes(words(&[protocol.at, protocol.length]));
        let list = Slice {
            at: list.at,
            length: 1,
        };
        broken += &(connect(url, list, NONE, 1000) + "(call $outcome (i32.const 64))");
    }
    let guest = guest.attack(broken + &connect(url, NONE, fields, 1000) + "(call $outcome (i32.const 64))");
    let seen = std::thread::spawn(move || {
        let (stream, _) = listener.accept()?;
        let mut connection = Connection::over(stream)?;
        let request = connection.message(false)?.ok_or("no request")?;
        connection.send("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")?;
        Ok::<_, Failed>(request)
    });
    let ended = Scene::new().net("127.0.0.1")?.play(&guest)?;
    // The server says no: what it saw is what counts.
    ended.returned("1\n1\n1\n17\n")?;
    let request = seen.join().map_err(|_| "the peer panicked")??;
    assert_eq!(request.start, "GET /a HTTP/1.1");
    let values = |name: &str| -> Vec<&str> {
        let of = request.headers.iter().filter(|(other, _)| other == name);
        of.map(|(_, value)| value.as_str()).collect()
    };
    assert_eq!(values("host"), [address.to_string()]);
    assert_eq!(values("connection"), ["Upgrade"]);
    assert_eq!(values("upgrade"), ["websocket"]);
    assert_eq!(values("sec-websocket-version"), ["13"]);
    assert_eq!(values("x-own"), ["stays"]);
    assert!(!values("sec-websocket-key").contains(&"mine") && values("sec-websocket-key").len() == 1);
    for name in ["content-length", "transfer-encoding"] {
        assert!(values(name).is_empty(), "{name}: {:?}", values(name));
    }
    for name in ["protocol", "extensions", "accept"] {
        assert!(values(&format!("sec-websocket-{name}")).is_empty(), "{name}");
    }
    Ok(())
}

fn heads_beyond_the_limits() -> Result<(), Failed> {
    let peer = Peer::echo()?;
    let mut guest = Guest::new();
    let url = guest.bytes(format!("http://{}/a", peer.address()));
    let long = guest.bytes(format!("http://{}/{}", peer.address(), "a".repeat(20_000)));
    let get = guest.bytes("GET");
    let long_method = guest.bytes("G".repeat(20_000));
    let value = vec![b'x'; 20_000];
    let large = guest.pairs(&[("a", &value)]);
    let many: Vec<_> = (0..101).map(|_| ("a", &b"1"[..])).collect();
    let many = guest.pairs(&many);
    let mut calls = String::new();
    for (method, url, fields) in [
        (get, long, NONE),
        (long_method, url, NONE),
        (get, url, large),
        (get, url, many),
    ] {
        calls += &(send(method, url, fields, NONE) + "(call $outcome (i32.const 64))");
    }
    let ended = Scene::new().net("127.0.0.1")?.play(&guest.attack(calls))?;
    ended.returned(&format!("{HEADERS_TOO_LARGE}\n").repeat(4))?;
    assert_eq!(peer.connections(), 0, "a head beyond the limits was sent");
    Ok(())
}
