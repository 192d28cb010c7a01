//! Keeps the Luau heap usable near its limit.
//!
//! Luau starts a collection when the heap has doubled, and never because an allocation failed: a heap that is
//! more than half full of garbage would fail for good. So the scheduler (before each job), the slice (at
//! safepoints), the prelude (after a failed allocation) and natives (before large values) ask for room here.

use std::cell::Cell;
use std::ffi::c_int;
use std::rc::Rc;

use mlua::prelude::LuaString;
use mlua::{Lua, Table};

use crate::content::no_memory;
use crate::problem::Problem;

/// Bytes that reading and compiling a line of a session may take where the heap is full.
const ROOM_FOR_LINE: usize = 64 * 1024;

/// KiB that are allocated between two steps of a collection. At Luau's own 1 KiB a step is hardly more than its beginning and
/// end; one of 16 KiB takes some tens of microseconds.
const STEP: c_int = 16;

/// Bytes by which lines may pass the limit, all together.
const OVERDRAFT: usize = 1024 * 1024;

/// The Luau heap and what is known of its garbage.
pub(crate) struct Heap {
    /// Bytes that it may hold.
    limit: usize,
    /// The least that it held since the last full collection; what came on top may be garbage.
    floor: Cell<usize>,
    /// An allocation failed in the running job. What that job holds becomes garbage when it ends, below the floor too.
    ran_full: Cell<bool>,
}

impl Heap {
    /// A heap of at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            floor: Cell::new(0),
            ran_full: Cell::new(false),
        }
    }

    /// Called between two jobs: forgets what is known of garbage where the last one filled the heap.
    pub(crate) fn between_jobs(&self, lua: &Lua) {
        if self.ran_full.take() {
            self.floor.set(0);
        }
        self.make_room(lua, 0);
    }

    /// Collects garbage where the heap would be over three quarters full with `coming` bytes more, and a collection
    /// promises at least a sixteenth of it.
    pub(crate) fn make_room(&self, lua: &Lua, coming: usize) {
        self.collect(lua, self.limit / 4 * 3, coming, self.limit / 16);
    }

    /// Bytes that it may hold.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Leaves room for a line of a session, whatever the heap is full of: how else would a person empty it.
    pub(crate) fn leave_room_for_line(&self, lua: &Lua) {
        let wanted = lua.used_memory().saturating_add(ROOM_FOR_LINE);
        let limit = wanted.clamp(self.limit, self.limit.saturating_add(OVERDRAFT));
        // Only a state of somebody else's could refuse it.
        let _ = lua.set_memory_limit(limit);
    }

    /// Runs `work`, which makes Luau values of at most `coming` bytes. Where those surely fit, it is spared the protected calls
    /// that a limit costs.
    pub(crate) fn with_room<T>(&self, lua: &Lua, coming: usize, work: impl FnOnce() -> T) -> T {
        self.make_room(lua, coming);
        let _unlimited = (lua.used_memory().saturating_add(coming) < self.limit).then(|| Unlimited::new(lua));
        work()
    }

    /// A Luau string, the result of `call`.
    ///
    /// # Errors
    ///
    /// It does not fit the heap.
    pub(crate) fn string(&self, lua: &Lua, call: &str, bytes: &[u8]) -> Result<LuaString, Problem> {
        self.make_room(lua, bytes.len());
        lua.create_string(bytes).map_err(|_| {
            self.after_failure(lua);
            no_memory(call)
        })
    }

    /// Collects garbage after an allocation failed, if there may be any.
    pub(crate) fn after_failure(&self, lua: &Lua) {
        self.ran_full.set(true);
        self.collect(lua, self.limit / 4, 0, 64 * 1024);
    }

    fn collect(&self, lua: &Lua, tolerated: usize, coming: usize, least_gain: usize) {
        let used = lua.used_memory();
        let floor = self.floor.get().min(used);
        self.floor.set(floor);
        if used.saturating_add(coming) <= tolerated || used - floor < least_gain {
            return;
        }
        // A finaliser that fails changes nothing here: there are none but Rust's destructors.
        let _ = lua.gc_collect();
        self.floor.set(lua.used_memory());
    }
}

/// The heap's limit taken away; dropped, it is back.
struct Unlimited<'a> {
    lua: &'a Lua,
    /// What it was; none where there is nothing to put back.
    limit: Option<usize>,
}

impl<'a> Unlimited<'a> {
    fn new(lua: &'a Lua) -> Self {
        let limit = lua.set_memory_limit(0).ok();
        Self { lua, limit }
    }
}

impl Drop for Unlimited<'_> {
    fn drop(&mut self) {
        if let Some(limit) = self.limit {
            // It worked a moment ago.
            let _ = self.lua.set_memory_limit(limit);
        }
    }
}

/// Sets the collector's pace, and adds the native `collect()`.
///
/// # Errors
///
/// When the Luau heap is full.
pub(crate) fn install(lua: &Lua, natives: &Table, heap: Rc<Heap>) -> mlua::Result<()> {
    lua.gc_inc(0, 0, STEP);
    let collect = lua.create_function(move |lua, ()| {
        heap.after_failure(lua);
        Ok(())
    })?;
    natives.raw_set("collect", collect)
}
