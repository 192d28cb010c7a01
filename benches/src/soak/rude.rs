//! Clients that break off, lie, or go without a word, at any point. Nothing of them may be left behind.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::dice::Dice;
use super::subject::Site;
use crate::client::{self, BINARY, TEXT, WebSocket};

/// Requests that keep the server at work for a while.
const REQUESTS: [&str; 8] = [
    "GET /wait?seconds=0.5",
    "GET /large?size=4000000",
    "GET /stream?pieces=200&size=20000",
    "GET /call?what=request&size=500000",
    "GET /call?what=stream&tls=1",
    "GET /call?what=socket",
    "GET /call?what=cancel&tls=1",
    "GET /nowhere/such\u{7f}",
];

/// Does something of the kind.
pub(super) async fn visit(site: &Site, dice: &mut Dice) -> io::Result<()> {
    match dice.below(9) {
        0 => half_a_request(site, dice).await,
        1 | 2 => before_the_answer(site, dice).await,
        3 | 4 => within_the_answer(site, dice).await,
        5 => half_a_handshake(site, dice).await,
        6 => through_tls(site, dice).await,
        7 => half_a_message(site, dice).await,
        _ => flooded(site, dice).await,
    }
}

/// Goes: with a reset, or as a program that ends does.
fn go(stream: TcpStream, dice: &mut Dice) -> io::Result<()> {
    if dice.below(2) == 0 {
        stream.set_zero_linger()?;
    }
    drop(stream);
    Ok(())
}

async fn pause(dice: &mut Dice) {
    tokio::time::sleep(Duration::from_millis(dice.below(100))).await;
}

fn head(what: &str) -> String {
    format!("{what} HTTP/1.1\r\nhost: soak\r\n\r\n")
}

async fn half_a_request(site: &Site, dice: &mut Dice) -> io::Result<()> {
    let mut stream = client::connect(site.plain, None).await?;
    let mut request = b"POST /echo HTTP/1.1\r\nhost: soak\r\ncontent-length: 100000\r\n\r\n".to_vec();
    request.resize(request.len() + 99_999, b'x');
    request.truncate(dice.size(request.len() as u64));
    stream.write_all(&request).await?;
    pause(dice).await;
    go(stream, dice)
}

async fn before_the_answer(site: &Site, dice: &mut Dice) -> io::Result<()> {
    let mut stream = client::connect(site.plain, None).await?;
    stream.write_all(head(dice.one(&REQUESTS)).as_bytes()).await?;
    pause(dice).await;
    go(stream, dice)
}

async fn within_the_answer(site: &Site, dice: &mut Dice) -> io::Result<()> {
    let mut stream = client::connect(site.plain, None).await?;
    stream
        .write_all(head(dice.one(&REQUESTS[1..3])).as_bytes())
        .await?;
    let mut some = vec![0; 1 + dice.size(3_000_000)];
    stream.read_exact(&mut some).await?;
    pause(dice).await;
    go(stream, dice)
}

async fn half_a_handshake(site: &Site, dice: &mut Dice) -> io::Result<()> {
    let mut stream = client::connect(site.secure, None).await?;
    // The start of a ClientHello, or no such thing.
    let start: &[u8] = dice.one(&[
        &[0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00][..],
        b"GET / HTTP/1.1\r\n\r\n",
        &[],
    ]);
    stream.write_all(start).await?;
    pause(dice).await;
    go(stream, dice)
}

async fn through_tls(site: &Site, dice: &mut Dice) -> io::Result<()> {
    let mut stream = site.tls(false).await?;
    stream.write_all(head(dice.one(&REQUESTS)).as_bytes()).await?;
    stream.flush().await?;
    pause(dice).await;
    go(stream.into_inner().0, dice)
}

async fn half_a_message(site: &Site, dice: &mut Dice) -> io::Result<()> {
    let mut socket = WebSocket::open(client::connect(site.plain, None).await?).await?;
    let mut frame = match dice.below(3) {
        0 => client::frame(BINARY, &[b'x'; 50_000]),
        // Only servers send such.
        1 => client::answer(TEXT, b"unmasked"),
        _ => client::frame(TEXT, b"not \xff UTF-8"),
    };
    if dice.below(2) == 0 {
        frame.truncate(dice.size(frame.len() as u64));
    }
    socket.stream.write_all(&frame).await?;
    pause(dice).await;
    go(socket.stream, dice)
}

async fn flooded(site: &Site, dice: &mut Dice) -> io::Result<()> {
    let mut socket = WebSocket::open(client::connect(site.plain, None).await?).await?;
    for _ in 0..1 + dice.below(20) {
        socket.send(TEXT, b"flood").await?;
    }
    for _ in 0..dice.below(50) {
        socket.next().await?;
    }
    pause(dice).await;
    go(socket.stream, dice)
}
