//! `examples/webhook.luau`: who may deliver, and that the work is done after the answer.

use std::net::SocketAddr;

use libtest_mimic::{Failed, Trial};

use super::example;
use crate::harness::http::{Connection, Message};
use crate::harness::trials;

/// The tests of this file.
pub(super) fn trials() -> Vec<Trial> {
    trials![deliveries_are_accepted, others_are_refused, a_secret_is_needed]
}

fn deliver(address: SocketAddr, start: &str, secret: Option<&str>) -> Result<Message, Failed> {
    let field = secret.map_or_else(String::new, |secret| format!("x-webhook-secret: {secret}\r\n"));
    let mut connection = Connection::open(address)?;
    connection.send(format!(
        "{start} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{field}content-length: 4\r\n\r\nbody"
    ))?;
    connection.response()
}

fn deliveries_are_accepted() -> Result<(), Failed> {
    let child = example(
        "webhook.luau",
        &["--allow-listen=localhost", "--", "0", "open sesame"],
    )
    .start()?;
    for number in 1..=3 {
        let response = deliver(child.address()?, "POST /hooks?from=test", Some("open sesame"))?;
        assert_eq!(
            (response.status(), response.text()),
            (202, format!("delivery {number} is accepted\n"))
        );
        child.wait_stdout(&format!("delivery {number}: 4 bytes\n"))?;
    }
    Ok(())
}

fn others_are_refused() -> Result<(), Failed> {
    let child = example("webhook.luau", &["--allow-listen=localhost", "--", "0", "sesame"]).start()?;
    let address = child.address()?;
    for wrong in [
        None,
        Some(""),
        Some("sesamE"),
        Some("sesam"),
        Some("sesame0"),
        Some("sesamesesame"),
    ] {
        let response = deliver(address, "POST /hooks", wrong)?;
        assert_eq!(response.status(), 403, "{wrong:?}");
    }
    assert_eq!(deliver(address, "POST /", Some("sesame"))?.status(), 404);
    let response = deliver(address, "PUT /hooks", Some("sesame"))?;
    assert_eq!((response.status(), response.header("allow")), (405, Some("POST")));
    child.signal("INT")?;
    let finished = child.finish()?;
    assert_eq!(finished.out(), "", "a refused delivery was worked on");
    Ok(())
}

fn a_secret_is_needed() -> Result<(), Failed> {
    for words in [&["--", "0"][..], &["--", "0", ""]] {
        let finished = example("webhook.luau", words).finish()?;
        finished.expect_code(1)?;
        if !finished.err().contains("say which secret") {
            return Err(finished.err().into());
        }
    }
    Ok(())
}
