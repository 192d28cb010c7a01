//! Keeps the Luau heap usable near its limit.
//!
//! Luau starts a collection when the heap has doubled, and never because an allocation failed: a heap that is
//! more than half full of garbage would fail for good. So the scheduler (before each job), the slice (at
//! safepoints), the prelude (after a failed allocation) and natives (before large values) ask for room here.

use std::cell::Cell;
use std::rc::Rc;

use mlua::{Lua, Table};

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

    /// Collects garbage after an allocation failed, if there may be any.
    fn after_failure(&self, lua: &Lua) {
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

/// Adds the native `collect()`.
///
/// # Errors
///
/// When the Luau heap is full.
pub(crate) fn install(lua: &Lua, natives: &Table, heap: Rc<Heap>) -> mlua::Result<()> {
    let collect = lua.create_function(move |lua, ()| {
        heap.after_failure(lua);
        Ok(())
    })?;
    natives.raw_set("collect", collect)
}
