//! Whether the clients of one HTTP/2 connection take what they asked for. HTTP/1.1 needs none of this: a write that
//! the system does not take is timed there, but an HTTP/2 client answers for each stream's window by itself.
//!
//! `answer` wraps each response's content, `http2` looks now and then which ones have not moved.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::answer::Content;

/// Bytes of content that one look at a delivery may find unmoved: a client that takes fewer between two looks is too slow.
const STEP: usize = 16 << 10;

/// Deliveries that are listed before those that have ended are taken off the list.
const LISTED: usize = 256;

/// The deliveries of one connection.
#[derive(Default)]
pub(super) struct Deliveries(Mutex<Vec<Seen>>);

/// A delivery, and how far it had come when it was last looked at.
struct Seen {
    delivery: Weak<Delivery>,
    steps: Option<u64>,
}

/// The content of one response on its way.
#[derive(Default)]
struct Delivery {
    /// Parts that were asked for, and parts that have gone out.
    steps: AtomicU64,
    /// Parts that were asked for and have not gone out.
    waiting: AtomicU64,
    /// The next part is the script's to make.
    is_scripts_turn: AtomicBool,
}

impl Deliveries {
    /// Wraps a response's content so that it is looked after.
    pub(super) fn watch(&self, content: Content) -> Delivered {
        let delivery = Arc::new(Delivery::default());
        let mut all = self.all();
        if all.len() >= LISTED {
            all.retain(|seen| seen.delivery.strong_count() > 0);
        }
        all.push(Seen {
            delivery: Arc::downgrade(&delivery),
            steps: None,
        });
        drop(all);
        Delivered {
            content,
            rest: Bytes::new(),
            delivery: Some(delivery),
        }
    }

    /// Whether one that waits for its client has not moved since the last look.
    pub(super) fn any_stalled(&self) -> bool {
        let mut stalled = false;
        self.all().retain_mut(|seen| {
            let Some(delivery) = seen.delivery.upgrade() else {
                return false;
            };
            let steps = delivery.steps.load(Ordering::Relaxed);
            stalled |= seen.steps == Some(steps) && delivery.is_clients_turn();
            seen.steps = Some(steps);
            true
        });
        stalled
    }

    fn all(&self) -> std::sync::MutexGuard<'_, Vec<Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Delivery {
    fn is_clients_turn(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0 || !self.is_scripts_turn.load(Ordering::Relaxed)
    }
}

/// A part on its way: it has gone out when this is dropped.
struct Part {
    bytes: Bytes,
    delivery: Arc<Delivery>,
}

impl Part {
    fn wrap(bytes: Bytes, delivery: &Arc<Delivery>) -> Bytes {
        delivery.steps.fetch_add(1, Ordering::Relaxed);
        delivery.waiting.fetch_add(1, Ordering::Relaxed);
        Bytes::from_owner(Part {
            bytes,
            delivery: delivery.clone(),
        })
    }
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.delivery.steps.fetch_add(1, Ordering::Relaxed);
        self.delivery.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A response's content, perhaps looked after.
pub(super) struct Delivered {
    content: Content,
    /// Of a large frame what has not been asked for yet.
    rest: Bytes,
    delivery: Option<Arc<Delivery>>,
}

impl From<Content> for Delivered {
    fn from(content: Content) -> Delivered {
        Delivered {
            content,
            rest: Bytes::new(),
            delivery: None,
        }
    }
}

impl Body for Delivered {
    type Data = Bytes;
    type Error = <Content as Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Some(delivery) = self.delivery.clone() else {
            return Pin::new(&mut self.content).poll_frame(context);
        };
        while self.rest.is_empty() {
            let polled = Pin::new(&mut self.content).poll_frame(context);
            delivery
                .is_scripts_turn
                .store(polled.is_pending(), Ordering::Relaxed);
            match ready!(polled) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                end => return Poll::Ready(end),
            }
        }
        let length = self.rest.len().min(STEP);
        let part = self.rest.split_to(length);
        Poll::Ready(Some(Ok(Frame::data(Part::wrap(part, &delivery)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.content.size_hint();
        let rest = self.rest.len() as u64;
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(hint.lower() + rest);
        hint
    }
}
