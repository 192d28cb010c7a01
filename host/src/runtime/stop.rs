//! How a run is told to end.

use tokio_util::sync::CancellationToken;

/// Tells runs to end. Clones tell the same runs.
#[derive(Debug, Clone, Default)]
pub struct Stop(CancellationToken);

impl Stop {
    /// One that nobody has used yet.
    pub fn new() -> Stop {
        Stop::default()
    }

    /// Ends the runs: servers drain first.
    pub fn stop(&self) {
        self.0.cancel();
    }

    /// Whether [`stop`](Stop::stop) was called.
    pub fn is_stopped(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits for [`stop`](Stop::stop).
    ///
    /// Cancel safety: nothing is lost.
    pub(super) async fn stopped(&self) {
        self.0.cancelled().await;
    }
}
