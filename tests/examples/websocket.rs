//! `examples/websocket_echo.luau` and `examples/websocket_load.luau`, alone and against each other.

use libtest_mimic::{Failed, Trial};
use tungstenite::{Bytes, Message};

use super::example;
use crate::harness::http::get;
use crate::harness::peer::Peer;
use crate::harness::trials;
use crate::harness::websocket::Client;

/// The tests of this file.
pub(super) fn trials() -> Vec<Trial> {
    trials![
        echo_returns_what_it_gets,
        echo_says_goodbye,
        load_counts_the_echoes,
        load_counts_what_is_lost,
        load_wants_numbers,
    ]
}

const ECHO: [&str; 3] = ["--allow-listen=localhost", "--", "0"];

fn echo_returns_what_it_gets() -> Result<(), Failed> {
    let child = example("websocket_echo.luau", &ECHO).start()?;
    let address = child.address()?;
    assert_eq!(get(address, "/")?.status(), 400);

    let mut client = Client::connect(address, "/", &["chat"], &[])?;
    assert_eq!(client.protocol(), None);
    let long = "lagoon ".repeat(20_000);
    for text in ["hello", "", "a\0b", "Grüße, 世界", &long] {
        client.send(text)?;
        assert_eq!(client.text()?, text);
    }
    let every: Vec<u8> = (0..=255).collect();
    for bytes in [&every[..], b""] {
        client.send(bytes)?;
        assert_eq!(client.binary()?, bytes);
    }
    let payload = Bytes::from_static(b"still there?");
    client.send(Message::Ping(payload.clone()))?;
    assert_eq!(client.receive()?, Message::Pong(payload));
    assert_eq!(client.close(4002, "so long")?.0, 4002);
    Ok(())
}

fn echo_says_goodbye() -> Result<(), Failed> {
    let child = example("websocket_echo.luau", &ECHO).start()?;
    let mut client = Client::connect(child.address()?, "/", &[], &[])?;
    child.signal("INT")?;
    assert_eq!(client.closed()?.0, 1001);
    child.finish()?.expect_code(130)?;
    Ok(())
}

fn load_counts_the_echoes() -> Result<(), Failed> {
    let echo = example("websocket_echo.luau", &ECHO).start()?;
    let address = echo.address()?;
    let (rule, url) = (format!("--allow-net={address}"), format!("ws://{address}/"));
    let finished = example("websocket_load.luau", &[&rule, "--", &url, "5", "200"]).finish()?;
    finished.expect_code(0)?;
    let out = finished.out();
    if out.starts_with("1000 echoes in ") && out.ends_with(" per second; 0 lost\n") {
        Ok(())
    } else {
        Err(out.into())
    }
}

/// The server speaks HTTP only.
fn load_counts_what_is_lost() -> Result<(), Failed> {
    let peer = Peer::echo()?;
    let (rule, url) = (
        format!("--allow-net={}", peer.address()),
        format!("ws://{}/", peer.address()),
    );
    let finished = example("websocket_load.luau", &[&rule, "--", &url, "2", "3"]).finish()?;
    finished.expect_code(1)?;
    let (out, err) = (finished.out(), finished.err());
    let told = out.ends_with("; 6 lost\n")
        && err.contains("connection 1: HandshakeRejected")
        && err.contains("6 of 6 messages were lost");
    if told {
        Ok(())
    } else {
        Err(format!("{out}{err}").into())
    }
}

fn load_wants_numbers() -> Result<(), Failed> {
    for words in [["many", "1"], ["1", "0"]] {
        let words = ["--", "ws://127.0.0.1:9/", words[0], words[1]];
        let finished = example("websocket_load.luau", &words).finish()?;
        finished.expect_code(1)?;
        if !finished.err().contains("are numbers from 1") {
            return Err(finished.err().into());
        }
    }
    Ok(())
}
