//! Coroutines whose results come from an operation that is not theirs alone, such as the one that waits for all requests.

use std::future::Future;

use mlua::{IntoLuaMulti, Lua, Thread};

use super::{Scheduler, Wait};
use crate::problem::Problem;

/// A parked thread whose results others bring.
pub(crate) struct Parked {
    scheduler: Scheduler,
    /// Its entry among what is parked.
    key: (usize, u64),
    thread: Thread,
}

impl Scheduler {
    /// Parks the running coroutine until the caller says what came of its wait. The caller, a Luau function of the prelude,
    /// yields next.
    ///
    /// # Errors
    ///
    /// `LimitExceeded` where too much waits already.
    pub(crate) fn park_for_others(&self, lua: &Lua) -> Result<Parked, Problem> {
        self.admit()?;
        let thread = lua.current_thread();
        let key = self.next_key(&thread);
        self.0
            .parked
            .borrow_mut()
            .insert(key, Wait::Others(Box::new(|| {})));
        Ok(Parked {
            scheduler: self.clone(),
            key,
            thread,
        })
    }
}

impl Parked {
    /// Has `tell` called where the thread is closed before it has its results.
    pub(crate) fn when_closed(&self, tell: impl FnOnce() + 'static) {
        if let Some(wait) = self.scheduler.0.parked.borrow_mut().get_mut(&self.key) {
            *wait = Wait::Others(Box::new(tell));
        }
    }

    /// Resumes the thread with the results that `finish` makes, in a job of its own.
    pub(crate) fn end<R: IntoLuaMulti>(self, finish: impl FnOnce() -> mlua::Result<R> + 'static) {
        let Parked {
            scheduler,
            key,
            thread,
        } = self;
        scheduler.0.parked.borrow_mut().remove(&key);
        let state = scheduler.clone();
        state.enqueue(move || scheduler.wake_with(thread, finish()));
    }

    /// Has the thread wait for `operation` too, then resumes it with what `finish` makes of that.
    pub(crate) fn end_after<T: 'static, R: IntoLuaMulti>(
        self,
        operation: impl Future<Output = T> + 'static,
        finish: impl FnOnce(T) -> mlua::Result<R> + 'static,
    ) {
        let Parked {
            scheduler,
            key,
            thread,
        } = self;
        let state = scheduler.clone();
        state.start_as(key, operation, move |outcome| {
            scheduler.wake_with(thread, finish(outcome));
        });
    }
}
