//! Many requests, over few and over many connections, with every byte checked and the memory watched.
//!
//! Scaled down by default; `ATOLL_STRESS=full` asks for the full size: 100 000 requests over 64
//! connections that are kept, and 5 000 short ones.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};

use crate::harness::child::{Atoll, Running};
use crate::harness::http::Connection;
use crate::harness::trials;

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    trials![kept_connections, short_connections, memory_is_flat]
}

/// Whether the full size is asked for.
pub(crate) fn full() -> bool {
    std::env::var("ATOLL_STRESS").is_ok_and(|value| value == "full")
}

/// Answers with the request's content turned around, so that no byte can be right by chance.
const SERVER: &str = "net.serve({ port = 0, address = '127.0.0.1', request = function(request)
    if request.path == '/wait' then task.wait(0.001) end
    return buffer.fromstring(string.reverse(request.body))
end })";

/// Sizes of content: none, tiny, around the buffers' edges, up to the default limit.
const SIZES: [usize; 12] = [0, 1, 13, 0, 1_000, 5, 4_096, 100, 16_384, 65_537, 0, 1 << 20];

fn server(name: &str) -> Result<Running, Failed> {
    Atoll::source(name, SERVER, ["--allow-listen=localhost"])?
        .time_limit(Duration::from_secs(if full() { 1_800 } else { 120 }))
        .start()
}

/// Sends one request and checks each byte of the answer.
fn exchange(connection: &mut Connection, number: usize, size: usize) -> Result<(), Failed> {
    let body: Vec<u8> = (0..size)
        .map(|index| (index * 7 + number * 13 + index / 251) as u8)
        .collect();
    let path = if number.is_multiple_of(5) { "/wait" } else { "/" };
    let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {size}\r\n\r\n");
    connection.send([head.as_bytes(), &body].concat())?;
    let response = connection.response()?;
    if response.status() != 200 || !response.body.iter().rev().eq(body.iter()) {
        return Err(format!(
            "request {number} of {size} bytes: {} {} bytes",
            response.start,
            response.body.len()
        )
        .into());
    }
    Ok(())
}

/// Plays the requests on that many connections at once.
fn load(
    address: SocketAddr,
    connections: usize,
    requests: usize,
    sizes: &'static [usize],
) -> Result<(), Failed> {
    let clients: Vec<_> = (0..connections)
        .map(|client| {
            thread::spawn(move || -> Result<(), Failed> {
                let mut connection = Connection::open(address)?;
                for number in (client..requests).step_by(connections) {
                    exchange(&mut connection, number, sizes[number / connections % sizes.len()])?;
                }
                Ok(())
            })
        })
        .collect();
    for client in clients {
        client.join().map_err(|_| "a client panicked")??;
    }
    Ok(())
}

/// Ends the server as a user would and checks that it had nothing to complain of.
fn end(child: Running) -> Result<(), Failed> {
    child.signal("INT")?;
    let finished = child.finish()?;
    finished.expect_code(130)?;
    let complaints: Vec<String> = finished
        .err()
        .lines()
        .filter(|line| !line.starts_with("listening on "))
        .map(str::to_owned)
        .collect();
    if complaints.is_empty() {
        Ok(())
    } else {
        Err(complaints.join("\n").into())
    }
}

fn kept_connections() -> Result<(), Failed> {
    let child = server("stress_kept")?;
    let (connections, requests) = if full() { (64, 100_000) } else { (16, 1_500) };
    load(child.address()?, connections, requests, &SIZES)?;
    end(child)
}

fn short_connections() -> Result<(), Failed> {
    let child = server("stress_short")?;
    let address = child.address()?;
    let count = if full() { 5_000 } else { 300 };
    let clients: Vec<_> = (0..8)
        .map(|client| {
            thread::spawn(move || -> Result<(), Failed> {
                for number in (client..count).step_by(8) {
                    exchange(
                        &mut Connection::open(address)?,
                        number,
                        SIZES[number % SIZES.len()],
                    )?;
                }
                Ok(())
            })
        })
        .collect();
    for client in clients {
        client.join().map_err(|_| "a client panicked")??;
    }
    end(child)
}

fn memory_is_flat() -> Result<(), Failed> {
    let child = server("stress_memory")?;
    let address = child.address()?;
    let round = if full() { 20_000 } else { 1_200 };
    // The first rounds grow buffers and the guest's heap to their working size.
    for _ in 0..2 {
        load(address, 8, round, &SIZES)?;
    }
    let before = child.resident()?;
    for _ in 0..3 {
        load(address, 8, round, &SIZES)?;
    }
    let after = child.resident()?;
    // A leak of one small content per request would show as more than this.
    if after > before + before / 4 + 8 * 1024 {
        return Err(format!("resident memory went from {before} KiB to {after} KiB").into());
    }
    end(child)
}
