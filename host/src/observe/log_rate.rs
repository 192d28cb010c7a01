//! How much a script may write to standard error: its warnings, and the errors that its peers provoke, must not drown
//! everything else that is there.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// How many lines may be written, whoever writes them.
pub(crate) struct LogRate(Mutex<Room>);

/// Lines that may be written now; it fills up again with time.
struct Room {
    per_second: f64,
    room: f64,
    last: Instant,
    dropped: u64,
}

/// What becomes of a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admitted {
    /// It is written; before it a word on those that were not.
    Yes {
        /// Lines that were dropped since the last one.
        dropped: u64,
    },
    /// It is dropped.
    No,
}

impl LogRate {
    /// A second's worth may be written at once.
    pub(crate) fn new(per_second: u32) -> LogRate {
        LogRate(Mutex::new(Room::new(per_second)))
    }

    /// Counts a line.
    pub(crate) fn admit(&self) -> Admitted {
        let mut room = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        room.admit_at(Instant::now())
    }
}

impl Room {
    fn new(per_second: u32) -> Room {
        Room {
            per_second: per_second.into(),
            room: per_second.into(),
            last: Instant::now(),
            dropped: 0,
        }
    }

    fn admit_at(&mut self, now: Instant) -> Admitted {
        let passed = now.saturating_duration_since(self.last).as_secs_f64();
        self.last = now;
        self.room = (self.room + passed * self.per_second).min(self.per_second);
        if self.room < 1.0 {
            self.dropped += 1;
            return Admitted::No;
        }
        self.room -= 1.0;
        Admitted::Yes {
            dropped: std::mem::take(&mut self.dropped),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_second_s_worth_and_no_more() {
        let mut rate = Room::new(2);
        let start = rate.last;
        let lines: Vec<_> = [0, 0, 0, 0, 400, 600, 10_000, 10_000, 10_000]
            .map(|milliseconds| rate.admit_at(start + Duration::from_millis(milliseconds)))
            .into();
        let yes = |dropped| Admitted::Yes { dropped };
        assert_eq!(
            lines,
            [
                yes(0),
                yes(0),
                Admitted::No,
                Admitted::No,
                Admitted::No,
                yes(3),
                yes(0),
                yes(0),
                Admitted::No
            ]
        );
    }
}
