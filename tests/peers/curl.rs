//! curl against `scripts/server.luau`: HTTP/1.0, HTTP/1.1 and HTTP/2, plain and over TLS. Called by `peers`.

use std::process::Command;

use libtest_mimic::{Failed, Trial};

use crate::harness::trials;
use crate::program::{self, finish, folder, program, same, start};
use crate::script::{Server, Transport};

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    trials![
        versions,
        versions_of_tls,
        an_unknown_authority_is_refused,
        a_mebibyte_both_ways,
        a_byte_too_much,
        a_chunked_upload,
        several_requests_on_one_connection,
        head,
        methods_and_targets,
        several_cookies,
        compression_is_no_duty,
        a_stream_arrives_in_pieces,
        a_long_stream_is_whole,
        a_stream_that_breaks_off,
        a_refused_websocket,
    ]
}

/// The ways to ask: over what, curl's flag, and the version that curl must see.
const WAYS: [(Transport, &str, &str); 3] = [
    (Transport::Plain, "--http1.1", "1.1"),
    (Transport::Tls, "--http1.1", "1.1"),
    (Transport::Tls, "--http2", "2"),
];

const MEBIBYTE: usize = 1 << 20;

fn curl<'a>(server: &Server, words: impl IntoIterator<Item = &'a str>) -> Result<Command, Failed> {
    program::curl(server.ca(), words)
}

/// What curl prints.
fn ask<'a>(server: &Server, words: impl IntoIterator<Item = &'a str>) -> Result<String, Failed> {
    Ok(finish(curl(server, words)?)?.out())
}

/// A file of so many bytes, each value among them.
fn file(test: &str, length: usize) -> Result<(String, Vec<u8>), Failed> {
    let path = folder(test)?.join(format!("{length}.bin"));
    // A prime, so that no piece of a round size looks like the next.
    let content: Vec<u8> = (0..length)
        .map(|at| u8::try_from(at % 251).unwrap_or(0))
        .collect();
    std::fs::write(&path, &content)?;
    Ok((path.display().to_string(), content))
}

fn versions() -> Result<(), Failed> {
    for (transport, flag, version) in WAYS.into_iter().chain([
        (Transport::Plain, "--http1.0", "1"),
        // A server without TLS has no HTTP/2; curl asks for it by an upgrade that is declined.
        (Transport::Plain, "--http2", "1.1"),
    ]) {
        let server = Server::start("curl_versions", transport)?;
        let format = " %{http_version} %{response_code} %{content_type}\n";
        let out = ask(&server, [flag, "--write-out", format, &server.url("/hello")])?;
        let expected = format!("Hello from Atoll\n {version} 200 text/plain; charset=utf-8\n");
        same(&format!("{transport:?} {flag}"), &expected, &out)?;
    }
    Ok(())
}

fn versions_of_tls() -> Result<(), Failed> {
    let server = Server::start("curl_versions_of_tls", Transport::Tls)?;
    let url = format!("https://localhost:{}/hello", server.address.port());
    for flags in [
        ["--tlsv1.2", "--tls-max", "1.2"],
        ["--tlsv1.3", "--tls-max", "1.3"],
    ] {
        let out = ask(&server, flags.into_iter().chain(["--ipv4", &url]))?;
        same(&flags.join(" "), "Hello from Atoll\n", &out)?;
    }
    // Without ALPN there is HTTP/1.1, and so HTTP/1.0.
    let out = ask(&server, ["--no-alpn", "--http1.0", "--ipv4", &url])?;
    same("without ALPN", "Hello from Atoll\n", &out)?;
    // 35 is curl's code for a failed handshake: too old a TLS, and the protocol `http/1.0` alone (RFC 7301, 3.2).
    for flags in [["--tls-max", "1.1"], ["--alpn", "--http1.0"]] {
        let refused = curl(&server, flags.into_iter().chain(["--ipv4", &url]))?;
        start(refused)?.finish()?.expect_code(35)?;
    }
    Ok(())
}

fn an_unknown_authority_is_refused() -> Result<(), Failed> {
    let server = Server::start("curl_unknown_authority", Transport::Tls)?;
    let mut command = program("curl")?;
    command.args(["--disable", "--silent", &server.url("/hello")]);
    // 60 is curl's code for a certificate that it does not trust.
    start(command)?.finish()?.expect_code(60)?;
    same(
        "afterwards",
        "Hello from Atoll\n",
        &ask(&server, [server.url("/hello").as_str()])?,
    )
}

fn a_mebibyte_both_ways() -> Result<(), Failed> {
    let (path, content) = file("curl_mebibyte", MEBIBYTE)?;
    let data = format!("@{path}");
    for (transport, flag, _) in WAYS {
        let server = Server::start("curl_mebibyte", transport)?;
        let echo = curl(
            &server,
            [flag, "--fail", "--data-binary", &data, &server.url("/echo")],
        )?;
        if finish(echo)?.stdout != content {
            return Err(format!("{transport:?} {flag}: the echo differs").into());
        }
        let download = finish(curl(&server, [flag, "--fail", &server.url("/mebibyte")])?)?;
        if download.stdout != b"0123456789abcdef".repeat(MEBIBYTE / 16) {
            return Err(format!("{transport:?} {flag}: the download differs").into());
        }
    }
    Ok(())
}

fn a_byte_too_much() -> Result<(), Failed> {
    let (path, _) = file("curl_too_much", MEBIBYTE + 1)?;
    let data = format!("@{path}");
    for (transport, flag, version) in WAYS {
        let server = Server::start("curl_too_much", transport)?;
        let url = server.url("/echo");
        let format = "\n%{http_version} %{response_code}\n";
        let out = ask(
            &server,
            [flag, "--write-out", format, "--data-binary", &data, &url],
        )?;
        let status = out.lines().last().unwrap_or_default();
        same(
            &format!("{transport:?} {flag}"),
            &format!("{version} 413"),
            status,
        )?;
    }
    Ok(())
}

fn a_chunked_upload() -> Result<(), Failed> {
    let (path, content) = file("curl_chunked", 300_000)?;
    for (transport, flag, _) in WAYS {
        let server = Server::start("curl_chunked", transport)?;
        // From standard input, so that curl knows no length; HTTP/2 needs none.
        let mut command = program("sh")?;
        let words = [
            flag,
            "--fail",
            "--request",
            "POST",
            "--upload-file",
            "-",
            &server.url("/echo"),
        ];
        let upload = curl(&server, words)?;
        command
            .args(["-c", "file=$1; shift; exec \"$@\" <\"$file\"", "sh", &path])
            .arg(upload.get_program())
            .args(upload.get_args());
        if finish(command)?.stdout != content {
            return Err(format!("{transport:?} {flag}: the echo differs").into());
        }
    }
    Ok(())
}

fn several_requests_on_one_connection() -> Result<(), Failed> {
    for (transport, flag, version) in WAYS {
        let server = Server::start("curl_one_connection", transport)?;
        let (hello, none, teapot) = (server.url("/hello"), server.url("/none"), server.url("/teapot"));
        let format = "|%{http_version} %{response_code} %{num_connects}\n";
        let out = ask(&server, [flag, "--write-out", format, &hello, &none, &teapot])?;
        let expected = format!(
            "Hello from Atoll\n|{version} 200 1\nnot here\n|{version} 404 0\nshort and stout|{version} 418 0\n"
        );
        same(&format!("{transport:?} {flag}"), &expected, &out)?;
    }
    Ok(())
}

fn head() -> Result<(), Failed> {
    for (transport, flag, version) in WAYS {
        let server = Server::start("curl_head", transport)?;
        let (hello, mebibyte) = (server.url("/hello"), server.url("/mebibyte"));
        let format = "%{http_version} %{response_code} %{size_download} %{num_connects} %{content_type}\n";
        let words = [flag, "--head", "--output", "-", "--write-out", format, &hello];
        let out = ask(&server, words.into_iter().chain(["--output", "-", &mebibyte]))?;
        for wanted in [
            "content-length: 17\r\n".to_owned(),
            "content-length: 1048576\r\n".to_owned(),
            format!("{version} 200 0 1 text/plain; charset=utf-8\n"),
            format!("{version} 200 0 0 text/plain; charset=utf-8\n"),
        ] {
            if !out.contains(&wanted) {
                return Err(format!("{transport:?} {flag}: no {wanted:?} in\n{out}").into());
            }
        }
    }
    Ok(())
}

fn methods_and_targets() -> Result<(), Failed> {
    for (transport, flag, _) in WAYS {
        let server = Server::start("curl_methods", transport)?;
        let url = server.url("/about?x=%20y&z");
        for method in ["GET", "DELETE", "PATCH", "OPTIONS", "ODD"] {
            let words = [
                flag,
                "--request",
                method,
                "--header",
                "X-Custom: a b",
                "--cookie",
                "c=1; d=2",
                &url,
            ];
            let expected = format!(
                "{method} /about?x=%20y&z\nhost: {}\nx-forwarded-for: -\nx-forwarded-proto: -\nx-custom: a b\ncookie: c=1; d=2\n",
                server.address
            );
            same(&format!("{transport:?} {flag}"), &expected, &ask(&server, words)?)?;
        }
    }
    Ok(())
}

fn several_cookies() -> Result<(), Failed> {
    for (transport, flag, _) in WAYS {
        let server = Server::start("curl_cookies", transport)?;
        let url = server.url("/cookies");
        let out = ask(&server, [flag, "--include", &url])?;
        let cookies: Vec<&str> = out
            .lines()
            .filter(|line| line.starts_with("set-cookie"))
            .collect();
        assert_eq!(
            cookies,
            ["set-cookie: a=1; Path=/", "set-cookie: b=2; Secure"],
            "{transport:?} {flag}"
        );
    }
    Ok(())
}

fn compression_is_no_duty() -> Result<(), Failed> {
    for (transport, flag, _) in WAYS {
        let server = Server::start("curl_compression", transport)?;
        let url = server.url("/hello");
        let out = ask(&server, [flag, "--compressed", "--include", &url])?;
        if !out.ends_with("\r\n\r\nHello from Atoll\n") || out.contains("content-encoding") {
            return Err(format!("{transport:?} {flag}: {out}").into());
        }
    }
    Ok(())
}

fn a_stream_arrives_in_pieces() -> Result<(), Failed> {
    let old = [(Transport::Plain, "--http1.0", "1")];
    for (transport, flag, _) in WAYS.into_iter().chain(old) {
        let server = Server::start("curl_pieces", transport)?;
        let stream = start(curl(&server, [flag, "--no-buffer", &server.url("/stream")])?)?;
        stream.wait_stdout("first\n")?;
        same("the first piece", "first\n", &stream.stdout.text())?;
        same(
            "the way on",
            "gone\n",
            &ask(&server, [flag, server.url("/go").as_str()])?,
        )?;
        let finished = stream.finish()?;
        finished.expect_code(0)?;
        same(
            &format!("{transport:?} {flag}"),
            "first\nsecond\n",
            &finished.out(),
        )?;
    }
    Ok(())
}

fn a_long_stream_is_whole() -> Result<(), Failed> {
    for (transport, flag, _) in WAYS {
        let server = Server::start("curl_long_stream", transport)?;
        let finished = finish(curl(&server, [flag, &server.url("/long-stream")])?)?;
        if finished.stdout != b"0123456789abcdef".repeat(8 * MEBIBYTE / 16) {
            return Err(format!("{transport:?} {flag}: {} bytes, or others", finished.stdout.len()).into());
        }
    }
    Ok(())
}

fn a_stream_that_breaks_off() -> Result<(), Failed> {
    for (transport, flag, version) in WAYS {
        let server = Server::start("curl_broken_stream", transport)?;
        let broken = start(curl(&server, [flag, &server.url("/broken-stream")])?)?.finish()?;
        // curl's codes for content that ends too early and for a stream that was reset.
        broken.expect_code(if version == "2" { 92 } else { 18 })?;
        server.running.wait_stderr("broken off on purpose")?;
        let after = ask(&server, [flag, server.url("/hello").as_str()])?;
        same("afterwards", "Hello from Atoll\n", &after)?;
    }
    Ok(())
}

fn a_refused_websocket() -> Result<(), Failed> {
    for transport in Transport::BOTH {
        let server = Server::start("curl_refused_websocket", transport)?;
        for (path, key, expected) in [
            ("/refused", "dGhlIHNhbXBsZSBub25jZQ==", "403"),
            ("/truthy", "dGhlIHNhbXBsZSBub25jZQ==", "403"),
            // Not sixteen bytes: no handshake of RFC 6455.
            ("/", "short", "400"),
        ] {
            let key = format!("sec-websocket-key: {key}");
            let mut words = vec![
                "--http1.1",
                "--write-out",
                "%{response_code}",
                "--output",
                "/dev/null",
            ];
            for field in [
                "connection: Upgrade",
                "upgrade: websocket",
                "sec-websocket-version: 13",
                &key,
            ] {
                words.extend(["--header", field]);
            }
            let url = server.url(path);
            words.push(&url);
            same(&format!("{transport:?} {path}"), expected, &ask(&server, words)?)?;
        }
    }
    Ok(())
}
