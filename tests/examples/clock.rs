//! `examples/sse_clock.luau`: events come one at a time, and the script notices when nobody listens.

use libtest_mimic::{Failed, Trial};

use super::example;
use crate::harness::http::{Connection, get};
use crate::harness::trials;

/// The tests of this file.
pub(super) fn trials() -> Vec<Trial> {
    trials![the_page_shows_the_events, it_ticks_until_the_viewer_leaves]
}

fn the_page_shows_the_events() -> Result<(), Failed> {
    let child = example("sse_clock.luau", &["--allow-listen=localhost", "--", "0"]).start()?;
    let page = get(child.address()?, "/")?;
    assert_eq!(
        (page.status(), page.header("content-type")),
        (200, Some("text/html; charset=utf-8"))
    );
    if !page.text().contains("EventSource(\"/ticks\")") {
        return Err(page.text().into());
    }
    assert_eq!(get(child.address()?, "/other")?.status(), 404);
    Ok(())
}

fn it_ticks_until_the_viewer_leaves() -> Result<(), Failed> {
    let child = example("sse_clock.luau", &["--allow-listen=localhost", "--", "0"]).start()?;
    let mut connection = Connection::open(child.address()?)?;
    connection.send("GET /ticks HTTP/1.1\r\nhost: clock\r\n\r\n")?;
    let head = connection.response_head()?;
    assert_eq!(
        (head.status(), head.header("content-type")),
        (200, Some("text/event-stream"))
    );
    let mut last = String::new();
    for _ in 0..2 {
        let tick = String::from_utf8_lossy(&connection.chunk()?).into_owned();
        // `data: 12:34:56` and an empty line.
        if !tick.starts_with("data: ") || !tick.ends_with("\n\n") || tick.len() != 16 || tick == last {
            return Err(format!("{last:?}, then {tick:?}").into());
        }
        last = tick;
    }
    drop(connection);
    child.wait_stdout("a viewer left\n")
}
