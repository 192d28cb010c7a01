//! The task of one connection: moves messages between its queues and the wire, both ways at once, until it has ended.
//!
//! Reading goes on while the peer is slow to read, so two ends that both send never wait for each other.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Sink, Stream};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Sleep;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::line::{Line, Outgoing, Phase};
use super::{Farewell, Io, Kind, LINGER, Signals};
use crate::observe::Conversation;

/// Messages read in a row before other tasks have their turn.
const TURN: usize = 32;

/// Runs a connection; ready with its bytes once it has ended.
pub(super) struct Driver {
    /// `None` once it has ended.
    socket: Option<WebSocketStream<Io>>,
    line: Arc<Line>,
    closing: Signal,
    aborting: Signal,
    /// When the closing has taken long enough.
    deadline: Option<Pin<Box<Sleep>>>,
    /// Something is written that may not be on the wire yet.
    unflushed: bool,
    /// What that counts against.
    sending: Vec<OwnedSemaphorePermit>,
    /// Our close frame is written.
    said_goodbye: bool,
    /// What the last event will say.
    outcome: Option<Farewell>,
    /// The peer broke the protocol: our close frame goes out, nothing more is read.
    failed: bool,
    /// Nothing can be written any more.
    is_mute: bool,
    conversation: Conversation,
}

/// A server's word, waited for; `None` once it is given, and where there is no server.
type Signal = Option<Pin<Box<WaitForCancellationFutureOwned>>>;

/// The connection has ended.
struct Ended;

impl Driver {
    pub(super) fn new(
        socket: WebSocketStream<Io>,
        line: Arc<Line>,
        signals: Option<Signals>,
        conversation: Conversation,
    ) -> Driver {
        let wait = |token: fn(Signals) -> CancellationToken| {
            let signals = signals.clone()?;
            Some(Box::pin(token(signals).cancelled_owned()))
        };
        Driver {
            closing: wait(|signals| signals.closing),
            aborting: wait(|signals| signals.aborting),
            socket: Some(socket),
            line,
            deadline: None,
            unflushed: false,
            sending: Vec::new(),
            said_goodbye: false,
            outcome: None,
            failed: false,
            is_mute: false,
            conversation,
        }
    }

    fn advance(&mut self, socket: &mut WebSocketStream<Io>, context: &mut Context<'_>) -> Result<(), Ended> {
        self.line.register(context.waker());
        self.heed_signals(context);
        self.read(socket, context)?;
        self.write(socket, context)?;
        // Last, as any of these may begin the closing.
        self.keep_time(context)
    }

    /// What the server that this connection belongs to has decided.
    fn heed_signals(&mut self, context: &mut Context<'_>) {
        if is_given(&mut self.aborting, context) {
            self.line
                .override_farewell(Farewell::new(Farewell::FAILURE, "the server's script ended"));
            self.wait_at_most(LINGER);
        }
        if is_given(&mut self.closing, context) {
            self.line.hang_up(Farewell::new(Farewell::GOING_AWAY, ""));
        }
    }

    fn keep_time(&mut self, context: &mut Context<'_>) -> Result<(), Ended> {
        if self.deadline.is_none() && self.line.phase() != Phase::Open {
            self.wait_at_most(self.line.patience);
        }
        let is_over = |deadline: &mut Pin<Box<Sleep>>| deadline.as_mut().poll(context).is_ready();
        if !self.deadline.as_mut().is_some_and(is_over) {
            return Ok(());
        }
        if self.line.phase() == Phase::Failing && !self.said_goodbye {
            // The guest has had its time.
            self.line.abandon();
            self.wait_at_most(LINGER);
            context.waker().wake_by_ref();
            return Ok(());
        }
        Err(Ended)
    }

    fn wait_at_most(&mut self, time: Duration) {
        self.deadline = Some(Box::pin(tokio::time::sleep(time)));
    }

    fn read(&mut self, socket: &mut WebSocketStream<Io>, context: &mut Context<'_>) -> Result<(), Ended> {
        for _ in 0..TURN {
            if self.failed || !self.line.wants_more() {
                return Ok(());
            }
            let Poll::Ready(next) = Pin::new(&mut *socket).poll_next(context) else {
                return Ok(());
            };
            match next {
                Some(Ok(Message::Text(text))) => self.arrived(Kind::Text, text.into()),
                Some(Ok(Message::Binary(bytes))) => self.arrived(Kind::Binary, bytes),
                Some(Ok(Message::Close(frame))) => {
                    let farewell = farewell(frame);
                    self.conversation.closed(farewell.code);
                    self.outcome = Some(farewell);
                    self.line.peer_gone();
                    // tungstenite has queued the answer.
                    self.unflushed = true;
                }
                // tungstenite has queued the answer to a ping.
                Some(Ok(_)) => self.unflushed = true,
                Some(Err(error)) => self.stumble(error)?,
                None => return Err(Ended),
            }
        }
        context.waker().wake_by_ref();
        Ok(())
    }

    fn arrived(&mut self, kind: Kind, content: Bytes) {
        self.conversation.received(content.len());
        self.line.arrived(kind, content);
    }

    /// Reading is over: the connection has ended, or the peer must be told why it ends.
    fn stumble(&mut self, error: Error) -> Result<(), Ended> {
        let (code, reason) = match error {
            Error::Capacity(CapacityError::MessageTooLong { max_size, .. }) => {
                (1009, format!("the message has more than {max_size} bytes"))
            }
            Error::Utf8(_) => (1007, "the text is not UTF-8".to_owned()),
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => return Err(Ended),
            Error::Protocol(error) => (1002, error.to_string()),
            // The usual end, or a lost connection.
            _ => return Err(Ended),
        };
        self.failed = true;
        self.conversation.closed(code);
        self.line.fail(Farewell { code, reason });
        Ok(())
    }

    fn write(&mut self, socket: &mut WebSocketStream<Io>, context: &mut Context<'_>) -> Result<(), Ended> {
        if self.is_mute {
            return Ok(());
        }
        match self.try_to_write(socket, context) {
            Ok(()) => {}
            // Both have said goodbye.
            Err(Error::ConnectionClosed | Error::AlreadyClosed) => return Err(Ended),
            Err(_) => {
                // A peer that hangs up while we write may have said why: that is still to be read.
                self.is_mute = true;
                self.wait_at_most(LINGER);
                context.waker().wake_by_ref();
                return Ok(());
            }
        }
        if self.unflushed {
            return Ok(());
        }
        if self.failed && self.said_goodbye {
            return Err(Ended);
        }
        if self.line.phase() == Phase::PeerGone {
            // Both have said goodbye. What is left is to hang up, which is nobody's concern any more.
            self.settle();
        }
        Ok(())
    }

    fn try_to_write(
        &mut self,
        socket: &mut WebSocketStream<Io>,
        context: &mut Context<'_>,
    ) -> Result<(), Error> {
        let mut socket = Pin::new(socket);
        while socket.as_mut().poll_ready(context)?.is_ready() {
            let message = match self.line.next_out() {
                Some(Outgoing::Message(message, held)) => {
                    self.sending.extend(held);
                    if matches!(message, Message::Text(_) | Message::Binary(_)) {
                        self.conversation.sent(message.len());
                    }
                    message
                }
                Some(Outgoing::Close(frame)) => {
                    self.said_goodbye = true;
                    Message::Close(Some(frame))
                }
                None => break,
            };
            self.unflushed = true;
            socket.as_mut().start_send(message)?;
        }
        if self.unflushed && socket.poll_flush(context)?.is_ready() {
            self.unflushed = false;
            self.sending.clear();
        }
        Ok(())
    }

    fn settle(&mut self) {
        let broken = || Farewell::new(Farewell::BROKEN, "");
        self.line.settle(self.outcome.take().unwrap_or_else(broken));
    }
}

impl Future for Driver {
    type Output = Io;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Io> {
        let Some(mut socket) = self.socket.take() else {
            return Poll::Pending;
        };
        match self.advance(&mut socket, context) {
            Ok(()) => {
                self.socket = Some(socket);
                Poll::Pending
            }
            Err(Ended) => {
                self.settle();
                Poll::Ready(socket.into_inner())
            }
        }
    }
}

/// Whether the signal is given now; only once.
fn is_given(signal: &mut Signal, context: &mut Context<'_>) -> bool {
    let given = signal
        .as_mut()
        .is_some_and(|signal| signal.as_mut().poll(context).is_ready());
    if given {
        *signal = None;
    }
    given
}

/// What the peer's close frame says.
fn farewell(frame: Option<CloseFrame>) -> Farewell {
    match frame {
        Some(frame) => Farewell::new(frame.code.into(), frame.reason.as_str()),
        None => Farewell::new(1005, ""),
    }
}
