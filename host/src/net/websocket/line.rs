//! What a connection's task and its handle share: two bounded queues, and how far the closing is.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::task::AtomicWaker;
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::Utf8Bytes;

use super::super::body::{Body, Held, PIECE};
use super::super::error::Error;
use super::{Event, Farewell, Kind, text};
use crate::limits::Limits;

/// Messages that wait for the guest before the task reads no more.
const INBOX: usize = 64;

/// Bytes of messages that wait for the guest before the task reads no more.
const INBOX_BYTES: usize = 64 << 10;

/// Bytes of messages that are handed over at once, so that they fit the guest's memory.
const BATCH_BYTES: usize = 4 * PIECE;

/// What a queued message counts beside its content, so that empty ones are bounded too.
const OVERHEAD: usize = 64;

/// The reason of a close frame has at most so many bytes (RFC 6455, section 5.5).
const LONGEST_REASON: usize = 123;

pub(super) struct Line {
    state: Mutex<State>,
    /// Bytes that may wait for the peer.
    outbox_limit: usize,
    /// How long the peer has for its close frame.
    pub(super) patience: Duration,
    /// The connection's task.
    task: AtomicWaker,
    /// An event is there.
    readable: Notify,
    /// The outbox has room, or nothing can be sent any more.
    writable: Notify,
    /// The last event is queued.
    closed: Notify,
}

#[derive(Default)]
struct State {
    inbox: VecDeque<Event>,
    inbox_bytes: usize,
    /// With what the large ones count against.
    outbox: VecDeque<(Message, Held)>,
    outbox_bytes: usize,
    /// What this end says goodbye with, until it is on its way.
    farewell: Option<Farewell>,
    phase: Phase,
    /// The task reads no more until the inbox has room.
    is_full: bool,
    /// The last event is queued.
    said_closed: bool,
    /// Nobody listens any more.
    abandoned: bool,
}

/// How far a connection is.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    #[default]
    Open,
    /// This end wants to close: it sends its queue and a close frame, and drops what it receives.
    HangingUp,
    /// The peer broke the protocol. The last event is queued; what the guest answers to those before it still goes out, and
    /// the close frame when it lets go of its handle.
    Failing,
    /// The peer has said goodbye: nothing more is sent.
    PeerGone,
    /// It is over.
    Settled,
}

/// The next thing to write.
pub(super) enum Outgoing {
    Message(Message, Held),
    Close(CloseFrame),
}

impl Line {
    pub(super) fn new(limits: &Limits) -> Line {
        Line {
            state: Mutex::default(),
            outbox_limit: usize::try_from(limits.socket_queue).unwrap_or(usize::MAX),
            patience: limits.drain,
            task: AtomicWaker::new(),
            readable: Notify::new(),
            writable: Notify::new(),
            closed: Notify::new(),
        }
    }

    // The handle's side.

    pub(super) async fn receive(&self, max: usize) -> Vec<Event> {
        loop {
            {
                let mut state = self.lock();
                let batch = state.take(max.max(1));
                let settled = state.said_closed && state.inbox.is_empty();
                if !batch.is_empty() || settled {
                    // Otherwise it has nothing to do with what was taken.
                    let goes_on = std::mem::take(&mut state.is_full);
                    drop(state);
                    if goes_on {
                        self.task.wake();
                    }
                    if settled {
                        // Whoever else waits learns of the end as well.
                        self.readable.notify_one();
                    }
                    return batch;
                }
            }
            // One that was notified meanwhile returns at once.
            self.readable.notified().await;
        }
    }

    pub(super) fn send(&self, kind: Kind, content: Vec<u8>, held: Held) -> Result<bool, Error> {
        let message = match kind {
            Kind::Binary => Message::Binary(content.into()),
            Kind::Text => Message::Text(text(content).into()),
        };
        self.queue(message, held)
    }

    pub(super) fn ping(&self, payload: Bytes) -> Result<bool, Error> {
        self.queue(Message::Ping(payload), None)
    }

    fn queue(&self, message: Message, held: Held) -> Result<bool, Error> {
        let mut state = self.lock();
        if !matches!(state.phase, Phase::Open | Phase::Failing) {
            return Err(Error::ConnectionClosed);
        }
        // By what it has become: text that was made UTF-8 has grown.
        let cost = message.len() + OVERHEAD;
        // One message always fits, however large it is.
        if state.outbox_bytes > 0 && state.outbox_bytes + cost > self.outbox_limit {
            return Ok(false);
        }
        state.outbox_bytes += cost;
        state.outbox.push_back((message, held));
        drop(state);
        self.task.wake();
        Ok(true)
    }

    pub(super) async fn writable(&self) {
        loop {
            let mut notified = std::pin::pin!(self.writable.notified());
            // Before the look, so that nothing between the two is missed.
            notified.as_mut().enable();
            {
                let state = self.lock();
                if state.phase != Phase::Open || state.outbox_bytes <= self.outbox_limit / 2 {
                    return;
                }
            }
            notified.await;
        }
    }

    pub(super) async fn closed(&self) {
        loop {
            let mut notified = std::pin::pin!(self.closed.notified());
            notified.as_mut().enable();
            if self.lock().said_closed {
                return;
            }
            notified.await;
        }
    }

    /// Says goodbye, unless that has begun.
    pub(super) fn hang_up(&self, mut farewell: Farewell) {
        // It may have to wait, and only its beginning goes out.
        let most = farewell.reason.floor_char_boundary(LONGEST_REASON);
        farewell.reason = farewell.reason[..most].to_owned();
        let mut state = self.lock();
        if state.phase == Phase::Open {
            state.phase = Phase::HangingUp;
            state.farewell = Some(farewell);
        }
        drop(state);
        self.writable.notify_waiters();
        self.task.wake();
    }

    pub(super) fn abandon(&self) {
        let mut state = self.lock();
        state.abandoned = true;
        state.inbox.clear();
        state.inbox_bytes = 0;
        drop(state);
        self.hang_up(Farewell::new(Farewell::GOING_AWAY, ""));
    }

    // The task's side.

    pub(super) fn register(&self, task: &Waker) {
        self.task.register(task);
    }

    pub(super) fn phase(&self) -> Phase {
        self.lock().phase
    }

    /// Whether more may be read: there is room, or what comes is dropped anyway.
    pub(super) fn wants_more(&self) -> bool {
        let mut state = self.lock();
        let has_room = state.inbox.len() < INBOX && state.inbox_bytes < INBOX_BYTES;
        state.is_full = state.phase == Phase::Open && !has_room;
        !state.is_full
    }

    pub(super) fn arrived(&self, kind: Kind, content: Bytes) {
        let mut state = self.lock();
        if state.phase != Phase::Open {
            return;
        }
        state.inbox_bytes += content.len();
        let body = Body::from_bytes(BytesMut::from(content), None);
        state.inbox.push_back(Event::Message(kind, body));
        drop(state);
        self.readable.notify_one();
    }

    /// What to write next: the queue in order, then the close frame.
    pub(super) fn next_out(&self) -> Option<Outgoing> {
        let mut state = self.lock();
        if matches!(state.phase, Phase::PeerGone | Phase::Settled) {
            return None;
        }
        if let Some((message, held)) = state.outbox.pop_front() {
            let was_full = state.outbox_bytes > self.outbox_limit / 2;
            state.outbox_bytes -= message.len() + OVERHEAD;
            let has_room = was_full && state.outbox_bytes <= self.outbox_limit / 2;
            drop(state);
            if has_room {
                self.writable.notify_waiters();
            }
            return Some(Outgoing::Message(message, held));
        }
        if state.phase == Phase::Failing && !state.abandoned {
            return None;
        }
        let farewell = state.farewell.take()?;
        Some(Outgoing::Close(frame(farewell)))
    }

    /// Will say goodbye with this, once the guest is done with what came before.
    pub(super) fn fail(&self, farewell: Farewell) {
        let mut state = self.lock();
        if state.phase == Phase::Open {
            state.phase = Phase::Failing;
            state.farewell = Some(farewell.clone());
        }
        state.say_closed(farewell);
        drop(state);
        self.tell();
    }

    /// Says goodbye with this and nothing else, where no close frame is on its way.
    pub(super) fn override_farewell(&self, farewell: Farewell) {
        let mut state = self.lock();
        // What is still to be said was not said.
        let unsent = state.phase == Phase::Open || state.farewell.is_some();
        if unsent {
            state.phase = Phase::HangingUp;
            state.farewell = Some(farewell);
            state.outbox.clear();
            state.outbox_bytes = 0;
        }
        drop(state);
        self.writable.notify_waiters();
    }

    /// The peer has said goodbye.
    pub(super) fn peer_gone(&self) {
        let mut state = self.lock();
        if state.phase != Phase::Settled {
            state.phase = Phase::PeerGone;
        }
        drop(state);
        self.writable.notify_waiters();
    }

    /// It is over.
    pub(super) fn settle(&self, farewell: Farewell) {
        let mut state = self.lock();
        if state.phase == Phase::Settled {
            return;
        }
        state.phase = Phase::Settled;
        state.outbox.clear();
        state.say_closed(farewell);
        drop(state);
        self.writable.notify_waiters();
        self.tell();
    }

    /// The last event is queued.
    fn tell(&self) {
        self.readable.notify_one();
        self.closed.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Queues the last event, once.
    fn say_closed(&mut self, farewell: Farewell) {
        if !self.said_closed && !self.abandoned {
            self.inbox.push_back(Event::Closed(farewell));
        }
        self.said_closed = true;
    }

    fn take(&mut self, max: usize) -> Vec<Event> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while batch.len() < max {
            let Some(event) = self.inbox.front() else { break };
            let length = match event {
                Event::Message(_, body) => body.first_piece(),
                Event::Closed(_) => 0,
            };
            bytes += length;
            if !batch.is_empty() && bytes > BATCH_BYTES {
                break;
            }
            batch.extend(self.inbox.pop_front());
        }
        self.inbox_bytes = self.inbox.iter().map(weight).sum();
        batch
    }
}

/// Bytes that an event holds while it waits.
fn weight(event: &Event) -> usize {
    match event {
        Event::Message(_, body) => body.held_bytes(),
        Event::Closed(_) => 0,
    }
}

/// A frame that can go on the wire, whatever the guest says.
fn frame(farewell: Farewell) -> CloseFrame {
    let mut reason = farewell.reason;
    reason.truncate(reason.floor_char_boundary(LONGEST_REASON));
    let code = match farewell.code {
        code @ (1000..=1003 | 1007..=1014 | 3000..=4999) => code,
        _ => 1000,
    };
    CloseFrame {
        code: code.into(),
        reason: Utf8Bytes::from(reason),
    }
}
