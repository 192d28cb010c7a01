//! nghttp and h2load, the tools of nghttp2, against `scripts/server.luau`: HTTP/2 by its reference.
//! Called by `peers`.

use std::process::Command;

use libtest_mimic::{Failed, Trial};

use crate::harness::trials;
use crate::program::{finish, folder, program, same};
use crate::script::{Server, Transport};

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    trials![
        requests_side_by_side,
        content_both_ways,
        small_windows,
        a_head_in_continuation_frames,
        load_over_http2,
        load_with_content,
        load_over_http1,
    ]
}

fn nghttp(words: &[&str]) -> Result<Command, Failed> {
    let mut command = program("nghttp")?;
    command.args(words);
    Ok(command)
}

fn requests_side_by_side() -> Result<(), Failed> {
    let server = Server::start("nghttp_side_by_side", Transport::Tls)?;
    let words = [
        "-nv",
        &server.url("/hello"),
        &server.url("/teapot"),
        &server.url("/about"),
    ];
    let out = finish(nghttp(&words)?)?.out();
    let count = |text: &str| out.matches(text).count();
    let seen = [
        count("The negotiated protocol: h2"),
        count(":status: 200"),
        count(":status: 418"),
        count("RST_STREAM"),
        count("recv GOAWAY"),
    ];
    assert_eq!(seen, [1, 2, 1, 0, 0], "{out}");
    Ok(())
}

fn content_both_ways() -> Result<(), Failed> {
    let server = Server::start("nghttp_content", Transport::Tls)?;
    let path = folder("nghttp_content")?.join("content");
    let content = b"0123456789abcdef".repeat(4096);
    std::fs::write(&path, &content)?;
    let data = path.display().to_string();
    for trailer in [&[][..], &["--trailer", "x-checksum: none"]] {
        let mut words = vec!["-d", &data];
        words.extend(trailer);
        let url = server.url("/echo");
        words.push(&url);
        if finish(nghttp(&words)?)?.stdout != content {
            return Err(format!("the echo differs with {trailer:?}").into());
        }
    }
    Ok(())
}

fn small_windows() -> Result<(), Failed> {
    let server = Server::start("nghttp_small_windows", Transport::Tls)?;
    // A stream's window of a KiB: a thousand times the server has to wait for its client.
    let download = finish(nghttp(&["-w", "10", "-W", "16", &server.url("/mebibyte")])?)?;
    if download.stdout != b"0123456789abcdef".repeat(65_536) {
        return Err(format!("{} bytes, or others", download.stdout.len()).into());
    }
    Ok(())
}

fn a_head_in_continuation_frames() -> Result<(), Failed> {
    // 24 KiB of fields, past the 16 KiB that a head may have.
    let server = Server::start("nghttp_continuation", Transport::Tls)?;
    let out = finish(nghttp(&["-nv", "--continuation", &server.url("/hello")])?)?.out();
    let statuses: Vec<&str> = out
        .lines()
        .filter_map(|line| line.split_once(" :status: "))
        .map(|(_, status)| status)
        .collect();
    assert_eq!(statuses, ["431"], "{out}");
    Ok(())
}

/// Runs h2load and compares the lines of its report that begin so.
fn load(words: &[&str], expected: &[&str]) -> Result<(), Failed> {
    let mut command = program("h2load")?;
    command.args(words);
    let out = finish(command)?.out();
    for line in expected {
        if !out.lines().any(|found| found.starts_with(line)) {
            return Err(format!("no line {line:?} in\n{out}").into());
        }
    }
    Ok(())
}

fn load_over_http2() -> Result<(), Failed> {
    let server = Server::start("h2load_http2", Transport::Tls)?;
    let all = "requests: 2000 total, 2000 started, 2000 done, 2000 succeeded, 0 failed, 0 errored, 0 timeout";
    let codes = "status codes: 2000 2xx, 0 3xx, 0 4xx, 0 5xx";
    let words = ["-n", "2000", "-c", "4", "-m", "32", &server.url("/hello")];
    load(&words, &["Application protocol: h2", all, codes])
}

fn load_with_content() -> Result<(), Failed> {
    let server = Server::start("h2load_content", Transport::Tls)?;
    let path = folder("h2load_content")?.join("content");
    std::fs::write(&path, b"0123456789abcdef".repeat(4096))?;
    let data = path.display().to_string();
    let all = "requests: 200 total, 200 started, 200 done, 200 succeeded, 0 failed, 0 errored, 0 timeout";
    let words = [
        "-n",
        "200",
        "-c",
        "4",
        "-m",
        "8",
        "-d",
        &data,
        &server.url("/echo"),
    ];
    let mut command = program("h2load")?;
    command.args(words);
    let out = finish(command)?.out();
    if !out.contains(all) {
        return Err(out.into());
    }
    // 200 times 64 KiB came back: the number in brackets before the last word of this line.
    let traffic = out
        .lines()
        .find(|line| line.starts_with("traffic: "))
        .unwrap_or_default();
    let data = traffic.rsplit('(').next().unwrap_or_default();
    same("the content that came back", "13107200) data", data)
}

fn load_over_http1() -> Result<(), Failed> {
    let all = "requests: 1000 total, 1000 started, 1000 done, 1000 succeeded, 0 failed, 0 errored, 0 timeout";
    for transport in Transport::BOTH {
        let server = Server::start("h2load_http1", transport)?;
        let words = ["--h1", "-n", "1000", "-c", "4", "-m", "4", &server.url("/hello")];
        load(&words, &["Application protocol: http/1.1", all])?;
    }
    Ok(())
}
