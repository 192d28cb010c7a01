//! What the runs of one script use.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Reads what the runs of a [`Script`](super::Script) use, while they are under way and after. Clones read the same.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    busy: AtomicU64,
    memory: AtomicU64,
    peak: AtomicU64,
}

/// What the runs that tell one [`Meter`] have used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunUsage {
    /// Time in which they ran and did not wait. What the host does for them counts (its part of a request, say), and on a
    /// machine with too much to do the time that the system gave to others meanwhile. Time before a limit ended a run counts.
    pub busy: Duration,
    /// Bytes of linear memory that they hold right now, the exceptions' heap included.
    pub memory: u64,
    /// The most that they held at any time.
    pub peak_memory: u64,
}

impl Meter {
    /// One that nobody has told anything.
    pub fn new() -> Meter {
        Meter::default()
    }

    /// What was used up to now.
    pub fn usage(&self) -> RunUsage {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        RunUsage {
            busy: Duration::from_nanos(read(&self.0.busy)),
            memory: read(&self.0.memory),
            peak_memory: read(&self.0.peak),
        }
    }

    /// Counts the time that the work needs between its waits.
    ///
    /// Cancel safety: that of the work.
    pub(super) async fn watch<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(|context| {
            let began = Instant::now();
            let polled = work.as_mut().poll(context);
            let took = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.0.busy.fetch_add(took, Ordering::Relaxed);
            polled
        })
        .await
    }

    pub(super) fn memory_changed(&self, from: u64, to: u64) {
        // Wraps around where it shrinks, and comes out right.
        let change = to.wrapping_sub(from);
        let before = self.0.memory.fetch_add(change, Ordering::Relaxed);
        self.0
            .peak
            .fetch_max(before.wrapping_add(change), Ordering::Relaxed);
    }

    /// With what it still held.
    pub(super) fn instance_ended(&self, memory: u64) {
        self.0.memory.fetch_sub(memory, Ordering::Relaxed);
    }
}
