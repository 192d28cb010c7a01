//! One WebSocket: its account, from its first byte as one to its end.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use tracing::Span;
use tracing::field::Empty;

use super::counters::Present;
use super::outgoing::origin;
use super::served::micros;
use super::{Observer, WEBSOCKET};

/// The close code of a connection that broke off (RFC 6455, section 7.4.1).
const BROKEN: u16 = 1006;

/// Who is at the other end.
pub(crate) enum Party {
    /// A client of the script's server.
    Client(IpAddr),
    /// A server that the script connected to: the URL.
    Server(String),
}

/// A WebSocket under way. Dropped, it is over.
pub(crate) struct Conversation {
    observer: Arc<Observer>,
    is_server: bool,
    begun: Instant,
    received: Tally,
    sent: Tally,
    code: u16,
    span: Span,
}

#[derive(Default)]
struct Tally {
    messages: u64,
    bytes: u64,
}

impl Tally {
    fn add(&mut self, bytes: usize) {
        self.messages += 1;
        self.bytes += bytes as u64;
    }
}

impl Conversation {
    /// Begins when HTTP is over.
    pub(crate) fn begin(observer: &Arc<Observer>, party: &Party) -> Conversation {
        let is_server = matches!(party, Party::Client(_));
        let span = tracing::info_span!(
            target: WEBSOCKET,
            "websocket",
            side = if is_server { "server" } else { "client" },
            peer = match party {
                Party::Client(peer) => peer.to_string(),
                Party::Server(url) => origin(url),
            },
            code = Empty,
            messages_received = Empty,
            bytes_received = Empty,
            messages_sent = Empty,
            bytes_sent = Empty,
            total_us = Empty,
        );
        tracing::info!(target: WEBSOCKET, parent: &span, "opened");
        let conversation = Conversation {
            observer: observer.clone(),
            is_server,
            begun: Instant::now(),
            received: Tally::default(),
            sent: Tally::default(),
            code: BROKEN,
            span,
        };
        conversation.present().begin();
        conversation
    }

    /// A message came.
    pub(crate) fn received(&mut self, bytes: usize) {
        self.received.add(bytes);
        self.observer.counters.messages.receive(1);
        self.observer.counters.message_bytes.receive(bytes as u64);
    }

    /// A message is on its way.
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.sent.add(bytes);
        self.observer.counters.messages.send(1);
        self.observer.counters.message_bytes.send(bytes as u64);
    }

    /// How it ended; 1006 unless this is called.
    pub(crate) fn closed(&mut self, code: u16) {
        self.code = code;
    }

    fn present(&self) -> &Present {
        if self.is_server {
            &self.observer.counters.server_websockets
        } else {
            &self.observer.counters.client_websockets
        }
    }
}

impl Observer {
    /// A WebSocket that a script asked for did not open.
    pub(crate) fn unopened(&self, url: &str, code: &str, limit: Option<&str>) {
        if let Some(limit) = limit {
            self.limit_hit(limit);
        }
        tracing::info!(target: WEBSOCKET, side = "client", peer = origin(url), outcome = code, "failed");
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        self.present().end();
        if self.span.is_disabled() {
            return;
        }
        self.span.record("code", self.code);
        self.span.record("messages_received", self.received.messages);
        self.span.record("bytes_received", self.received.bytes);
        self.span.record("messages_sent", self.sent.messages);
        self.span.record("bytes_sent", self.sent.bytes);
        self.span.record("total_us", micros(self.begun.elapsed()));
        tracing::info!(target: WEBSOCKET, parent: &self.span, "closed");
    }
}
