//! The time that scripts see. What limits go by is the system's, whatever an embedder says.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use wasmtime_wasi::HostWallClock;

/// A wait under way.
pub type Sleeping = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Tells scripts the time. Limits and the timeouts of requests go by the system's time all the same.
///
/// ```
/// use std::sync::Mutex;
/// use std::time::{Duration, SystemTime};
///
/// use atoll::{Clock, Runtime, Script, Sleeping};
///
/// /// A time that passes only while the script waits for it.
/// struct Still(Mutex<Duration>);
///
/// impl Clock for Still {
///     fn now(&self) -> SystemTime {
///         SystemTime::UNIX_EPOCH + self.elapsed()
///     }
///
///     fn elapsed(&self) -> Duration {
///         *self.0.lock().unwrap()
///     }
///
///     fn sleep(&self, time: Duration) -> Sleeping {
///         *self.0.lock().unwrap() += time;
///         Box::pin(std::future::ready(()))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let runtime = Runtime::builder().clock(Still(Mutex::default())).build()?;
/// runtime
///     .run(&Script::new("main.luau", "task.wait(3600) assert(os.time() == 3600 and os.clock() == 3600)"))
///     .await?;
/// # Ok(())
/// # }
/// ```
pub trait Clock: Send + Sync {
    /// The time of day: `os.time` and `os.date`.
    fn now(&self) -> SystemTime;

    /// Time since some moment before the start, which never goes back: `os.clock`.
    fn elapsed(&self) -> Duration;

    /// Waits until [`elapsed`](Clock::elapsed) is more by at least this much: `task.wait` and `task.delay`. A time can be
    /// longer than a clock can tell; it then never comes.
    ///
    /// Cancel safety: the future is dropped when the script gives up.
    fn sleep(&self, time: Duration) -> Sleeping;
}

/// The system's.
pub(super) struct SystemClock(Instant);

impl SystemClock {
    pub(super) fn new() -> SystemClock {
        SystemClock(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, time: Duration) -> Sleeping {
        match tokio::time::Instant::now().checked_add(time) {
            Some(deadline) => Box::pin(tokio::time::sleep_until(deadline)),
            None => Box::pin(std::future::pending()),
        }
    }
}

/// What the guest's libc asks for the time of day.
pub(super) struct TimeOfDay(pub(super) Arc<dyn Clock>);

impl HostWallClock for TimeOfDay {
    fn resolution(&self) -> Duration {
        Duration::from_micros(1)
    }

    fn now(&self) -> Duration {
        // WASI knows no time before 1970.
        let since = self.0.now().duration_since(SystemTime::UNIX_EPOCH);
        since.unwrap_or_default()
    }
}
