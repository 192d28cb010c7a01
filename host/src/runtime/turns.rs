//! Who may compute when many want to: an instance that has used up a tick takes turns with the others like it, so that
//! those which only answer now and then never wait for more than a few ticks, however many spin.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::engine::TICK;

/// The turns of one runtime, handed out in order.
#[derive(Clone)]
pub(super) struct Turns(Arc<Semaphore>);

/// How one instance stands: when it last gave way, and whether it has a turn. Clones share it.
#[derive(Clone)]
pub(crate) struct Pulse(Arc<Inner>);

struct Inner {
    turns: Turns,
    start: Instant,
    /// When the guest last gave way to the host's event loop, in nanoseconds from `start`. The time that it waited for a
    /// turn since then is added, as it is not the guest's.
    last: AtomicU64,
    /// Whether `turn` is taken, so that giving way need not lock.
    has_turn: AtomicBool,
    turn: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Turns {
    /// One turn fewer than there are processors: what is not heavy finds one free, where there are several.
    pub(super) fn new() -> Turns {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Turns(Arc::new(Semaphore::new((processors - 1).max(1))))
    }
}

impl Pulse {
    pub(super) fn new(turns: Turns) -> Pulse {
        Pulse(Arc::new(Inner {
            turns,
            start: Instant::now(),
            last: AtomicU64::new(0),
            has_turn: AtomicBool::new(false),
            turn: Mutex::new(None),
        }))
    }

    /// The guest has given way to the host's event loop.
    pub(super) fn beat(&self) {
        self.0.last.store(self.now(), Ordering::Relaxed);
        if self.0.has_turn.load(Ordering::Relaxed) {
            self.give_up_turn();
        }
    }

    /// Waits for what keeps the guest on its stack but is not its doing. The time is not held against it, and its turn is
    /// another's meanwhile.
    ///
    /// Cancel safety: that of what is waited for; the instance is without a turn.
    pub(crate) async fn excuse<T>(&self, waiting: impl Future<Output = T>) -> T {
        let mut waiting = std::pin::pin!(waiting);
        if let Poll::Ready(done) = futures_util::poll!(waiting.as_mut()) {
            return done;
        }
        let before = self.now();
        self.give_up_turn();
        let done = waiting.await;
        self.forget(before);
        done
    }

    /// The time since then is not the guest's.
    fn forget(&self, before: u64) {
        self.0
            .last
            .fetch_add(self.now().saturating_sub(before), Ordering::Relaxed);
    }

    /// How long the guest has been running since.
    pub(super) fn silence(&self) -> Duration {
        Duration::from_nanos(self.now().saturating_sub(self.0.last.load(Ordering::Relaxed)))
    }

    /// Whether it has only just begun: a tick that falls into that is no reason to interrupt it.
    pub(super) fn is_fresh(&self) -> bool {
        self.silence() < TICK / 2
    }

    /// Waits for the next turn, and then lets all go first that are ready: tokio looks at timers and sockets only when
    /// whoever yields is all that is left to run.
    ///
    /// Cancel safety: the instance is without a turn.
    pub(super) async fn wait_for_turn(self) {
        let before = self.now();
        self.give_up_turn();
        // The semaphore is never closed.
        let turn = self.0.turns.0.clone().acquire_owned().await.ok();
        *self.0.turn.lock().unwrap_or_else(PoisonError::into_inner) = turn;
        self.0.has_turn.store(true, Ordering::Relaxed);
        tokio::task::yield_now().await;
        self.forget(before);
    }

    fn give_up_turn(&self) {
        self.0.has_turn.store(false, Ordering::Relaxed);
        drop(self.0.turn.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two that compute, with one turn between them.
    fn pair() -> (Pulse, Pulse) {
        let turns = Turns(Arc::new(Semaphore::new(1)));
        (Pulse::new(turns.clone()), Pulse::new(turns))
    }

    #[tokio::test]
    async fn one_computes_at_a_time() {
        let (one, other) = pair();
        one.clone().wait_for_turn().await;
        let waiting = tokio::spawn(other.clone().wait_for_turn());
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert!(!waiting.is_finished(), "the turn is taken");
        // What asks again goes behind what waits.
        let again = tokio::spawn(one.clone().wait_for_turn());
        waiting.await.expect("it has its turn");
        assert!(!again.is_finished());
        // Giving way to the event loop gives up the turn.
        other.beat();
        again.await.expect("it has its turn");
    }

    #[tokio::test]
    async fn what_ends_gives_up_its_turn() {
        let (one, other) = pair();
        one.clone().wait_for_turn().await;
        drop(one);
        other.wait_for_turn().await;
    }

    #[tokio::test]
    async fn others_go_first_whenever_a_turn_begins() {
        let (one, _) = pair();
        let mut turn = std::pin::pin!(one.clone().wait_for_turn());
        assert!(
            futures_util::poll!(turn.as_mut()).is_pending(),
            "even where it is free"
        );
        turn.await;
    }
}
