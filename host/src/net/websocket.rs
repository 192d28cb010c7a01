//! WebSocket connections (RFC 6455), the same on both ends. `bindings::websocket` holds the [`Socket`]s.
//!
//! `connect` opens one, `http_server` makes one of an upgraded request. Each is run by a task of its own (`driver`),
//! which shares two bounded queues (`line`) with the handle that the guest holds. tungstenite does the protocol.

mod connect;
mod driver;
mod line;
mod offer;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_io_timeout::TimeoutStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_util::sync::CancellationToken;

use self::driver::Driver;
use self::line::Line;
use super::body::{Body, Held};
use super::error::Error;
use super::stream::Stream;
use crate::limits::Limits;
use crate::observe::{Conversation, Observer, Party};

pub(crate) use connect::{Connector, Request};
pub(crate) use offer::Offer;

/// Bytes that a connection reads at once. It keeps so many for as long as it lives, so many idle ones need a small one.
const READ_BUFFER: usize = 4 << 10;

/// For a peer that does not read our last words, or does not hang up after its own.
const LINGER: Duration = Duration::from_secs(1);

/// The bytes below a WebSocket. Whoever takes none of them for too long is let go.
pub(super) type Io = Pin<Box<TimeoutStream<Stream>>>;

/// What kind of message it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// UTF-8.
    Text,
    /// Any bytes.
    Binary,
}

/// Text as it goes out: what is not UTF-8 is made so.
pub(crate) fn text(content: Vec<u8>) -> String {
    String::from_utf8(content)
        .unwrap_or_else(|broken| String::from_utf8_lossy(broken.as_bytes()).into_owned())
}

/// How a connection ended or is to end (RFC 6455, section 7.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Farewell {
    /// 1005 where the peer gave none, 1006 where the connection broke off.
    pub(crate) code: u16,
    /// At most 123 bytes.
    pub(crate) reason: String,
}

impl Farewell {
    /// The script or its server goes away.
    const GOING_AWAY: u16 = 1001;
    /// The connection ended without a close frame.
    const BROKEN: u16 = 1006;
    /// The script's instance was ended.
    const FAILURE: u16 = 1011;

    fn new(code: u16, reason: impl Into<String>) -> Farewell {
        Farewell {
            code,
            reason: reason.into(),
        }
    }
}

/// What happens on a connection.
pub(crate) enum Event {
    /// A whole message.
    Message(Kind, Body),
    /// The last event of all.
    Closed(Farewell),
}

/// Who tells a server's connections to end.
#[derive(Clone)]
pub(crate) struct Signals {
    /// Said once: say goodbye.
    pub(crate) closing: CancellationToken,
    /// Said once: be gone.
    pub(crate) aborting: CancellationToken,
}

/// One end of a connection, in the guest's hands. Dropped before its end, it is closed with 1001.
pub(crate) struct Socket {
    line: Arc<Line>,
    protocol: Option<String>,
}

impl Socket {
    /// The protocol that the server chose.
    pub(crate) fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// Waits for events and takes those that are there: at least one; none after the last.
    ///
    /// Cancel safety: dropping the future loses no event.
    pub(crate) async fn receive(&self, max: usize) -> Vec<Event> {
        self.line.receive(max).await
    }

    /// Queues a message; false where the queue is full. Text that is not UTF-8 is made so. What it counts against is
    /// given back once the message is on the wire.
    pub(crate) fn send(&self, kind: Kind, content: Vec<u8>, held: Held) -> Result<bool, Error> {
        self.line.send(kind, content, held)
    }

    /// Queues a ping; false where the queue is full. At most 125 bytes go along.
    pub(crate) fn ping(&self, mut payload: Vec<u8>) -> Result<bool, Error> {
        payload.truncate(125);
        self.line.ping(Bytes::from(payload))
    }

    /// Waits until the queue has room, or there is no use in waiting.
    ///
    /// Cancel safety: nothing is lost.
    pub(crate) async fn writable(&self) {
        self.line.writable().await;
    }

    /// Sends what is queued and a close frame, and waits for the peer's, as long as the limit says.
    ///
    /// Cancel safety: the connection closes all the same, only nobody waits for it.
    pub(crate) async fn close(&self, farewell: Farewell) {
        self.line.hang_up(farewell);
        self.line.closed().await;
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.line.abandon();
    }
}

/// Who is told of a connection to be, and how.
pub(crate) struct Account {
    /// Whom.
    pub(crate) observer: Arc<Observer>,
    /// Of a connection with whom.
    pub(crate) party: Party,
}

/// A connection that is to become a WebSocket. Dropped before it does, its socket learns that it broke off.
pub(crate) struct Pending {
    line: Arc<Line>,
    role: Role,
    max_message_size: usize,
    account: Account,
}

impl Pending {
    /// Both halves of a connection to be: the guest's, and the one that the connection's bytes are given to.
    fn new(
        role: Role,
        protocol: Option<String>,
        max_message_size: u64,
        limits: &Limits,
        account: Account,
    ) -> (Socket, Pending) {
        let line = Arc::new(Line::new(limits));
        let socket = Socket {
            line: line.clone(),
            protocol,
        };
        let pending = Pending {
            line,
            role,
            // A peer that only announces a message has room made for it.
            max_message_size: usize::try_from(max_message_size.min(limits.memory)).unwrap_or(usize::MAX),
            account,
        };
        (socket, pending)
    }

    /// Runs the connection to its end. `read` are bytes of it that were read already.
    ///
    /// Cancel safety: dropping the future breaks the connection off.
    pub(super) async fn run(self, io: Io, read: Bytes, signals: Option<Signals>) {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .max_message_size(Some(self.max_message_size))
            .max_frame_size(Some(self.max_message_size));
        // A copy: hyper's buffer, however little is in it, would be kept for as long as the connection.
        let unread = read.to_vec();
        drop(read);
        let socket = WebSocketStream::from_partially_read(io, unread, self.role, Some(config)).await;
        let conversation = Conversation::begin(&self.account.observer, &self.account.party);
        let mut io = Driver::new(socket, self.line.clone(), signals, conversation).await;
        // The peer may still send; a close with unread bytes would reset the connection, and our last words with it.
        let goodbye = async {
            drop(io.shutdown().await);
            let mut sink = vec![0; 1024];
            while matches!(io.read(&mut sink).await, Ok(count) if count > 0) {}
        };
        drop(tokio::time::timeout(LINGER, goodbye).await);
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.line.settle(Farewell::new(Farewell::BROKEN, ""));
    }
}
