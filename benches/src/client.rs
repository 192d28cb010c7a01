//! The clients' side of connections: sockets, and WebSockets whose frames are made by hand, so that they cost little.

use std::io;
use std::net::{IpAddr, SocketAddr};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// Opcodes (RFC 6455, section 5.2).
pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;

/// Any will do: nothing between the two ends could be fooled.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

const HANDSHAKE: &[u8] =
    b"GET /socket HTTP/1.1\r\nhost: bench\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
    sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Connects, from the given address where there is one.
#[expect(clippy::disallowed_methods, reason = "the load comes from outside")]
pub(crate) async fn connect(address: SocketAddr, from: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if let Some(from) = from {
        socket.bind(SocketAddr::new(from, 0))?;
    }
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A client's frame.
pub(crate) fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = head(opcode, payload.len());
    frame[1] |= 0x80;
    frame.extend_from_slice(&MASK);
    frame.extend(
        payload
            .iter()
            .zip(MASK.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    frame
}

/// A server's frame.
pub(crate) fn answer(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = head(opcode, payload.len());
    frame.extend_from_slice(payload);
    frame
}

fn head(opcode: u8, length: usize) -> Vec<u8> {
    let mut head = vec![0x80 | opcode];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length @ 0..=125), _) => head.push(length),
        (_, Ok(length)) => {
            head.push(126);
            head.extend(length.to_be_bytes());
        }
        _ => {
            head.push(127);
            head.extend((length as u64).to_be_bytes());
        }
    }
    head
}

/// One open WebSocket.
pub(crate) struct WebSocket<S> {
    /// The connection below it.
    pub(crate) stream: S,
    /// What was read of it and not taken yet.
    pub(crate) unread: BytesMut,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Shakes hands over the connection.
    pub(crate) async fn open(mut stream: S) -> io::Result<WebSocket<S>> {
        stream.write_all(HANDSHAKE).await?;
        let mut unread = BytesMut::new();
        let end = loop {
            if let Some(end) = unread.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            if stream.read_buf(&mut unread).await? == 0 {
                return Err(lost());
            }
        };
        if !unread.starts_with(b"HTTP/1.1 101 ") {
            return Err(io::Error::other("the handshake was refused"));
        }
        unread.advance(end);
        // The head's buffer is given back: there may be many of these.
        let unread = BytesMut::from(&unread[..]);
        Ok(WebSocket { stream, unread })
    }

    /// Sends one message.
    pub(crate) async fn send(&mut self, opcode: u8, payload: &[u8]) -> io::Result<()> {
        self.stream.write_all(&frame(opcode, payload)).await
    }

    /// The next frame: its opcode and its payload.
    pub(crate) async fn next(&mut self) -> io::Result<(u8, Bytes)> {
        loop {
            if let Some(frame) = self.whole() {
                return Ok(frame);
            }
            if self.stream.read_buf(&mut self.unread).await? == 0 {
                return Err(lost());
            }
        }
    }

    fn whole(&mut self) -> Option<(u8, Bytes)> {
        let (opcode, length) = (*self.unread.first()? & 0x0f, *self.unread.get(1)?);
        let (start, length) = match length {
            126 => (
                4,
                usize::from(u16::from_be_bytes(self.unread.get(2..4)?.try_into().ok()?)),
            ),
            127 => {
                let length = u64::from_be_bytes(self.unread.get(2..10)?.try_into().ok()?);
                (10, usize::try_from(length).ok()?)
            }
            short => (2, usize::from(short)),
        };
        if self.unread.len() < start + length {
            return None;
        }
        self.unread.advance(start);
        Some((opcode, self.unread.split_to(length).freeze()))
    }

    /// Says goodbye and waits for the server's.
    pub(crate) async fn close(mut self) -> io::Result<()> {
        self.send(CLOSE, &1000u16.to_be_bytes()).await?;
        while self.next().await?.0 != CLOSE {}
        Ok(())
    }
}

/// The server closed where it should not.
pub(crate) fn lost() -> io::Error {
    io::Error::other("the server closed the connection")
}

/// One request on a connection that stays; the response is "Hello".
pub(crate) async fn ask(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(b"GET / HTTP/1.1\r\nhost: bench\r\n\r\n").await?;
    let mut response = Vec::new();
    while !response.ends_with(b"\r\n\r\nHello") {
        if stream.read_buf(&mut response).await? == 0 {
            return Err(lost());
        }
    }
    Ok(())
}

/// One request on a connection of its own; returns the response's content.
pub(crate) async fn http(server: SocketAddr, what: &str, content: &str) -> io::Result<String> {
    let mut stream = connect(server, None).await?;
    let request = format!(
        "{what} HTTP/1.1\r\nhost: bench\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{content}",
        content.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut response = String::new();
    stream.read_to_string(&mut response).await?;
    match response.split_once("\r\n\r\n") {
        Some((head, content)) if head.starts_with("HTTP/1.1 200 ") => Ok(content.to_owned()),
        _ => Err(io::Error::other(format!("{what}: {response:?}"))),
    }
}
