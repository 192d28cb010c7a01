//! Park and resume: which coroutine runs when.
//!
//! A native that waits calls [`Scheduler::park`]: its future becomes an *operation*, the coroutine
//! yields, and the operation's end becomes a *job* that resumes that coroutine with the results. The loop in
//! [`Scheduler::run`] runs jobs one at a time and in order, polls operations only between them (never
//! below a Luau frame), and ends when neither is left. It knows nothing of what the operations do.
//!
//! Invariant: a thread that the script closed is never resumed; the prelude checks before each resume.

mod parked;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, poll_fn};
use std::ops::ControlFlow;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::{AbortHandle, Abortable};
use futures_util::stream::FuturesUnordered;
use mlua::{Function, IntoLuaMulti, Lua, MultiValue, Thread};

use crate::bindings::{ScriptError, give_way};
use crate::console;
use crate::heap::Heap;
use crate::net::error;
use crate::problem::{Problem, message_of};
use crate::slice::Slice;

pub(crate) use parked::Parked;

/// How long jobs run in a row before the host's event loop has its turn.
const LONGEST_TURN: Duration = Duration::from_millis(5);

/// A piece of work that runs Luau, once.
type Job = Box<dyn FnOnce()>;

/// Something under way on the host; none when it was cancelled.
type Operation = Pin<Box<dyn Future<Output = Option<Job>>>>;

/// What a thread waits for, to be given up.
enum Wait {
    /// An operation of its own.
    Operation(AbortHandle),
    /// Something that others bring; the function tells them.
    Others(Box<dyn FnOnce()>),
}

/// The Luau halves of resuming, from the prelude.
pub(crate) struct Drivers {
    /// `wake(thread, ...)`: ends the wait that the thread is parked in, with these results.
    pub(crate) wake: Function,
    /// `drive(thread, ...)`: resumes a thread with these arguments.
    pub(crate) drive: Function,
}

/// The queue of jobs and the set of operations of one program; clones share them.
#[derive(Clone)]
pub(crate) struct Scheduler(Rc<State>);

struct State {
    /// Jobs that are ready, first in, first out.
    queue: RefCell<VecDeque<Job>>,
    /// Operations that the loop has not taken over yet.
    started: RefCell<Vec<Operation>>,
    /// What threads wait for, by the thread's address and a number of its own.
    parked: RefCell<BTreeMap<(usize, u64), Wait>>,
    /// The number of the next operation.
    next_operation: Cell<u64>,
    /// Deferred jobs in the queue, which count as waiting.
    deferred: Cell<usize>,
    /// How many operations of threads and deferred jobs may wait at once.
    most_parked: usize,
    /// The running job's time.
    slice: Rc<Slice>,
    /// Has room made before each job.
    heap: Rc<Heap>,
    /// How the program ended, where something ended it before nothing was left.
    end: RefCell<Option<Result<(), ScriptError>>>,
    /// Ends the operation that waits for what the others do.
    watch: RefCell<Option<AbortHandle>>,
    /// Set once the prelude is loaded, which itself needs a scheduler.
    drivers: RefCell<Option<Rc<Drivers>>>,
}

impl Scheduler {
    /// An empty schedule in which `most_parked` calls and deferred tasks may wait.
    pub(crate) fn new(most_parked: usize, slice: Rc<Slice>, heap: Rc<Heap>) -> Self {
        Self(Rc::new(State {
            queue: RefCell::default(),
            started: RefCell::default(),
            parked: RefCell::default(),
            next_operation: Cell::new(0),
            deferred: Cell::new(0),
            most_parked,
            slice,
            heap,
            end: RefCell::new(None),
            watch: RefCell::new(None),
            drivers: RefCell::new(None),
        }))
    }

    /// Hands over the prelude's functions; called once, before anything is scheduled.
    pub(crate) fn set_drivers(&self, drivers: Drivers) {
        *self.0.drivers.borrow_mut() = Some(Rc::new(drivers));
    }

    /// Parks the running coroutine until `operation` ends; `finish` makes the (at most two) values that its
    /// call returns. The caller, a Luau function of the prelude, yields next.
    ///
    /// # Errors
    ///
    /// `LimitExceeded` where too much waits already.
    pub(crate) fn park<T: 'static>(
        &self,
        lua: &Lua,
        operation: impl Future<Output = T> + 'static,
        finish: impl FnOnce(&Lua, T) -> mlua::Result<MultiValue> + 'static,
    ) -> Result<(), Problem> {
        let scheduler = self.clone();
        let thread = lua.current_thread();
        let lua = lua.clone();
        self.start_for(&thread.clone(), operation, move |outcome| {
            scheduler.wake_with(thread, finish(&lua, outcome));
        })
    }

    fn wake_with(&self, thread: Thread, results: mlua::Result<impl IntoLuaMulti>) {
        match results {
            Ok(values) => self.wake(thread, values),
            // Only a full heap gets here: the results could not be made.
            Err(problem) => self.wake(thread, (false, error::limit_exceeded(&message_of(&problem)))),
        }
    }

    /// Starts an operation that belongs to `thread`, and runs `then` as a job when it ends; `then` holds the
    /// thread. Cancelled with the thread's other operations by [`Scheduler::forget`].
    ///
    /// # Errors
    ///
    /// `LimitExceeded` where too much waits already.
    pub(crate) fn start_for<T: 'static>(
        &self,
        thread: &Thread,
        operation: impl Future<Output = T> + 'static,
        then: impl FnOnce(T) + 'static,
    ) -> Result<(), Problem> {
        self.admit()?;
        let key = self.next_key(thread);
        self.start_as(key, operation, then);
        Ok(())
    }

    fn next_key(&self, thread: &Thread) -> (usize, u64) {
        let number = self.0.next_operation.get();
        self.0.next_operation.set(number + 1);
        (thread.to_pointer().addr(), number)
    }

    fn start_as<T: 'static>(
        &self,
        key: (usize, u64),
        operation: impl Future<Output = T> + 'static,
        then: impl FnOnce(T) + 'static,
    ) {
        let (handle, registration) = AbortHandle::new_pair();
        let wait = Wait::Operation(handle);
        self.0.parked.borrow_mut().insert(key, wait);
        let state = self.0.clone();
        // The address stays the thread's own while `then` keeps the thread alive.
        self.0.started.borrow_mut().push(Box::pin(async move {
            let outcome = Abortable::new(operation, registration).await;
            state.parked.borrow_mut().remove(&key);
            outcome.ok().map(|outcome| Box::new(move || then(outcome)) as Job)
        }));
    }

    /// Starts an operation that belongs to no thread, such as a server's accepting: it counts towards the
    /// program's life but not towards the limit.
    pub(crate) fn start<T: 'static>(
        &self,
        operation: impl Future<Output = T> + 'static,
        then: impl FnOnce(T) + 'static,
    ) {
        self.0.started.borrow_mut().push(Box::pin(async move {
            let outcome = operation.await;
            Some(Box::new(move || then(outcome)) as Job)
        }));
    }

    /// As `start`, for an operation that waits for what the others do: it ends, with none, by [`Scheduler::unwatch`] or when
    /// it is the last one. There is one at a time.
    pub(crate) fn watch<T: 'static>(
        &self,
        operation: impl Future<Output = T> + 'static,
        then: impl FnOnce(Option<T>) + 'static,
    ) {
        let (handle, registration) = AbortHandle::new_pair();
        *self.0.watch.borrow_mut() = Some(handle);
        self.start(Abortable::new(operation, registration), move |outcome| {
            then(outcome.ok());
        });
    }

    /// Ends the operation that watches the others.
    pub(crate) fn unwatch(&self) {
        if let Some(handle) = self.0.watch.borrow_mut().take() {
            handle.abort();
        }
    }

    /// Collects garbage where values of `coming` bytes need the room.
    pub(crate) fn make_room(&self, lua: &Lua, coming: usize) {
        self.0.heap.make_room(lua, coming);
    }

    /// Appends a job to the queue.
    pub(crate) fn enqueue(&self, job: impl FnOnce() + 'static) {
        self.0.queue.borrow_mut().push_back(Box::new(job));
    }

    /// Resumes `thread` with these values on the next turn, in the order of the calls.
    ///
    /// # Errors
    ///
    /// `LimitExceeded` where too much waits already.
    pub(crate) fn defer(&self, thread: Thread, values: MultiValue) -> Result<(), Problem> {
        self.admit()?;
        self.0.deferred.set(self.0.deferred.get() + 1);
        let scheduler = self.clone();
        self.enqueue(move || {
            scheduler.0.deferred.set(scheduler.0.deferred.get() - 1);
            scheduler.drive(thread, values);
        });
        Ok(())
    }

    /// Cancels what the thread waits for. The operations end on the host before the next job runs.
    pub(crate) fn forget(&self, thread: &Thread) {
        let address = thread.to_pointer().addr();
        let mut parked = self.0.parked.borrow_mut();
        let mut theirs = parked.split_off(&(address, 0));
        if let Some(next) = address.checked_add(1) {
            let mut others = theirs.split_off(&(next, 0));
            parked.append(&mut others);
        }
        drop(parked);
        for wait in theirs.into_values() {
            match wait {
                Wait::Operation(handle) => handle.abort(),
                Wait::Others(tell) => tell(),
            }
        }
    }

    /// Resumes `thread` from the start or from a yield of its own, now.
    pub(crate) fn drive(&self, thread: Thread, values: MultiValue) {
        if let Some(drivers) = self.drivers() {
            self.expect_no_error(drivers.drive.call::<()>((thread, values)));
        }
    }

    /// Ends the program: with the main script's error, or well. What came first counts.
    pub(crate) fn end(&self, end: Result<(), ScriptError>) {
        self.0.end.borrow_mut().get_or_insert(end);
    }

    /// Reports an error of the prelude's own, which only a full heap or stack causes.
    pub(crate) fn expect_no_error(&self, outcome: mlua::Result<()>) {
        if let Err(problem) = outcome {
            console::report("task", &message_of(&problem), "");
        }
    }

    /// Runs jobs and operations until none is left, or [`Scheduler::end`] is called: then at once, and everything else is
    /// cancelled.
    ///
    /// # Errors
    ///
    /// The error of the main script.
    pub(crate) async fn run(&self, lua: &Lua) -> Result<(), ScriptError> {
        let mut operations = FuturesUnordered::new();
        let mut began = Instant::now();
        loop {
            if let ControlFlow::Break(end) = self.turn(lua, began) {
                return end;
            }
            operations.extend(self.0.started.take());
            self.collect_ready(&mut operations).await;
            if !self.0.queue.borrow().is_empty() {
                // What came at once may go on at once.
                if began.elapsed() > LONGEST_TURN {
                    give_way().await;
                    began = Instant::now();
                }
                continue;
            }
            if operations.len() == 1 {
                self.unwatch();
            }
            match operations.next().await {
                Some(Some(job)) => self.0.queue.borrow_mut().push_back(job),
                Some(None) => {}
                None => return Ok(()),
            }
            began = Instant::now();
        }
    }

    /// Runs jobs in order, those that they queue included, as long as a turn that began then may last.
    fn turn(&self, lua: &Lua, began: Instant) -> ControlFlow<Result<(), ScriptError>> {
        loop {
            let Some(job) = self.0.queue.borrow_mut().pop_front() else {
                return ControlFlow::Continue(());
            };
            self.0.slice.begin();
            self.0.heap.between_jobs(lua);
            job();
            if let Some(end) = self.0.end.take() {
                return ControlFlow::Break(end);
            }
            if began.elapsed() > LONGEST_TURN {
                return ControlFlow::Continue(());
            }
        }
    }

    /// Queues the jobs of the operations that have ended, without waiting.
    async fn collect_ready(&self, operations: &mut FuturesUnordered<Operation>) {
        poll_fn(|context| {
            while let Poll::Ready(Some(ended)) = operations.poll_next_unpin(context) {
                if let Some(job) = ended {
                    self.0.queue.borrow_mut().push_back(job);
                }
            }
            Poll::Ready(())
        })
        .await;
    }

    /// Runs `work`, which makes Luau values of at most `coming` bytes, without protected calls where they surely fit.
    pub(crate) fn with_room<T>(&self, lua: &Lua, coming: usize, work: impl FnOnce() -> T) -> T {
        self.0.heap.with_room(lua, coming, work)
    }

    /// Resumes `thread` with the results of what it is parked in, now.
    pub(crate) fn wake(&self, thread: Thread, values: impl IntoLuaMulti) {
        if let Some(drivers) = self.drivers() {
            self.expect_no_error(drivers.wake.call::<()>((thread, values)));
        }
    }

    fn drivers(&self) -> Option<Rc<Drivers>> {
        self.0.drivers.borrow().clone()
    }

    fn admit(&self) -> Result<(), Problem> {
        let most = self.0.most_parked;
        if self.0.parked.borrow().len() + self.0.deferred.get() < most {
            return Ok(());
        }
        Err(Problem(error::limit_exceeded(&format!(
            "{most} calls and deferred tasks wait already (limit parked; raise it with --limit parked=N)"
        ))))
    }
}
