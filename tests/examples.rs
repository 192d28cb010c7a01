//! The examples, run as the README tells to.

use libtest_mimic::{Failed, Trial};

use crate::harness::child::Atoll;
use crate::harness::http::{Connection, get};
use crate::harness::peer::Peer;
use crate::harness::{notation, root, trials};

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    trials![
        hello,
        fetch,
        fetch_fails,
        proxy,
        proxy_without_its_origin,
        every_example_is_tested
    ]
}

fn example(name: &str, words: &[&str]) -> Atoll {
    let script = format!("examples/{name}.luau");
    Atoll::new(&root(), ["run", &script].iter().chain(words))
}

fn hello() -> Result<(), Failed> {
    let child = example("hello", &["--allow-listen", "--", "0"]).start()?;
    let response = get(child.address()?, "/")?;
    assert_eq!(
        (response.status(), response.text().trim_end()),
        (200, "Hello from Atoll")
    );
    child.signal("INT")?;
    child.finish()?.expect_code(130)?;
    Ok(())
}

fn fetch() -> Result<(), Failed> {
    let steps = notation::parse("@ /page\n> HTTP/1.1 200 OK\n> content-length: 4\n>\n>| page\n")?;
    let peer = Peer::start(steps)?;
    let (rule, url) = (
        format!("--allow-net={}", peer.address()),
        format!("http://{}/page", peer.address()),
    );
    let finished = example("fetch", &[&rule, "--", &url]).finish()?;
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
    let finished = example("fetch", &["--", &url]).finish()?;
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
    let child = example("proxy", &["--allow-listen", &rule, "--", &url, "0"]).start()?;
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

fn proxy_without_its_origin() -> Result<(), Failed> {
    let origin = Peer::echo()?;
    let url = format!("http://{}", origin.address());
    let child = example("proxy", &["--allow-listen", "--", &url, "0"]).start()?;
    assert_eq!(get(child.address()?, "/")?.status(), 502);
    Ok(())
}

fn every_example_is_tested() -> Result<(), Failed> {
    let mut names: Vec<String> = std::fs::read_dir(root().join("examples"))?
        .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_, _>>()?;
    names.sort();
    assert_eq!(
        names,
        ["fetch.luau", "hello.luau", "proxy.luau"],
        "a new example needs a test in this file"
    );
    Ok(())
}
