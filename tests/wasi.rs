//! Components of the target `wasi-http`, in hosts that are not Atoll: one in this process, made of wasmtime's own parts as
//! `wasmtime serve` is, and `wasmtime` itself where there is one.

mod about;
mod build;
mod cases;
mod host;
mod left_out;
mod scripts;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use libtest_mimic::{Failed, Trial};

use self::build::built;
use self::host::{Host, Instances};
use crate::harness::child::Running;
use crate::harness::http::{Connection, Message, get};
use crate::harness::notation::parse;
use crate::harness::peer::Peer;
use crate::harness::trials;

/// What `wasmtime serve` gives a component: the world `wasi:http/proxy`.
const INTERFACES: [&str; 11] = [
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:http/outgoing-handler",
    "wasi:http/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/random",
];

/// The tests of this file.
pub(crate) fn trials() -> Result<Vec<Trial>, Failed> {
    let mut trials = trials![
        it_imports_wasi_and_nothing_else,
        the_top_level_runs_once_and_at_build_time,
        requests_reach_the_handler,
        contents_and_fields_both_ways,
        handlers_wait,
        failures_tell_their_clients_nothing,
        a_response_in_pieces,
        a_large_response,
        too_large_a_request,
        a_handler_that_does_not_answer,
        a_script_that_ends_itself,
        requests_of_scripts,
        redirects_of_requests,
        failures_of_requests,
        what_wasi_does_not_have,
        instances_do_not_share_their_dice,
        a_shared_instance_keeps_its_state,
    ];
    trials.extend(about::trials());
    trials.extend(build::trials());
    trials.extend(cases::trials());
    trials.extend(scripts::trials()?);
    let wasmtime = Trial::test("wasi::under_wasmtime_serve", under_wasmtime_serve);
    trials.push(wasmtime.with_ignored_flag(find_wasmtime().is_none()));
    Ok(trials)
}

fn serve() -> Result<Host, Failed> {
    Host::start(&built()?.component, Instances::Each)
}

fn send(host: &Host, request: &str) -> Result<Message, Failed> {
    let mut connection = Connection::open(host.address())?;
    connection.send(request)?;
    connection.response()
}

/// A text as the value of a query's field.
fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn it_imports_wasi_and_nothing_else() -> Result<(), Failed> {
    let built = built()?;
    let kind = built.component.component_type();
    let engine = built.component.engine();
    for (name, _) in kind.imports(engine) {
        let interface = name.split('@').next().unwrap_or_default();
        assert!(INTERFACES.contains(&interface), "{name}");
        assert!(name.contains("@0.2."), "{name}");
    }
    let mut exports = kind.exports(engine).map(|(name, _)| name);
    assert!(exports.any(|name| name.starts_with("wasi:http/incoming-handler@0.2.")));
    Ok(())
}

fn the_top_level_runs_once_and_at_build_time() -> Result<(), Failed> {
    let built = built()?;
    assert_eq!(
        built.out,
        "the module runs\nthe top level runs\ntrue\t0\tfalse\tNotSupported: net.serve: a component of the target wasi-http \
         has one server\n"
    );
    assert_eq!(built.err, "");
    let host = serve()?;
    for _ in 0..2 {
        assert_eq!(
            get(host.address(), "/count")?.text(),
            "1",
            "each instance is a fresh one"
        );
    }
    assert_eq!(host.words(), (String::new(), String::new()));
    Ok(())
}

fn requests_reach_the_handler() -> Result<(), Failed> {
    let host = serve()?;
    let hello = get(host.address(), "/hello?name=a%20b")?;
    assert_eq!((hello.status(), hello.text().as_str()), (200, "hello, a b"));
    assert_eq!(hello.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(hello.header("content-length"), Some("10"));
    let about = get(host.address(), "/about/a%2Fb?c=d")?.text();
    let address = host.address();
    assert_eq!(about, format!("GET /about/a/b /about/a%2Fb?c=d {address} []"));
    assert_eq!(get(host.address(), "/")?.status(), 404);
    assert_eq!(get(host.address(), "/nothing")?.status(), 204);
    assert_eq!(
        get(host.address(), "/late")?.text(),
        "a module that a request required"
    );
    assert_eq!(get(host.address(), "/clock")?.text(), "true");
    Ok(())
}

fn contents_and_fields_both_ways() -> Result<(), Failed> {
    let host = serve()?;
    let echo = send(
        &host,
        "POST /echo HTTP/1.1\r\nhost: test\r\nx-own: yes\r\ncontent-length: 7\r\n\r\ncontent",
    )?;
    assert_eq!((echo.status(), echo.text().as_str()), (201, "content"));
    assert_eq!(
        (echo.header("x-method"), echo.header("x-own")),
        (Some("POST"), Some("yes"))
    );
    let cookies = echo.headers.iter().filter(|(name, _)| name == "set-cookie");
    assert_eq!(
        cookies.map(|(_, value)| value.as_str()).collect::<Vec<_>>(),
        ["a=1", "b=2"]
    );
    let chunked = send(
        &host,
        "PUT /echo HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    )?;
    assert_eq!(chunked.text(), "abcde");
    let mut connection = Connection::open(host.address())?;
    connection.send("HEAD /hello HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")?;
    assert_eq!(connection.response_head()?.status(), 200);
    connection.expect_close()
}

fn handlers_wait() -> Result<(), Failed> {
    let host = serve()?;
    assert_eq!(get(host.address(), "/wait")?.text(), "true spawned");
    Ok(())
}

fn failures_tell_their_clients_nothing() -> Result<(), Failed> {
    let host = serve()?;
    for path in ["/fails", "/wrong", "/header"] {
        let answer = get(host.address(), path)?;
        let expected = (500, "An error occurred on the server");
        assert_eq!((answer.status(), answer.text().as_str()), expected, "{path}");
    }
    let (_, err) = host.words();
    for told in [
        "a secret\n  in: request handler for GET /fails\n  at main.luau:",
        "must return a string, a buffer or a table, got 42\n  in: request handler for GET /wrong",
        "forbidden",
    ] {
        assert!(err.contains(told), "{told:?} is not in {err}");
    }
    Ok(())
}

fn a_response_in_pieces() -> Result<(), Failed> {
    let host = serve()?;
    let mut connection = Connection::open(host.address())?;
    connection.send("GET /pieces HTTP/1.1\r\nhost: test\r\n\r\n")?;
    let head = connection.response_head()?;
    assert_eq!(head.header("transfer-encoding"), Some("chunked"));
    for piece in ["piece 1\n", "piece 2\n", "piece 3\n", ""] {
        assert_eq!(String::from_utf8_lossy(&connection.chunk()?), piece);
    }
    let broken = get(host.address(), "/broken");
    assert!(broken.is_err(), "its reader must notice: {broken:?}");
    let (_, err) = host.words();
    assert!(err.contains("no second part"), "{err}");
    Ok(())
}

fn a_large_response() -> Result<(), Failed> {
    let host = serve()?;
    let large = get(host.address(), "/large")?;
    assert_eq!(large.body.len(), 1 << 20);
    Ok(())
}

fn too_large_a_request() -> Result<(), Failed> {
    let host = serve()?;
    let stated = send(
        &host,
        "POST /echo HTTP/1.1\r\nhost: test\r\ncontent-length: 100001\r\n\r\n",
    )?;
    assert_eq!(stated.status(), 413);
    let mut request = "POST /echo HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n".to_owned();
    for _ in 0..2 {
        request.push_str("c351\r\n");
        request.push_str(&"x".repeat(0xc351));
        request.push_str("\r\n");
    }
    let counted = send(&host, &(request + "0\r\n\r\n"))?;
    assert_eq!(
        (counted.status(), counted.text().as_str()),
        (413, "the content has more than 100000 bytes")
    );
    Ok(())
}

fn a_handler_that_does_not_answer() -> Result<(), Failed> {
    let host = serve()?;
    for path in ["/stuck", "/slow"] {
        let answer = get(host.address(), path)?;
        let expected = (504, "the handler did not answer in time");
        assert_eq!((answer.status(), answer.text().as_str()), expected, "{path}");
    }
    Ok(())
}

fn a_script_that_ends_itself() -> Result<(), Failed> {
    let host = serve()?;
    let answer = get(host.address(), "/exit");
    assert!(answer.is_err(), "the host's own business: {answer:?}");
    let (_, err) = host.words();
    assert_eq!(err, "error: the script ended itself with exit code 3\n");
    assert_eq!(get(host.address(), "/count")?.text(), "1");
    Ok(())
}

/// What the script says of a request that it sends.
fn fetched(host: &Host, url: &str, more: &str) -> Result<String, Failed> {
    Ok(get(host.address(), &format!("/fetch?url={}{more}", encoded(url)))?.text())
}

fn requests_of_scripts() -> Result<(), Failed> {
    let host = serve()?;
    let peer = Peer::echo()?;
    let url = format!("http://{}/x?y=z#f", peer.address());
    let got = fetched(&host, &url, "")?;
    for part in [
        "200 nil GET /x?y=z HTTP/1.1",
        "x-own: 1",
        "accept: */*",
        "user-agent: Atoll/",
    ] {
        assert!(got.contains(part), "{part:?} is not in {got}");
    }
    let posted = fetched(&host, &url, "&method=post&body=content")?;
    for part in ["POST /x?y=z", "content-length: 7", "\n\ncontent"] {
        assert!(posted.contains(part), "{part:?} is not in {posted}");
    }
    let page = format!("http://{}/large", host.address());
    let streamed = get(host.address(), &format!("/stream?url={}", encoded(&page)))?;
    assert_eq!(streamed.text(), (1 << 20).to_string());
    let limited = fetched(&host, &page, "&most=1000")?;
    assert_eq!(
        limited,
        "failed: BodyTooLarge: the content has more than 1000 bytes"
    );
    Ok(())
}

fn redirects_of_requests() -> Result<(), Failed> {
    let host = serve()?;
    let steps = "@ /from\n> HTTP/1.1 302 Found\n> location: to\n> content-length: 0\n>\n\
                 @ /to\n> HTTP/1.1 200 OK\n> x-answer: to\n> content-length: 4\n>\n>| done\n\
                 @ /round\n> HTTP/1.1 302 Found\n> location: /round\n> content-length: 0\n>\n";
    let peer = Peer::start(parse(steps)?)?;
    let at = |path: &str| format!("http://{}{path}", peer.address());
    assert_eq!(fetched(&host, &at("/from"), "")?, "200 to done");
    assert_eq!(fetched(&host, &at("/from"), "&stay=1")?, "302 nil ");
    assert_eq!(fetched(&host, &at("/round"), "")?, "failed: TooManyRedirects");
    Ok(())
}

fn failures_of_requests() -> Result<(), Failed> {
    let host = serve()?;
    let free = Peer::bind()?.local_addr()?;
    let silent = Peer::bind()?;
    let table = [
        (format!("http://{free}/"), "", "ConnectionRefused"),
        (
            format!("http://{}/", silent.local_addr()?),
            "&timeout=0.2",
            "Timeout: no whole response within 200ms",
        ),
        ("http://a name/".to_owned(), "", "InvalidUrl: ' ' in"),
        (
            "ftp://localhost/".to_owned(),
            "",
            "UnsupportedScheme: \"ftp\"; use http or https",
        ),
        (
            "http://me@localhost/".to_owned(),
            "",
            "InvalidUrl: a user name in the URL",
        ),
    ];
    for (url, more, expected) in table {
        let told = fetched(&host, &url, more)?;
        assert!(told.starts_with(&format!("failed: {expected}")), "{url}: {told}");
    }
    Ok(())
}

fn what_wasi_does_not_have() -> Result<(), Failed> {
    let host = serve()?;
    let refused = get(host.address(), "/refused")?.text();
    assert_eq!(
        refused.lines().collect::<Vec<_>>(),
        [
            "request: false NotSupported: net.request does not work while the component is built; call it in the request \
             handler",
            "websocket: false NotSupported: a component of the target wasi-http has no WebSockets",
            "false NotSupported: a component of the target wasi-http has no WebSockets",
            "false NotSupported: net.serve: a component's server starts while it is built, not in a request",
            "false NotSupported: net.request: the field 'tls'; whom to trust is the host's to say",
        ]
    );
    Ok(())
}

fn instances_do_not_share_their_dice() -> Result<(), Failed> {
    let host = serve()?;
    let first = get(host.address(), "/random")?.text();
    let second = get(host.address(), "/random")?.text();
    for (one, other) in first.split(' ').zip(second.split(' ')) {
        assert_ne!(one, other, "math.random, or crypto.random");
    }
    Ok(())
}

fn a_shared_instance_keeps_its_state() -> Result<(), Failed> {
    let host = Host::start(&built()?.component, Instances::Shared)?;
    for count in ["1", "2"] {
        assert_eq!(get(host.address(), "/count")?.text(), count);
    }
    // What went wrong with one request is over with the next.
    for path in ["/stuck", "/slow", "/broken", "/fails"] {
        drop(get(host.address(), path));
    }
    assert_eq!(get(host.address(), "/wait")?.text(), "true spawned");
    assert_eq!(get(host.address(), "/count")?.text(), "3");
    Ok(())
}

/// The program, where there is one.
fn find_wasmtime() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let places = std::env::split_paths(&path).map(|folder| folder.join("wasmtime"));
    places.into_iter().find(|file| file.is_file())
}

fn under_wasmtime_serve() -> Result<(), Failed> {
    let program = find_wasmtime().ok_or("there is no wasmtime on the PATH")?;
    let mut command = Command::new(program);
    command
        .args(["serve", "--addr", "127.0.0.1:0"])
        .arg(&built()?.path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let host = Running::start(command, Duration::from_secs(120))?;
    host.wait_stderr("/\n")?;
    let told = host.stderr.text();
    let address = told
        .split("http://")
        .nth(1)
        .and_then(|rest| rest.split('/').next())
        .ok_or("it does not say where")?
        .parse()?;
    assert_eq!(get(address, "/hello?name=wasmtime")?.text(), "hello, wasmtime");
    assert_eq!(get(address, "/wait")?.text(), "true spawned");
    assert_eq!(get(address, "/pieces")?.text(), "piece 1\npiece 2\npiece 3\n");
    assert_eq!(get(address, "/fails")?.status(), 500);
    Ok(())
}
