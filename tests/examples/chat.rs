//! `examples/chat/main.luau`: what it serves and what it says to whom. `tests/peers/chromium.rs` has the page in
//! a browser.

use std::net::SocketAddr;

use libtest_mimic::{Failed, Trial};

use super::example;
use crate::harness::child::Running;
use crate::harness::http::get;
use crate::harness::trials;
use crate::harness::websocket::Client;

/// The tests of this file.
pub(super) fn trials() -> Vec<Trial> {
    trials![
        it_serves_its_page,
        two_people_talk,
        a_newcomer_sees_the_last_fifty_lines,
        names_are_checked,
        messages_are_checked,
        other_pages_may_not_connect,
        who_does_not_read_is_dropped,
        it_says_goodbye,
    ]
}

fn start() -> Result<(Running, SocketAddr), Failed> {
    let child = example("chat/main.luau", &["--allow-listen=localhost", "--", "0"]).start()?;
    let address = child.address()?;
    Ok((child, address))
}

fn enter(address: SocketAddr, name: &str) -> Result<Client, Failed> {
    let mut client = Client::connect(address, "/room", &[], &[])?;
    client.send(name)?;
    Ok(client)
}

/// The next line with its time taken out and its fields on one line.
fn line(client: &mut Client) -> Result<String, Failed> {
    let text = client.text()?;
    let mut fields: Vec<&str> = text.split('\n').collect();
    if ["said", "joined", "left"].contains(&fields[0]) {
        let time = fields.remove(1);
        time.parse::<u64>()
            .map_err(|_| format!("{text:?}: no time {time:?}"))?;
    }
    Ok(fields.join("|"))
}

/// The lines that must come next, in this order.
fn expect(client: &mut Client, lines: &[&str]) -> Result<(), Failed> {
    for wanted in lines {
        let got = line(client)?;
        if got != *wanted {
            return Err(format!("expected {wanted:?}, got {got:?}").into());
        }
    }
    Ok(())
}

fn it_serves_its_page() -> Result<(), Failed> {
    let (_child, address) = start()?;
    for (path, kind, part) in [
        ("/", "text/html", "<title>Atoll chat</title>"),
        ("/style.css", "text/css", "prefers-color-scheme: dark"),
        ("/script.js", "text/javascript", "textContent"),
        ("/icon.svg", "image/svg+xml", "<svg"),
    ] {
        let response = get(address, path)?;
        let policy = response
            .header("content-security-policy")
            .unwrap_or_default()
            .to_owned();
        if response.status() != 200
            || !response
                .header("content-type")
                .is_some_and(|value| value.starts_with(kind))
            || !policy.starts_with("default-src 'self';")
            || !response.text().contains(part)
        {
            return Err(format!("{path}: {response:?}").into());
        }
    }
    assert_eq!(get(address, "/room")?.status(), 404);
    Ok(())
}

fn two_people_talk() -> Result<(), Failed> {
    let (_child, address) = start()?;
    let mut ann = enter(address, "Ann")?;
    expect(&mut ann, &["welcome|Ann", "joined|Ann", "here|Ann"])?;
    let mut ben = enter(address, "Ben")?;
    expect(&mut ben, &["welcome|Ben", "joined|Ben", "here|Ann|Ben"])?;
    expect(&mut ann, &["joined|Ben", "here|Ann|Ben"])?;

    ann.send("  <script>alert(1)</script>\nand a second line ")?;
    for client in [&mut ann, &mut ben] {
        expect(client, &["said|Ann|<script>alert(1)</script>|and a second line"])?;
    }
    ben.send(" \n ")?;
    ben.send("Grüße")?;
    for client in [&mut ann, &mut ben] {
        expect(client, &["said|Ben|Grüße"])?;
    }

    ben.reset()?;
    expect(&mut ann, &["left|Ben", "here|Ann"])?;
    assert_eq!(ann.close(1000, "")?.0, 1000);
    Ok(())
}

fn a_newcomer_sees_the_last_fifty_lines() -> Result<(), Failed> {
    let (_child, address) = start()?;
    let mut ann = enter(address, "Ann")?;
    expect(&mut ann, &["welcome|Ann", "joined|Ann", "here|Ann"])?;
    for number in 1..=55 {
        ann.send(format!("line {number}"))?;
        expect(&mut ann, &[&format!("said|Ann|line {number}")])?;
    }
    let mut ben = enter(address, "Ben")?;
    expect(&mut ben, &["welcome|Ben"])?;
    for number in 6..=55 {
        expect(&mut ben, &[&format!("said|Ann|line {number}")])?;
    }
    expect(&mut ben, &["joined|Ben", "here|Ann|Ben"])
}

fn names_are_checked() -> Result<(), Failed> {
    let (_child, address) = start()?;
    let mut ann = enter(address, " Ann\nSmith\t")?;
    expect(&mut ann, &["welcome|Ann Smith"])?;
    let mut again = enter(address, "ann smith")?;
    expect(&mut again, &["welcome|ann smith (2)"])?;
    let longest = "é".repeat(24);
    let mut long = enter(address, &longest)?;
    expect(&mut long, &[&format!("welcome|{longest}")])?;
    for wrong in ["", " \n", &"é".repeat(25)] {
        let mut client = enter(address, wrong)?;
        assert_eq!(
            client.closed()?,
            (4000, "a name has 1 to 24 characters".to_owned()),
            "{wrong:?}"
        );
    }
    Ok(())
}

fn messages_are_checked() -> Result<(), Failed> {
    let (_child, address) = start()?;
    let mut client = enter(address, "Ann")?;
    expect(&mut client, &["welcome|Ann", "joined|Ann", "here|Ann"])?;
    client.send("é".repeat(1001))?;
    expect(&mut client, &["sorry|a message has at most 1000 characters"])?;
    let longest = "🌊".repeat(1000);
    client.send(longest.as_str())?;
    expect(&mut client, &[&format!("said|Ann|{longest}")])?;
    client.send("x".repeat(4001))?;
    assert_eq!(client.closed()?.0, 1009);

    let mut other = Client::connect(address, "/room", &[], &[])?;
    other.send(&b"bytes"[..])?;
    assert_eq!(other.closed()?, (4001, "text only".to_owned()));
    Ok(())
}

fn other_pages_may_not_connect() -> Result<(), Failed> {
    let (_child, address) = start()?;
    let port = address.port();
    for origin in [
        "http://evil.example",
        "null",
        "http://127.0.0.1",
        &format!("http://localhost:{port}"),
        &format!("http://127.0.0.1:{port}.evil.example"),
    ] {
        let response = Client::refused(address, "/room", &[("origin", origin)])?;
        assert_eq!(response.status(), 403, "{origin}");
    }
    assert_eq!(Client::refused(address, "/other", &[])?.status(), 403);
    for scheme in ["http", "https"] {
        Client::connect(
            address,
            "/room",
            &[],
            &[("origin", &format!("{scheme}://{address}"))],
        )?;
    }
    Ok(())
}

/// And holds nobody else up meanwhile.
fn who_does_not_read_is_dropped() -> Result<(), Failed> {
    let (_child, address) = start()?;
    let mut ann = enter(address, "Ann")?;
    expect(&mut ann, &["welcome|Ann", "joined|Ann", "here|Ann"])?;
    let _ben = enter(address, "Ben")?;
    expect(&mut ann, &["joined|Ben", "here|Ann|Ben"])?;
    // More than the sockets' buffers take.
    let long = "🌊".repeat(1000);
    let said = format!("said|Ann|{long}");
    for _ in 0..5_000 {
        ann.send(long.as_str())?;
        let got = line(&mut ann)?;
        if got == "left|Ben" {
            return expect(&mut ann, &["here|Ann"]);
        }
        if got != said {
            return Err(format!("expected what was said, or that Ben left; got {got:?}").into());
        }
    }
    expect(&mut ann, &["left|Ben", "here|Ann"])
}

fn it_says_goodbye() -> Result<(), Failed> {
    let (child, address) = start()?;
    let mut ann = enter(address, "Ann")?;
    expect(&mut ann, &["welcome|Ann", "joined|Ann", "here|Ann"])?;
    child.signal("INT")?;
    assert_eq!(ann.closed()?.0, 1001);
    child.finish()?.expect_code(130)?;
    Ok(())
}
