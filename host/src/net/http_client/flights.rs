//! The requests that one instance has under way, and how they came out: what `bindings::http_client` hands to the guest, all
//! that there is at once.

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::OwnedSemaphorePermit;

use super::super::body::PIECE;
use super::super::error::Error;
use super::Response;

/// Bytes of responses that are handed over at once, so that they fit the guest's memory.
const BATCH_BYTES: usize = 4 * PIECE;

/// How a request came out.
pub(crate) struct Landed {
    /// Its number.
    pub(crate) number: u64,
    /// Its response, or why there is none.
    pub(crate) outcome: Result<Response, Error>,
    /// Its place among the guest's calls.
    _call: OwnedSemaphorePermit,
}

/// A request under way.
struct Flight {
    number: u64,
    future: Pin<Box<dyn Future<Output = Result<Response, Error>> + Send>>,
    call: OwnedSemaphorePermit,
}

/// What is polled: a place for one request after the other, as a set of futures can't be told to let go of one.
#[derive(Default)]
struct Seat {
    flight: Option<Flight>,
    waker: Option<Waker>,
}

/// As [`FuturesUnordered`] polls it; it never ends.
struct Polled {
    seat: Arc<Mutex<Seat>>,
    landed: Arc<Mutex<VecDeque<Landed>>>,
}

/// The requests of one instance. They go on while somebody waits for outcomes.
#[derive(Default)]
pub(crate) struct Flights {
    state: Mutex<State>,
    landed: Arc<Mutex<VecDeque<Landed>>>,
}

#[derive(Default)]
struct State {
    seats: FuturesUnordered<Polled>,
    taken: HashMap<u64, Arc<Mutex<Seat>>>,
    free: Vec<Arc<Mutex<Seat>>>,
    /// The number of the last request.
    last: u64,
    /// Who waits for outcomes.
    waiting: Option<Waker>,
}

impl Flights {
    /// Begins a request and returns its number. `call` is its place among the guest's calls.
    pub(crate) fn begin(
        &self,
        request: impl Future<Output = Result<Response, Error>> + Send + 'static,
        call: OwnedSemaphorePermit,
    ) -> u64 {
        let mut state = lock(&self.state);
        state.last += 1;
        let number = state.last;
        let flight = Flight {
            number,
            // Many are polled in one turn of the instance's task, whose budget is not meant for so many.
            future: Box::pin(tokio::task::unconstrained(request)),
            call,
        };
        let seat = match state.free.pop() {
            Some(seat) => seat,
            None => {
                let seat = Arc::default();
                state.seats.push(Polled {
                    seat: Arc::clone(&seat),
                    landed: self.landed.clone(),
                });
                seat
            }
        };
        let waker = {
            let mut seat = lock(&seat);
            seat.flight = Some(flight);
            seat.waker.take()
        };
        state.taken.insert(number, seat);
        let waiting = state.waiting.take();
        drop(state);
        // The set itself does not tell of what is new.
        for waker in [waker, waiting].into_iter().flatten() {
            waker.wake();
        }
        number
    }

    /// Gives a request up: its connection is closed.
    pub(crate) fn give_up(&self, number: u64) {
        let mut state = lock(&self.state);
        let Some(seat) = state.taken.remove(&number) else {
            return;
        };
        let flight = lock(&seat).flight.take();
        state.free.push(seat);
        drop(state);
        let mut landed = lock(&self.landed);
        let place = landed.iter().position(|landed| landed.number == number);
        let unwanted = place.and_then(|place| landed.remove(place));
        drop(landed);
        drop((flight, unwanted));
    }

    /// Waits for requests to come out, and takes those that have: at least one and at most `max`, fewer where responses
    /// are large.
    ///
    /// Cancel safety: dropping the future loses nothing.
    pub(crate) async fn outcomes(&self, max: usize) -> Vec<Landed> {
        poll_fn(|context| self.poll_outcomes(max, context)).await
    }

    fn poll_outcomes(&self, max: usize, context: &mut Context<'_>) -> Poll<Vec<Landed>> {
        let mut state = lock(&self.state);
        // There is nothing to be had of it: a seat never ends.
        let _ = state.seats.poll_next_unpin(context);
        let batch = take(&mut lock(&self.landed), max.max(1));
        if batch.is_empty() {
            state.waiting = Some(context.waker().clone());
            return Poll::Pending;
        }
        for landed in &batch {
            let seat = state.taken.remove(&landed.number);
            state.free.extend(seat);
        }
        Poll::Ready(batch)
    }
}

impl Future for Polled {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut seat = lock(&self.seat);
        let Seat { flight, waker } = &mut *seat;
        let Some(under_way) = flight else {
            *waker = Some(context.waker().clone());
            return Poll::Pending;
        };
        if let Poll::Ready(outcome) = under_way.future.as_mut().poll(context)
            && let Some(Flight { number, call, .. }) = flight.take()
        {
            lock(&self.landed).push_back(Landed {
                number,
                outcome,
                _call: call,
            });
        }
        *waker = Some(context.waker().clone());
        Poll::Pending
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn take(landed: &mut VecDeque<Landed>, max: usize) -> Vec<Landed> {
    let mut bytes = 0;
    let fitting = landed.iter().take(max).take_while(|landed| {
        let is_first = bytes == 0;
        bytes += weight(landed).max(1);
        is_first || bytes <= BATCH_BYTES
    });
    let count = fitting.count();
    landed.drain(..count).collect()
}

/// Bytes that handing it over takes.
fn weight(landed: &Landed) -> usize {
    landed.outcome.as_ref().map_or(0, |response| {
        let raw = response.raw_head.as_ref().map_or(0, Vec::len);
        response.head.len() + raw + response.body.first_piece()
    })
}
