//! Plays a `client.http` against a server. Called by the cases.
//!
//! Commands: `= open` a new connection in place of the last, `= half-close`, `= closed` the server must
//! close now, `= cut` it must close within a chunked response, `= signal NAME` to the child.

use std::net::SocketAddr;

use libtest_mimic::Failed;

use crate::harness::http::{Connection, Message};
use crate::harness::notation::{Expected, Step};

/// Plays the steps; the error says which failed. `signal` sends the child one of this name.
pub(crate) fn play(
    steps: &[Step],
    server: SocketAddr,
    signal: &dyn Fn(&str) -> Result<(), Failed>,
) -> Result<(), Failed> {
    let mut connection = Connection::open(server)?;
    let mut method_is_head = false;
    for (index, step) in steps.iter().enumerate() {
        let at = |error: Failed| -> Failed {
            format!("step {}: {}", index + 1, error.message().unwrap_or_default()).into()
        };
        match step {
            Step::Send(bytes) => {
                method_is_head = bytes.starts_with(b"HEAD ");
                // A server that has answered early may have closed; what it said is read next.
                let _ = connection.send(bytes);
            }
            Step::Expect(expected) => {
                let message = if method_is_head {
                    connection.response_head()
                } else {
                    connection.response()
                };
                check(expected, &message.map_err(at)?).map_err(|error| at(error.into()))?;
            }
            Step::Command(words) => match words.as_str() {
                "open" => connection = Connection::open(server).map_err(at)?,
                "half-close" => connection.half_close().map_err(at)?,
                "cut" => check_cut(&connection.rest().map_err(at)?).map_err(|error| at(error.into()))?,
                "closed" => connection.expect_close().map_err(at)?,
                other => match other.strip_prefix("signal ") {
                    Some(name) => signal(name).map_err(at)?,
                    None => return Err(at(format!("no such command: {other}").into())),
                },
            },
            Step::Route(target) => return Err(at(format!("`@ {target}` belongs in peer.http").into())),
        }
    }
    Ok(())
}

/// A chunked response that has begun and lacks its last chunk (RFC 9112, section 7.1).
fn check_cut(rest: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(rest);
    if text.contains("transfer-encoding: chunked") && !text.ends_with("0\r\n\r\n") {
        return Ok(());
    }
    Err(format!("expected a response that breaks off, got {text:?}"))
}

fn check(expected: &Expected, message: &Message) -> Result<(), String> {
    let glob = crate::harness::matching::glob;
    if !glob(&expected.start, &message.start) {
        return Err(format!("expected {:?}, got {message:?}", expected.start));
    }
    for (name, pattern) in &expected.fields {
        let values: Vec<&str> = message
            .headers
            .iter()
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .collect();
        match pattern {
            None if values.is_empty() => {}
            Some(pattern) if values.iter().any(|value| glob(pattern, value)) => {}
            None => return Err(format!("expected no field {name}, got {values:?}")),
            Some(pattern) => return Err(format!("field {name}: expected {pattern:?}, got {values:?}")),
        }
    }
    expected.compare_body(&message.body)
}
