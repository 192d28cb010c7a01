//! Luau's safepoints (loop edges, calls, returns), of which only every so many is looked at.
//!
//! `vm.rs` installs it, `slice.rs` is what looks. This is the one file here with `unsafe` in it: what mlua calls at each
//! safepoint costs it some 35 ns, many times what a turn of a small loop takes. So Luau itself counts, where the build has it do
//! so (`xtask/src/guest/luau.rs`), and calls when the count is below 0.

use std::cell::Cell;
use std::ffi::c_int;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

use mlua::{Lua, VmState, ffi};

/// Safepoints between two looks, as a look at the clock costs a call to the host.
const BETWEEN: i32 = 500;

/// Safepoints until the next look. The interpreter and the matcher of patterns count it down themselves; the collector, which
/// has steps enough between two of its safepoints, calls at each of them. No thread but this one can see it.
// SAFETY: nothing else in the component has this name, and C++ takes it for what it is, an `int`.
#[unsafe(no_mangle)]
static ATOLL_SAFEPOINTS: AtomicI32 = AtomicI32::new(BETWEEN);

/// What Luau calls: the state, and whether it is collecting (0 or more) or running (less).
type Interrupt = unsafe extern "C-unwind" fn(*mut ffi::lua_State, c_int);

thread_local! {
    /// mlua's own interrupt, which calls what was installed.
    static LOOK: Cell<Option<Interrupt>> = const { Cell::new(None) };
}

/// Calls `look` at every so many safepoints from now on. For the one virtual machine of this component.
///
/// # Errors
///
/// When the Luau heap is full.
pub(crate) fn install(lua: &Lua, look: impl Fn(&Lua) -> mlua::Result<VmState> + 'static) -> mlua::Result<()> {
    lua.set_interrupt(look);
    let put_between = |state| {
        // SAFETY: the callbacks live as long as the state, and nobody else holds a reference to them.
        let interrupt = unsafe { &mut (*ffi::lua_callbacks(state)).interrupt };
        LOOK.set(interrupt.replace(pass));
    };
    // SAFETY: the closure leaves the stack as it is and raises no error.
    unsafe { lua.exec_raw::<()>((), put_between) }
}

/// A new job begins: the first look is a whole interval away.
pub(crate) fn begin() {
    ATOLL_SAFEPOINTS.store(BETWEEN, Relaxed);
}

unsafe extern "C-unwind" fn pass(state: *mut ffi::lua_State, collecting: c_int) {
    let left = ATOLL_SAFEPOINTS.load(Relaxed);
    if left >= 0 {
        ATOLL_SAFEPOINTS.store(left - 1, Relaxed);
        return;
    }
    ATOLL_SAFEPOINTS.store(BETWEEN, Relaxed);
    if let Some(look) = LOOK.get() {
        // SAFETY: these are Luau's own arguments, and the function is the one that it would have called.
        unsafe { look(state, collecting) }
    }
}
