//! `examples/webhook.luau`: who may deliver, and that the work is done after the answer.

use std::net::SocketAddr;

use libtest_mimic::{Failed, Trial};

use super::example;
use crate::harness::child::Atoll;
use crate::harness::http::{Connection, Message};
use crate::harness::trials;

/// The tests of this file.
pub(super) fn trials() -> Vec<Trial> {
    trials![
        deliveries_are_accepted,
        others_are_refused,
        what_is_no_json_is_refused,
        a_secret_is_needed,
    ]
}

/// The HMAC-SHA256 of `{"a":1}` under the secret of `server`.
const SIGNATURE: &str = "sha256=ca8d649ff1b81cafedcefe9ce322d5b717cdf1a4e8d48674cbc25bea5d466408";

/// That of `body`.
const SIGNATURE_OF_BODY: &str = "sha256=944ff011a8804d849086cf12e512542881d4a84688555a4816e3696e9d147d9a";

/// The example, with the words for its script.
fn webhook(secret: &str) -> Atoll {
    let words = [
        "--allow-listen=localhost",
        "--allow-env=WEBHOOK_SECRET",
        "--",
        "0",
    ];
    example("webhook.luau", &words).env("WEBHOOK_SECRET", secret)
}

fn deliver(
    address: SocketAddr,
    start: &str,
    signature: Option<&str>,
    content: &str,
) -> Result<Message, Failed> {
    let field = signature.map_or_else(String::new, |signature| {
        format!("x-hub-signature-256: {signature}\r\n")
    });
    let length = content.len();
    let mut connection = Connection::open(address)?;
    connection.send(format!(
        "{start} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{field}content-length: {length}\r\n\r\n{content}"
    ))?;
    connection.response()
}

fn deliveries_are_accepted() -> Result<(), Failed> {
    let child = webhook("open sesame").start()?;
    for number in 1..=3 {
        let response = deliver(
            child.address()?,
            "POST /hooks?from=test",
            Some(SIGNATURE),
            "{\"a\":1}",
        )?;
        assert_eq!(
            (response.status(), response.text()),
            (202, format!("delivery {number} is accepted\n"))
        );
        child.wait_stdout(&format!("delivery {number}:\t{{ a = 1 }}\n"))?;
    }
    Ok(())
}

fn others_are_refused() -> Result<(), Failed> {
    let child = webhook("open sesame").start()?;
    let address = child.address()?;
    let (digits, upper) = (&SIGNATURE["sha256=".len()..], SIGNATURE.to_uppercase());
    for wrong in [
        None,
        Some(""),
        Some("sha256="),
        Some(digits),
        Some(&SIGNATURE[..SIGNATURE.len() - 1]),
        Some(&upper),
        Some(SIGNATURE_OF_BODY),
    ] {
        let response = deliver(address, "POST /hooks", wrong, "{\"a\":1}")?;
        assert_eq!(response.status(), 401, "{wrong:?}");
    }
    let changed = deliver(address, "POST /hooks", Some(SIGNATURE), "{\"a\":2}")?;
    assert_eq!(changed.status(), 401);
    assert_eq!(deliver(address, "POST /", Some(SIGNATURE), "")?.status(), 404);
    let response = deliver(address, "PUT /hooks", Some(SIGNATURE), "{\"a\":1}")?;
    assert_eq!((response.status(), response.header("allow")), (405, Some("POST")));
    child.signal("INT")?;
    let finished = child.finish()?;
    assert_eq!(finished.out(), "", "a refused delivery was worked on");
    Ok(())
}

fn what_is_no_json_is_refused() -> Result<(), Failed> {
    let child = webhook("open sesame").start()?;
    let response = deliver(child.address()?, "POST /hooks", Some(SIGNATURE_OF_BODY), "body")?;
    assert_eq!(
        (response.status(), response.text().as_str()),
        (400, "json.decode: expected a value at line 1 column 1\n")
    );
    Ok(())
}

fn a_secret_is_needed() -> Result<(), Failed> {
    let without = example("webhook.luau", &["--allow-listen=localhost", "--", "0"]);
    for child in [without, webhook("")] {
        let finished = child.finish()?;
        finished.expect_code(1)?;
        if !finished.err().contains("say which secret") {
            return Err(finished.err().into());
        }
    }
    Ok(())
}
