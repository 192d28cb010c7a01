//! nginx as the proxy in front of `scripts/server.luau`. Called by `peers`.

use libtest_mimic::{Failed, Trial};

use crate::harness::{matching, trials};
use crate::nginx::Nginx;
use crate::program::{self, finish, program, same, start};
use crate::script::{self, Transport};
use crate::websockets;

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = trials![
        requests_are_passed_on,
        a_stream_is_passed_on,
        load,
        a_websocket_client,
    ];
    for name in [
        "text",
        "mebibyte",
        "protocols",
        "pings",
        "close",
        "server_close",
        "crowd",
        "order",
    ] {
        for transport in Transport::BOTH {
            let test = format!("peers::proxy::websockets_{name}_{}", transport.scheme("ws"));
            trials.push(Trial::test(test, move || proxied_socket(name, transport)));
        }
    }
    trials
}

fn requests_are_passed_on() -> Result<(), Failed> {
    let nginx = Nginx::start("proxy_proxy")?;
    for (url, flag) in nginx.ways().iter().zip(["--http1.1", "--http1.1", "--http2"]) {
        let (about, cookies) = (
            format!("{url}/proxied/about?a=%20b"),
            format!("{url}/proxied/cookies"),
        );
        let out = finish(program::curl(
            &nginx.ca,
            [flag, "--header", "x-custom: x", &about],
        )?)?
        .out();
        let (scheme, host) = url.split_once("://").ok_or("no URL")?;
        let expected = format!(
            "GET /about?a=%20b\nhost: {host}\nx-forwarded-for: 127.0.0.1\nx-forwarded-proto: {scheme}\n\
             x-custom: x\ncookie: -\n"
        );
        same(url, &expected, &out)?;
        let out = finish(program::curl(&nginx.ca, [flag, "--include", &cookies])?)?.out();
        assert_eq!(
            out.to_lowercase().matches("\nset-cookie: ").count(),
            2,
            "{url}: {out}"
        );
        let download = finish(program::curl(
            &nginx.ca,
            [flag, &format!("{url}/proxied/mebibyte")],
        )?)?;
        if download.stdout != b"0123456789abcdef".repeat(65_536) {
            return Err(format!("{url}: {} bytes, or others", download.stdout.len()).into());
        }
    }
    nginx.server.end("")
}

fn a_stream_is_passed_on() -> Result<(), Failed> {
    let nginx = Nginx::start("proxy_stream")?;
    for (url, flag) in nginx.ways().iter().zip(["--http1.1", "--http1.1", "--http2"]) {
        let (stream, go) = (format!("{url}/proxied/stream"), format!("{url}/proxied/go"));
        let stream = start(program::curl(&nginx.ca, [flag, "--no-buffer", &stream])?)?;
        stream.wait_stdout("first\n")?;
        same(
            url,
            "gone\n",
            &finish(program::curl(&nginx.ca, [flag, &go])?)?.out(),
        )?;
        let finished = stream.finish()?;
        finished.expect_code(0)?;
        same(url, "first\nsecond\n", &finished.out())?;
    }
    nginx.server.end("")
}

fn load() -> Result<(), Failed> {
    let nginx = Nginx::start("proxy_load")?;
    let mut command = program("h2load")?;
    let url = format!("https://{}/proxied/hello", nginx.http2);
    command.args(["-n", "1000", "-c", "4", "-m", "16", &url]);
    let out = finish(command)?.out();
    if !out.contains("1000 succeeded, 0 failed, 0 errored, 0 timeout\nstatus codes: 1000 2xx,") {
        return Err(format!("{out}\n--- nginx ---\n{}", nginx.running.stderr.text()).into());
    }
    nginx.server.end("")
}

fn proxied_socket(name: &str, transport: Transport) -> Result<(), Failed> {
    let check = websockets::SERVER
        .iter()
        .find(|check| check.name == name)
        .ok_or_else(|| format!("websockets.rs has no check {name}"))?;
    let nginx = Nginx::start(&format!("proxy_{name}_{}", transport.scheme("ws")))?;
    let mut command = websockets::client()?;
    command.arg(name);
    match transport {
        Transport::Plain => command.arg(format!("ws://{}/proxied", nginx.plain)),
        Transport::Tls => command.arg(format!("wss://{}/proxied", nginx.tls)).arg(&nginx.ca),
    };
    matching::compare("the client's output", check.client, &finish(command)?.out())?;
    nginx.server.end(check.server)
}

fn a_websocket_client() -> Result<(), Failed> {
    let nginx = Nginx::start("proxy_websocket_client")?;
    let url = format!("wss://{}/proxied", nginx.tls);
    let ca = std::fs::read_to_string(&nginx.ca)?;
    let out = script::client("text", &url, Some(&ca))?;
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.last(), Some(&"closed\t1000\t"), "{out}");
    assert_eq!(
        lines.iter().filter(|line| line.ends_with("\ttrue")).count(),
        4,
        "{out}"
    );
    nginx.server.end("closed\t1000\t")
}
