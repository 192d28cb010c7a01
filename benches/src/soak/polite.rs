//! Clients that keep to the rules, some of them slowly: each of their requests must be answered in full.

use std::fmt::Write;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::BodyExt;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::Tally;
use super::dice::Dice;
use super::question::{Failure, PATTERN, Question, noise};
use super::subject::Site;
use crate::client::{self, BINARY, CLOSE, TEXT, WebSocket};

/// What a client does.
#[derive(Debug, Clone, Copy)]
pub(super) enum Visit {
    /// Several requests on one connection, one after the other.
    Kept { secure: bool },
    /// As many on one HTTP/2 connection at once; some are cancelled.
    Multiplexed,
    /// One request whose answer is read slowly.
    SlowReader { secure: bool },
    /// One request that is written slowly.
    SlowWriter,
    /// Requests that don't wait for each other's answers.
    Pipelined,
    /// A request, and then not a byte more.
    HalfClosed,
    /// Messages that come back.
    Echo { secure: bool },
    /// A message that many others answer, read slowly.
    Flood,
}

impl Visit {
    pub(super) fn any(dice: &mut Dice) -> Visit {
        let secure = dice.below(2) == 0;
        dice.one(&[
            Visit::Kept { secure },
            Visit::Kept { secure: false },
            Visit::Multiplexed,
            Visit::SlowReader { secure },
            Visit::SlowWriter,
            Visit::Pipelined,
            Visit::HalfClosed,
            Visit::Echo { secure },
            Visit::Echo { secure: false },
            Visit::Flood,
        ])
    }

    pub(super) async fn play(self, site: &Site, tally: &Tally, dice: &mut Dice) -> Result<(), Failure> {
        match self {
            Visit::Kept { secure: true } => kept(site.tls(false).await?, tally, dice).await,
            Visit::Kept { secure: false } => {
                kept(client::connect(site.plain, None).await?, tally, dice).await
            }
            Visit::Multiplexed => multiplexed(site, tally, dice).await,
            Visit::SlowReader { secure: true } => slow_reader(site.tls(false).await?, tally, dice).await,
            Visit::SlowReader { secure: false } => {
                slow_reader(client::connect(site.plain, None).await?, tally, dice).await
            }
            Visit::SlowWriter => slow_writer(site, tally, dice).await,
            Visit::Pipelined => pipelined(site, tally, dice).await,
            Visit::HalfClosed => half_closed(site, tally, dice).await,
            Visit::Echo { secure: true } => echo(site.tls(false).await?, tally, dice).await,
            Visit::Echo { secure: false } => {
                echo(client::connect(site.plain, None).await?, tally, dice).await
            }
            Visit::Flood => flood(site, tally).await,
        }
    }
}

async fn kept<S>(stream: S, tally: &Tally, dice: &mut Dice) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    for _ in 0..1 + dice.below(12) {
        let question = Question::any(dice);
        sender.ready().await?;
        tally.ask();
        let response = sender.send_request(question.request("")?).await?;
        question.check(response, Duration::ZERO).await?;
        tally.answer();
    }
    Ok(())
}

async fn multiplexed(site: &Site, tally: &Tally, dice: &mut Dice) -> Result<(), Failure> {
    let stream = TokioIo::new(site.tls(true).await?);
    let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
    tokio::spawn(connection);
    let origin = format!("https://{}", site.secure);
    let exchanges = (0..1 + dice.below(12)).map(|_| {
        let question = Question::any(dice);
        let patience = (dice.below(4) == 0).then(|| Duration::from_millis(dice.below(50)));
        let (mut sender, origin) = (sender.clone(), &origin);
        async move {
            let response = sender.send_request(question.request(origin)?);
            if let Some(patience) = patience {
                // One that is not answered by then is cancelled.
                if let Ok(response) = tokio::time::timeout(patience, response).await {
                    drop(response?.into_body().frame().await.transpose()?);
                }
                return Ok(());
            }
            tally.ask();
            question.check(response.await?, Duration::ZERO).await?;
            tally.answer();
            Ok(())
        }
    });
    join_all(exchanges).await.into_iter().collect()
}

async fn slow_reader<S>(stream: S, tally: &Tally, dice: &mut Dice) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(16 << 10)
        .handshake(TokioIo::new(stream))
        .await?;
    tokio::spawn(connection);
    let question = match dice.below(2) {
        0 => Question::large(2 << 20),
        _ => Question::stream(100, 20_000),
    };
    tally.ask();
    let response = sender.send_request(question.request("")?).await?;
    question.check(response, Duration::from_millis(5)).await?;
    tally.answer();
    Ok(())
}

async fn slow_writer(site: &Site, tally: &Tally, dice: &mut Dice) -> Result<(), Failure> {
    let mut stream = client::connect(site.plain, None).await?;
    let content = noise(dice, 50_000);
    let head = format!(
        "POST /echo HTTP/1.1\r\nhost: soak\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        content.len()
    );
    tally.ask();
    let request = [head.as_bytes(), &content].concat();
    for part in request.chunks(request.len().div_ceil(40)) {
        stream.write_all(part).await?;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let response = read_all(stream).await?;
    if !response.starts_with(b"HTTP/1.1 200 ") || !response.ends_with(&content) {
        return Err(unexpected(&response));
    }
    tally.answer();
    Ok(())
}

async fn pipelined(site: &Site, tally: &Tally, dice: &mut Dice) -> Result<(), Failure> {
    let mut stream = client::connect(site.plain, None).await?;
    let count = 2 + dice.below(7);
    let mut requests = String::new();
    for number in 0..count {
        let last = if number + 1 == count {
            "connection: close\r\n"
        } else {
            ""
        };
        let content = format!("<{number}>");
        write!(
            requests,
            "POST /echo HTTP/1.1\r\nhost: soak\r\n{last}content-length: 3\r\n\r\n{content}"
        )?;
        tally.ask();
    }
    stream.write_all(requests.as_bytes()).await?;
    let response = read_all(stream).await?;
    let text = String::from_utf8_lossy(&response);
    let mut rest = text.as_ref();
    for number in 0..count {
        let (_, behind) = rest
            .split_once(&format!("\r\n\r\n<{number}>"))
            .ok_or_else(|| unexpected(&response))?;
        rest = behind;
        tally.answer();
    }
    Ok(())
}

async fn half_closed(site: &Site, tally: &Tally, dice: &mut Dice) -> Result<(), Failure> {
    let mut stream = client::connect(site.plain, None).await?;
    let content = noise(dice, 200_000);
    let head = format!(
        "POST /echo HTTP/1.1\r\nhost: soak\r\ncontent-length: {}\r\n\r\n",
        content.len()
    );
    tally.ask();
    stream.write_all(&[head.as_bytes(), &content].concat()).await?;
    stream.shutdown().await?;
    let response = read_all(stream).await?;
    if !response.starts_with(b"HTTP/1.1 200 ") || !response.ends_with(&content) {
        return Err(unexpected(&response));
    }
    tally.answer();
    Ok(())
}

async fn echo<S>(stream: S, tally: &Tally, dice: &mut Dice) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut socket = WebSocket::open(stream).await?;
    for _ in 0..1 + dice.below(30) {
        // What is text must be UTF-8.
        let (opcode, message) = match dice.below(2) {
            0 => (TEXT, Bytes::from(PATTERN.repeat(dice.size(4_000)))),
            _ => (BINARY, noise(dice, 60_000)),
        };
        tally.ask();
        socket.send(opcode, &message).await?;
        let (kind, came) = socket.next().await?;
        if (kind, &came) != (opcode, &message) {
            return Err(format!(
                "{} bytes came back as {} of kind {kind}",
                message.len(),
                came.len()
            )
            .into());
        }
        tally.answer();
        tokio::time::sleep(Duration::from_millis(dice.below(10))).await;
    }
    if dice.below(4) == 0 {
        socket.send(TEXT, b"leave").await?;
        let (kind, farewell) = socket.next().await?;
        if kind != CLOSE || !farewell.starts_with(&4000u16.to_be_bytes()) {
            return Err(format!("a frame of kind {kind} where a goodbye was expected").into());
        }
        socket.send(CLOSE, &farewell).await?;
    } else {
        socket.close().await?;
    }
    Ok(())
}

async fn flood(site: &Site, tally: &Tally) -> Result<(), Failure> {
    let mut socket = WebSocket::open(client::connect(site.plain, None).await?).await?;
    tally.ask();
    socket.send(TEXT, b"flood").await?;
    for number in 1..=100 {
        let (kind, message) = socket.next().await?;
        if kind != BINARY || message.len() != 16_384 || message.iter().any(|byte| *byte != number) {
            return Err(format!(
                "message {number} of a flood: kind {kind}, {} bytes",
                message.len()
            )
            .into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tally.answer();
    socket.close().await?;
    Ok(())
}

async fn read_all(mut stream: impl AsyncRead + Unpin) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    stream.read_to_end(&mut content).await?;
    Ok(content)
}

fn unexpected(response: &[u8]) -> Failure {
    let start = String::from_utf8_lossy(&response[..response.len().min(300)]);
    format!("{} bytes: {start}", response.len()).into()
}
