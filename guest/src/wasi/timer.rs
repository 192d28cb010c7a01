//! Time to wait, by `wasi:clocks`.

use wasip2::clocks::monotonic_clock::{self, Duration};

use super::executor;
use super::types::ErrorCode;

/// Returns when at least this much time has passed.
pub(crate) async fn sleep(time: Duration) -> Result<(), ErrorCode> {
    executor::until(now().saturating_add(time)).await;
    Ok(())
}

/// Nanoseconds of the monotonic clock.
pub(crate) fn now() -> Duration {
    monotonic_clock::now()
}

/// Waits until an instant of the monotonic clock.
pub(super) async fn sleep_until(end: u64) {
    executor::until(end).await;
}

/// The instant that lies so far ahead; none where the clock has no such instant.
pub(super) fn ahead(time: Duration) -> Option<u64> {
    now().checked_add(time)
}
