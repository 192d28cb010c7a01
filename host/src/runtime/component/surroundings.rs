//! What a guest finds around it while its component is built. What it leaves in memory is in the component, dead memory
//! included, so all of it is the same at each build, but for what a script asks for by itself: the date, and `crypto.random`.
//!
//! Time passes where the guest waits for it, and at once: nothing else is waited for, as there is no network.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use wasmtime::component::{HasData, Linker, Resource};
use wasmtime::{Result, bail};
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::p2::bindings::random::random;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi::{HostWallClock, ResourceTable, Rng, async_trait, thread_rng};

/// Nanoseconds that each look at the clock takes: what looks until the time has come would look forever.
const STEP: u64 = 1_000;

/// Random bytes that one call gives.
const MOST_RANDOM: u64 = 1 << 16;

/// A clock that stands still, unless it is waited for.
#[derive(Clone)]
pub(super) struct Time(Arc<Mutex<Hands>>);

struct Hands {
    /// Nanoseconds since the beginning.
    now: u64,
    /// The instants that are waited for, and by how many.
    awaited: BTreeMap<u64, u32>,
    /// Whether one of those that are waited for now has come: then the wait of all is over.
    has_come: bool,
    /// When the guest last waited, by the system's clock.
    since: Instant,
    /// How long the guest may run without waiting. From then on this clock goes too, so that a script that never waits
    /// meets its limit.
    run: Duration,
}

impl Hands {
    fn now(&self) -> u64 {
        let beyond = self.since.elapsed().saturating_sub(self.run);
        self.now.saturating_add(nanoseconds(beyond))
    }
}

impl Time {
    pub(super) fn new(run: Duration) -> Time {
        Time(Arc::new(Mutex::new(Hands {
            now: 0,
            awaited: BTreeMap::new(),
            has_come: false,
            since: Instant::now(),
            run,
        })))
    }

    fn hands(&self) -> MutexGuard<'_, Hands> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self) -> u64 {
        let mut hands = self.hands();
        hands.now = hands.now.saturating_add(STEP);
        hands.now()
    }

    fn is_past(&self, instant: u64) -> bool {
        self.hands().now() >= instant
    }

    /// Whether the instant has come, as nobody waits for an earlier one.
    fn reach(&self, instant: u64) -> bool {
        let mut hands = self.hands();
        if hands.now() >= instant {
            return true;
        }
        if hands.has_come || hands.awaited.keys().next().is_some_and(|first| *first < instant) {
            return false;
        }
        hands.has_come = true;
        hands.now = instant;
        hands.since = Instant::now();
        true
    }
}

/// An instant that can be waited for.
struct Wait {
    time: Time,
    instant: u64,
}

#[async_trait]
impl Pollable for Wait {
    async fn ready(&mut self) {
        if self.time.is_past(self.instant) {
            return;
        }
        let _awaited = Awaited::new(&self.time, self.instant);
        // All that are waited for at once are known by then.
        tokio::task::yield_now().await;
        poll_fn(|_| match self.time.reach(self.instant) {
            true => Poll::Ready(()),
            // The earliest one ends the wait of all.
            false => Poll::Pending,
        })
        .await;
    }
}

/// An instant that is waited for.
struct Awaited<'a> {
    time: &'a Time,
    instant: u64,
}

impl<'a> Awaited<'a> {
    fn new(time: &'a Time, instant: u64) -> Self {
        let mut hands = time.hands();
        *hands.awaited.entry(instant).or_default() += 1;
        hands.has_come = false;
        drop(hands);
        Self { time, instant }
    }
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        let mut hands = self.time.hands();
        if let Some(count) = hands.awaited.get_mut(&self.instant) {
            *count -= 1;
            if *count == 0 {
                hands.awaited.remove(&self.instant);
            }
        }
    }
}

/// `wasi:clocks/monotonic-clock`.
pub(super) struct Clock<'a> {
    pub(super) time: &'a Time,
    pub(super) table: &'a mut ResourceTable,
}

impl monotonic_clock::Host for Clock<'_> {
    fn now(&mut self) -> Result<u64> {
        Ok(self.time.look())
    }

    fn resolution(&mut self) -> Result<u64> {
        Ok(STEP)
    }

    fn subscribe_instant(&mut self, instant: u64) -> Result<Resource<DynPollable>> {
        let wait = self.table.push(Wait {
            time: self.time.clone(),
            instant,
        })?;
        subscribe(self.table, wait)
    }

    fn subscribe_duration(&mut self, duration: u64) -> Result<Resource<DynPollable>> {
        let now = self.time.hands().now();
        self.subscribe_instant(now.saturating_add(duration))
    }
}

/// `wasi:clocks/wall-clock`: the date when the build began, and what has passed of [`Time`] since.
pub(super) struct Calendar {
    began: Duration,
    time: Time,
    /// Whether anybody has asked. The first one to ask is Luau itself, for a seed of `math.random`.
    is_asked: AtomicBool,
}

impl Calendar {
    /// `began`: since 1970.
    pub(super) fn new(began: Duration, time: Time) -> Calendar {
        Calendar {
            began,
            time,
            is_asked: AtomicBool::new(false),
        }
    }
}

impl HostWallClock for Calendar {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(STEP)
    }

    fn now(&self) -> Duration {
        match self.is_asked.swap(true, Ordering::Relaxed) {
            true => self.began + Duration::from_nanos(self.time.hands().now()),
            false => Duration::ZERO,
        }
    }
}

/// `wasi:random/random`. Bytes are what libc and Rust's own tables ask for, and always the same; `crypto.random` asks for
/// numbers while a component is built, and gets the system's.
pub(super) struct Dice(Box<dyn Rng + Send>);

impl Dice {
    pub(super) fn new() -> Dice {
        Dice(thread_rng())
    }
}

impl random::Host for Dice {
    fn get_random_bytes(&mut self, length: u64) -> Result<Vec<u8>> {
        if length > MOST_RANDOM {
            bail!("{length} random bytes at once, and {MOST_RANDOM} is the most");
        }
        Ok((0..length).map(|place| place as u8).collect())
    }

    fn get_random_u64(&mut self) -> Result<u64> {
        Ok(self.0.next_u64())
    }
}

/// For the linker: what of a store's data is a [`Clock`].
struct OfClock;

impl HasData for OfClock {
    type Data<'a> = Clock<'a>;
}

/// The same for [`Dice`].
struct OfDice;

impl HasData for OfDice {
    type Data<'a> = &'a mut Dice;
}

/// Puts these in the place of what is there already.
///
/// # Errors
///
/// When the engine has no such types.
pub(super) fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    clock: fn(&mut T) -> Clock<'_>,
    dice: fn(&mut T) -> &mut Dice,
) -> Result<()> {
    linker.allow_shadowing(true);
    monotonic_clock::add_to_linker::<T, OfClock>(linker, clock)?;
    random::add_to_linker::<T, OfDice>(linker, dice)?;
    linker.allow_shadowing(false);
    Ok(())
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
