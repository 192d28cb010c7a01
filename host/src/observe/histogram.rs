//! How long things took, in classes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the classes, in seconds; a last class has none.
const BOUNDS: [f64; 16] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// The counters.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    classes: [AtomicU64; BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
}

/// How long things took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Times {
    /// How many took at most as long as the bound of the same index in [`Times::BOUNDS`] and longer than the one before; the last
    /// ones longer than every bound.
    pub classes: [u64; BOUNDS.len() + 1],
    /// All of them together.
    pub sum: Duration,
}

impl Times {
    /// Upper bounds of the classes, in seconds.
    pub const BOUNDS: [f64; 16] = BOUNDS;

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.classes.iter().sum()
    }
}

impl Histogram {
    pub(super) fn observe(&self, time: Duration) {
        let seconds = time.as_secs_f64();
        let class = BOUNDS.iter().take_while(|bound| seconds > **bound).count();
        self.classes[class].fetch_add(1, Ordering::Relaxed);
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> Times {
        Times {
            classes: std::array::from_fn(|class| self.classes[class].load(Ordering::Relaxed)),
            sum: Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_class() {
        let histogram = Histogram::default();
        for micros in [0, 100, 101, 10_000_000, 10_000_001] {
            histogram.observe(Duration::from_micros(micros));
        }
        let times = histogram.read();
        assert_eq!((times.classes[0], times.classes[1]), (2, 1));
        assert_eq!((times.classes[15], times.classes[16]), (1, 1));
        assert_eq!(times.count(), 5);
        assert_eq!(times.sum, Duration::from_micros(20_000_202));
    }
}
