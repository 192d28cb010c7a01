//! Contents on their way in: collects the pieces of a message without running out of memory.
//!
//! Called by `net::serve` for requests and `net::request` for responses. Each reader reserves what its content
//! may take before its first piece, in order of arrival, so that the readers under way always fit.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

#[cfg(feature = "wasi-http")]
use crate::bindings::types::Header;
use crate::bindings::types::{Body, ErrorCode};
use crate::net::error;

/// Bytes asked for at once.
const PIECE: u32 = 256 * 1024;

/// Why a content could not be read.
#[derive(Debug)]
pub(crate) enum Shortfall {
    /// The host stopped: the peer was too slow, sent too much or went away.
    Broken(ErrorCode),
    /// There is no memory left for it.
    NoMemory,
}

impl Shortfall {
    /// The script's message.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Broken(reason) => error::words(reason),
            Self::NoMemory => error::limit_exceeded("there is no memory left for the content (limit memory)"),
        }
    }
}

/// The memory that contents may take before scripts have them.
pub(crate) struct Intake {
    /// All of it, in bytes.
    capacity: u64,
    /// What no reader has reserved.
    free: Cell<u64>,
    /// The readers that wait for their reservation, first come, first served.
    waiting: RefCell<VecDeque<Rc<Ticket>>>,
}

/// A reader's place in the queue.
struct Ticket {
    /// The bytes that it asks for.
    need: u64,
    /// Whether it has them.
    granted: Cell<bool>,
    /// Whom to tell.
    waker: RefCell<Option<Waker>>,
}

/// A reservation, or the wait for one; dropped, it is given back.
struct Reservation {
    /// Where it was made.
    intake: Rc<Intake>,
    /// Its place in the queue.
    ticket: Rc<Ticket>,
}

impl Intake {
    /// Room for `capacity` bytes.
    pub(crate) fn new(capacity: u64) -> Self {
        Self {
            capacity,
            free: Cell::new(capacity),
            waiting: RefCell::default(),
        }
    }

    /// The whole content of a message with these fields, of which the host lets through `most` bytes.
    ///
    /// # Errors
    ///
    /// [`Shortfall`], with nothing kept of the content.
    pub(crate) async fn read(
        self: &Rc<Self>,
        body: Body,
        expected: Option<u64>,
        most: u64,
    ) -> Result<Vec<u8>, Shortfall> {
        let source = match body {
            Body::Whole(content) => return Ok(content),
            Body::Pieces(source) => source,
        };
        let reservation = Reservation::new(self, expected.unwrap_or(most));
        reservation.granted().await;
        let mut content = Vec::new();
        let length = expected
            .and_then(|length| usize::try_from(length).ok())
            .unwrap_or(0);
        content
            .try_reserve_exact(length)
            .map_err(|_| Shortfall::NoMemory)?;
        loop {
            let piece = source.read(PIECE).await.map_err(Shortfall::Broken)?;
            if piece.is_empty() {
                return Ok(content);
            }
            content
                .try_reserve(piece.len())
                .map_err(|_| Shortfall::NoMemory)?;
            content.extend_from_slice(&piece);
        }
    }

    /// Serves those at the head of the queue whose need is met.
    fn serve_queue(&self) {
        let mut waiting = self.waiting.borrow_mut();
        while let Some(first) = waiting.front() {
            let Some(left) = self.free.get().checked_sub(first.need) else {
                break;
            };
            self.free.set(left);
            first.granted.set(true);
            if let Some(waker) = first.waker.take() {
                waker.wake();
            }
            waiting.pop_front();
        }
    }
}

impl Reservation {
    /// Joins the queue. What is more than there ever is counts as all of it.
    fn new(intake: &Rc<Intake>, need: u64) -> Self {
        let need = need.min(intake.capacity);
        let ticket = Rc::new(Ticket {
            need,
            granted: Cell::new(false),
            waker: RefCell::new(None),
        });
        intake.waiting.borrow_mut().push_back(ticket.clone());
        intake.serve_queue();
        Self {
            intake: intake.clone(),
            ticket,
        }
    }

    /// Waits until the bytes are reserved.
    async fn granted(&self) {
        poll_fn(|context| {
            if self.ticket.granted.get() {
                return Poll::Ready(());
            }
            *self.ticket.waker.borrow_mut() = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.ticket.granted.get() {
            self.intake.free.set(self.intake.free.get() + self.ticket.need);
        } else {
            self.intake
                .waiting
                .borrow_mut()
                .retain(|other| !Rc::ptr_eq(other, &self.ticket));
        }
        self.intake.serve_queue();
    }
}

/// The length that a message states for its content, where it does.
#[cfg(feature = "wasi-http")]
pub(crate) fn stated_length(fields: &[Header]) -> Option<u64> {
    let stated = fields.iter().find(|field| field.name == "content-length")?;
    std::str::from_utf8(&stated.value).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::{Intake, Reservation};

    #[test]
    fn readers_are_served_in_order_and_give_back() {
        let intake = Rc::new(Intake::new(10));
        let first = Reservation::new(&intake, 6);
        let second = Reservation::new(&intake, 100);
        let third = Reservation::new(&intake, 1);
        assert!(first.ticket.granted.get());
        assert!(!second.ticket.granted.get(), "it needs everything");
        assert!(!third.ticket.granted.get(), "it came later than the second");
        drop(first);
        assert!(second.ticket.granted.get());
        drop(second);
        assert!(third.ticket.granted.get());
        drop(third);
        assert_eq!(intake.free.get(), 10);
    }

    #[test]
    fn a_reader_that_gives_up_lets_the_next_one_in() {
        let intake = Rc::new(Intake::new(10));
        let first = Reservation::new(&intake, 6);
        let second = Reservation::new(&intake, 6);
        let third = Reservation::new(&intake, 4);
        drop(second);
        assert!(third.ticket.granted.get());
        drop(first);
        drop(third);
        assert_eq!(intake.free.get(), 10);
    }
}
