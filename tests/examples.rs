//! The examples, run as the README tells to.

mod chat;
mod clock;
mod embed;
mod webhook;
mod websocket;

use libtest_mimic::{Failed, Trial};

use crate::harness::child::Atoll;
use crate::harness::http::{Connection, get};
use crate::harness::peer::Peer;
use crate::harness::{notation, root, trials};

/// The tests of this file and of those below it.
pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = trials![
        hello,
        hello_is_tested,
        fetch,
        fetch_fails,
        proxy,
        proxy_passes_on_what_has_come,
        proxy_of_an_answer_cut_short,
        proxy_without_its_origin,
        each_says_how_to_run_it,
    ];
    trials.extend(chat::trials());
    trials.extend(clock::trials());
    trials.extend(embed::trials());
    trials.extend(webhook::trials());
    trials.extend(websocket::trials());
    trials
}

/// `atoll run examples/NAME WORDS…`.
fn example(name: &str, words: &[&str]) -> Atoll {
    let script = format!("examples/{name}");
    Atoll::new(&root(), ["run", &script].iter().chain(words))
}

fn hello() -> Result<(), Failed> {
    let child = example("hello.luau", &["--allow-listen", "--", "0"]).start()?;
    let response = get(child.address()?, "/")?;
    assert_eq!(
        (response.status(), response.text().trim_end()),
        (200, "Hello from Atoll")
    );
    child.signal("INT")?;
    child.finish()?.expect_code(130)?;
    Ok(())
}

fn hello_is_tested() -> Result<(), Failed> {
    let flags = ["--allow-listen", "--allow-net=localhost", "--", "0"];
    let words = ["test", "examples/hello.test.luau"];
    let finished = Atoll::new(&root(), words.iter().chain(&flags)).finish()?;
    finished.expect_code(0)?;
    assert!(finished.out().contains("\n2 passed in "), "{}", finished.out());
    Ok(())
}

fn fetch() -> Result<(), Failed> {
    let steps = notation::parse("@ /page\n> HTTP/1.1 200 OK\n> content-length: 4\n>\n>| page\n")?;
    let peer = Peer::start(steps)?;
    let (rule, url) = (
        format!("--allow-net={}", peer.address()),
        format!("http://{}/page", peer.address()),
    );
    let finished = example("fetch.luau", &[&rule, "--", &url]).finish()?;
    finished.expect_code(0)?;
    let out = finished.out();
    if out.contains("200") && out.contains("page") {
        Ok(())
    } else {
        Err(out.into())
    }
}

fn fetch_fails() -> Result<(), Failed> {
    let peer = Peer::echo()?;
    let url = format!("http://{}/", peer.address());
    let finished = example("fetch.luau", &["--", &url]).finish()?;
    finished.expect_code(1)?;
    let err = finished.err();
    if err.contains("PermissionDenied") {
        Ok(())
    } else {
        Err(err.into())
    }
}

fn proxy() -> Result<(), Failed> {
    let origin = Peer::echo()?;
    let (rule, url) = (
        format!("--allow-net={}", origin.address()),
        format!("http://{}", origin.address()),
    );
    let child = example("proxy.luau", &["--allow-listen", &rule, "--", &url, "0"]).start()?;
    let mut connection = Connection::open(child.address()?)?;
    connection
        .send("PUT /a%20b?q=1 HTTP/1.1\r\nhost: front\r\nx-custom: kept\r\ncontent-length: 4\r\n\r\nb\0dy")?;
    let response = connection.response()?;
    let text = response.text();
    assert_eq!(response.status(), 200);
    if !text.starts_with("PUT /a%20b?q=1 HTTP/1.1\n")
        || !text.contains("\nx-custom: kept\n")
        || !text.ends_with("\n\nb\0dy")
        || !text.contains(&format!("\nhost: {}\n", origin.address()))
    {
        return Err(text.into());
    }
    Ok(())
}

/// Only a part of the answer is there yet, and the client gets it.
fn proxy_passes_on_what_has_come() -> Result<(), Failed> {
    let origin = Peer::start(notation::parse(
        "@ /\n> HTTP/1.1 200 OK\n> content-type: text/event-stream\n> content-length: 100\n>\n>| first\n= hang\n",
    )?)?;
    let (rule, url) = (
        format!("--allow-net={}", origin.address()),
        format!("http://{}", origin.address()),
    );
    let child = example("proxy.luau", &["--allow-listen", &rule, "--", &url, "0"]).start()?;
    let mut connection = Connection::open(child.address()?)?;
    connection.send("GET / HTTP/1.1\r\nhost: front\r\n\r\n")?;
    let head = connection.response_head()?;
    assert_eq!(
        (head.status(), head.header("content-type")),
        (200, Some("text/event-stream"))
    );
    assert_eq!(connection.chunk()?, b"first");
    Ok(())
}

fn proxy_of_an_answer_cut_short() -> Result<(), Failed> {
    let origin = Peer::start(notation::parse(
        "@ /\n> HTTP/1.1 200 OK\n> content-length: 100\n>\n>| first\n= close\n",
    )?)?;
    let (rule, url) = (
        format!("--allow-net={}", origin.address()),
        format!("http://{}", origin.address()),
    );
    let child = example("proxy.luau", &["--allow-listen", &rule, "--", &url, "0"]).start()?;
    match get(child.address()?, "/") {
        Ok(response) => Err(format!("a part passed for the whole: {response:?}").into()),
        Err(_) => child.wait_stderr("ConnectionClosed"),
    }
}

fn proxy_without_its_origin() -> Result<(), Failed> {
    let origin = Peer::echo()?;
    let url = format!("http://{}", origin.address());
    let child = example("proxy.luau", &["--allow-listen", "--", &url, "0"]).start()?;
    assert_eq!(get(child.address()?, "/")?.status(), 502);
    Ok(())
}

/// Each example opens with the command that runs it; one that is not listed here has no test.
fn each_says_how_to_run_it() -> Result<(), Failed> {
    let known = [
        "chat/main.luau",
        "fetch.luau",
        "hello.luau",
        "hello.test.luau",
        "proxy.luau",
        "sse_clock.luau",
        "webhook.luau",
        "websocket_echo.luau",
        "websocket_load.luau",
    ];
    for name in known {
        let text = std::fs::read_to_string(root().join("examples").join(name))?;
        let opening: Vec<&str> = text.lines().take_while(|line| line.starts_with("--")).collect();
        let word = if name.ends_with(".test.luau") {
            "test"
        } else {
            "run"
        };
        let command = format!("--     atoll {word} examples/{name} --allow-");
        if !opening.iter().any(|line| line.starts_with(&command)) {
            return Err(format!("{name} does not open with its command line").into());
        }
    }
    let mut found: Vec<String> = std::fs::read_dir(root().join("examples"))?
        .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_, _>>()?;
    // Rust programs, which `embed` runs, and files for servers and other hosts, which `package` and `wasi` read.
    found.retain(|name| !["deploy", "embed"].contains(&name.as_str()));
    found.sort();
    let mut known: Vec<&str> = known
        .iter()
        .map(|name| name.split('/').next().unwrap_or(name))
        .collect();
    known.sort_unstable();
    assert_eq!(found, known, "a new example needs a test");
    Ok(())
}
