//! Runs the program's future, and waits for the host where nothing is ready: futures wait for pollables, and all that wait
//! are handed to one `poll`. Of those that wait for time only the first does, so that thousands may.
//!
//! Called by `app`. Between two requests nothing runs: what still waits then goes on with the next one.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use wasip2::clocks::monotonic_clock;
use wasip2::io::poll::{Pollable, poll};

thread_local! {
    /// Something has become ready since the program was last polled.
    static WOKEN: Cell<bool> = const { Cell::new(false) };
    /// What waits for the host, and whom to tell; by the numbers of the waits.
    static WAITS: RefCell<BTreeMap<u64, (Rc<Pollable>, Waker)>> = const { RefCell::new(BTreeMap::new()) };
    /// What waits for an instant of the monotonic clock, and whom to tell; by the instants, and the numbers of the waits.
    static TIMERS: RefCell<BTreeMap<(u64, u64), Waker>> = const { RefCell::new(BTreeMap::new()) };
    /// The number of the next wait.
    static NEXT: Cell<u64> = const { Cell::new(0) };
}

/// There is one program, so there is one flag.
struct Flag;

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        WOKEN.set(true);
    }
}

/// Why the program does not go on.
pub(super) enum Pause<T> {
    /// It has ended.
    Ended(T),
    /// What was waited for has come.
    Reached,
    /// Nothing is left that could go on.
    Stalled,
    /// The time is over.
    Late,
}

/// Runs the program until `reached`, or until `deadline` (an instant of the monotonic clock, which may change meanwhile).
/// `beside` is polled with it.
pub(super) fn drive<T>(
    program: Pin<&mut (impl Future<Output = T> + ?Sized)>,
    mut beside: Pin<&mut impl Future<Output = ()>>,
    reached: impl Fn() -> bool,
    deadline: &Cell<Option<u64>>,
) -> Pause<T> {
    let waker = Waker::from(Arc::new(Flag));
    let mut context = Context::from_waker(&waker);
    let mut program = program;
    let mut beside_ended = false;
    loop {
        WOKEN.set(false);
        if let Poll::Ready(end) = program.as_mut().poll(&mut context) {
            return Pause::Ended(end);
        }
        if !beside_ended {
            beside_ended = beside.as_mut().poll(&mut context).is_ready();
        }
        if reached() {
            return Pause::Reached;
        }
        if deadline.get().is_some_and(|end| monotonic_clock::now() >= end) {
            return Pause::Late;
        }
        if WOKEN.get() {
            look();
        } else if !wait(deadline.get()) {
            return Pause::Stalled;
        }
    }
}

/// Wakes those whose pollables are ready or whose time has come, without waiting.
fn look() {
    wake_sleepers();
    WAITS.with_borrow(|waits| {
        for (pollable, waker) in waits.values() {
            if pollable.ready() {
                waker.wake_by_ref();
            }
        }
    });
}

/// Wakes those whose time has come.
fn wake_sleepers() {
    TIMERS.with_borrow(|timers| {
        if timers.is_empty() {
            return;
        }
        for waker in timers
            .range(..=(monotonic_clock::now(), u64::MAX))
            .map(|(_, waker)| waker)
        {
            waker.wake_by_ref();
        }
    });
}

/// Waits until a pollable is ready or the time is over. False where nobody waits.
fn wait(deadline: Option<u64>) -> bool {
    let first = TIMERS.with_borrow(|timers| timers.first_key_value().map(|((instant, _), _)| *instant));
    let waited = WAITS.with_borrow(|waits| {
        if waits.is_empty() && first.is_none() {
            return false;
        }
        let end = first
            .into_iter()
            .chain(deadline)
            .min()
            .map(monotonic_clock::subscribe_instant);
        let pollables: Vec<&Pollable> = waits
            .values()
            .map(|(pollable, _)| &**pollable)
            .chain(end.as_ref())
            .collect();
        let wakers: Vec<&Waker> = waits.values().map(|(_, waker)| waker).collect();
        for index in poll(&pollables) {
            // The one behind the last waker is time's.
            if let Some(waker) = usize::try_from(index).ok().and_then(|index| wakers.get(index)) {
                waker.wake_by_ref();
            }
        }
        true
    });
    wake_sleepers();
    waited
}

/// Waits until the pollable is ready.
pub(super) fn ready(pollable: Pollable) -> Ready {
    let number = NEXT.get();
    NEXT.set(number + 1);
    Ready {
        pollable: Rc::new(pollable),
        number,
    }
}

/// A wait for a pollable; dropped, it is over.
pub(super) struct Ready {
    pollable: Rc<Pollable>,
    number: u64,
}

impl Future for Ready {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.pollable.ready() {
            return Poll::Ready(());
        }
        let waiting = (self.pollable.clone(), context.waker().clone());
        WAITS.with_borrow_mut(|waits| waits.insert(self.number, waiting));
        Poll::Pending
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        // Dropped outside of the borrow: it calls the host.
        drop(WAITS.with_borrow_mut(|waits| waits.remove(&self.number)));
    }
}

/// Waits until the instant of the monotonic clock.
pub(super) fn until(instant: u64) -> Sleep {
    let number = NEXT.get();
    NEXT.set(number + 1);
    Sleep { instant, number }
}

/// A wait for an instant; dropped, it is over.
pub(super) struct Sleep {
    instant: u64,
    number: u64,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if monotonic_clock::now() >= self.instant {
            return Poll::Ready(());
        }
        let waker = context.waker().clone();
        TIMERS.with_borrow_mut(|timers| timers.insert((self.instant, self.number), waker));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        // Dropped outside of the borrow: a waker may be the last to hold something.
        drop(TIMERS.with_borrow_mut(|timers| timers.remove(&(self.instant, self.number))));
    }
}

/// Lets what has become ready meanwhile go first.
pub(crate) async fn give_way() {
    let mut has_waited = false;
    poll_fn(|context| {
        if has_waited {
            return Poll::Ready(());
        }
        has_waited = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
