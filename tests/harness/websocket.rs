//! A blocking WebSocket client on a socket of its own. Called by the coded tests.
//!
//! The handshake is written out here, so that a test sees how it was refused and may offer what a proper
//! client would not; the frames are tungstenite's. Every read and write has the time limit of `http`.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};

use libtest_mimic::Failed;
use tungstenite::handshake::client::generate_key;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role};
use tungstenite::{Bytes, Error, Message, WebSocket};

use crate::harness::http;

/// What a close frame without a code counts as (RFC 6455, section 7.1.5).
const NO_CODE: u16 = 1005;

/// The client's end of a connection.
pub(crate) struct Client {
    socket: WebSocket<TcpStream>,
    protocol: Option<String>,
}

impl Client {
    /// Connects and shakes hands. `headers` are sent as they are, beside those of the handshake.
    pub(crate) fn connect(
        address: SocketAddr,
        path: &str,
        protocols: &[&str],
        headers: &[(&str, &str)],
    ) -> Result<Self, Failed> {
        let (connection, key, response) = ask(address, path, protocols, headers)?;
        let field = |name| response.header(name).unwrap_or_default();
        let agreed = response.status() == 101
            && field("upgrade").eq_ignore_ascii_case("websocket")
            && field("connection").eq_ignore_ascii_case("upgrade")
            && field("sec-websocket-accept") == derive_accept_key(key.as_bytes());
        if !agreed {
            return Err(format!("not the response to a handshake: {response:?}").into());
        }
        let protocol = response.header("sec-websocket-protocol").map(str::to_owned);
        let (stream, received) = connection.into_parts();
        let socket = WebSocket::from_partially_read(stream, received, Role::Client, None);
        Ok(Self { socket, protocol })
    }

    /// The response to a handshake that the server must refuse.
    pub(crate) fn refused(
        address: SocketAddr,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<http::Message, Failed> {
        let (_, _, response) = ask(address, path, &[], headers)?;
        if response.status() == 101 {
            return Err("the server accepted the handshake".into());
        }
        Ok(response)
    }

    /// The protocol that the server chose.
    pub(crate) fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// Sends a message: text for a string, binary for bytes, or any [`Message`].
    pub(crate) fn send(&mut self, message: impl Into<Message>) -> Result<(), Failed> {
        self.socket
            .send(message.into())
            .map_err(|error| format!("cannot send: {error}").into())
    }

    /// The next frame or message, pings and the close among them. Pings are answered by the next call.
    pub(crate) fn receive(&mut self) -> Result<Message, Failed> {
        self.socket.read().map_err(|error| match error {
            Error::Io(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                "no message in time".into()
            }
            other => format!("cannot receive: {other}").into(),
        })
    }

    /// The next message, which must be text. Pings and pongs are passed over.
    pub(crate) fn text(&mut self) -> Result<String, Failed> {
        match self.content()? {
            Message::Text(text) => Ok(text.as_str().to_owned()),
            other => Err(format!("expected text, got {other:?}").into()),
        }
    }

    /// The next message, which must be binary. Pings and pongs are passed over.
    pub(crate) fn binary(&mut self) -> Result<Bytes, Failed> {
        match self.content()? {
            Message::Binary(bytes) => Ok(bytes),
            other => Err(format!("expected bytes, got {other:?}").into()),
        }
    }

    /// The server's close, which must come before any further message, and the end of the connection after
    /// it. The code is 1005 where the server gave none.
    pub(crate) fn closed(&mut self) -> Result<(u16, String), Failed> {
        match self.content()? {
            Message::Close(farewell) => self.after(farewell),
            other => Err(format!("expected the close, got {other:?}").into()),
        }
    }

    /// Says goodbye and returns how the server did; what it still sends before that is dropped.
    pub(crate) fn close(&mut self, code: u16, reason: &str) -> Result<(u16, String), Failed> {
        let farewell = CloseFrame {
            code: CloseCode::from(code),
            reason: reason.into(),
        };
        self.socket
            .close(Some(farewell))
            .map_err(|error| format!("cannot close: {error}"))?;
        loop {
            if let Message::Close(farewell) = self.receive()? {
                return self.after(farewell);
            }
        }
    }

    /// Goes without a goodbye, with a reset.
    pub(crate) fn reset(self) -> Result<(), Failed> {
        Ok(socket2::SockRef::from(self.socket.get_ref()).set_linger(Some(std::time::Duration::ZERO))?)
    }

    fn content(&mut self) -> Result<Message, Failed> {
        loop {
            match self.receive()? {
                Message::Ping(_) | Message::Pong(_) => {}
                message => return Ok(message),
            }
        }
    }

    /// The server closes the connection once both have said goodbye.
    fn after(&mut self, farewell: Option<CloseFrame>) -> Result<(u16, String), Failed> {
        match self.socket.read() {
            Err(Error::ConnectionClosed) => Ok(farewell.map_or((NO_CODE, String::new()), |frame| {
                (frame.code.into(), frame.reason.as_str().to_owned())
            })),
            other => Err(format!("expected the end of the connection, got {other:?}").into()),
        }
    }
}

/// Sends the request of a handshake; returns the connection, the key and the response.
fn ask(
    address: SocketAddr,
    path: &str,
    protocols: &[&str],
    headers: &[(&str, &str)],
) -> Result<(http::Connection, String, http::Message), Failed> {
    let key = generate_key();
    let mut request = format!(
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: {key}\r\n"
    );
    if !protocols.is_empty() {
        request += &format!("sec-websocket-protocol: {}\r\n", protocols.join(", "));
    }
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    let mut connection = http::Connection::open(address)?;
    connection.send(request + "\r\n")?;
    let response = connection.response()?;
    Ok((connection, key, response))
}
