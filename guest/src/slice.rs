//! The longest run: how long script code may go on before it waits.
//!
//! The scheduler begins a slice for each job; `safepoint` calls [`Slice::look`] now and then while it runs. Past the
//! deadline the look throws once, an error that `pcall` can catch. What
//! still runs on after it is the host's business, which ends the whole instance.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use mlua::{Lua, VmState};

use crate::bindings::terminal;
use crate::heap::Heap;
use crate::net::error;
use crate::prelude;
use crate::safepoint;

/// The time that the running job has used.
pub(crate) struct Slice {
    /// How long a job may run.
    longest: Duration,
    /// Looked after while a job runs, as there is no other hold on it then.
    heap: Rc<Heap>,
    /// When the job was first seen by the clock; none until then, as most jobs are over before.
    began: Cell<Option<Instant>>,
    /// Whether this job had its error: a second one would hit the script's clean-up code.
    thrown: Cell<bool>,
}

impl Slice {
    /// A clock for jobs of at most `longest`.
    pub(crate) fn new(longest: Duration, heap: Rc<Heap>) -> Self {
        Self {
            longest,
            heap,
            began: Cell::new(None),
            thrown: Cell::new(false),
        }
    }

    /// Starts a new job's time.
    pub(crate) fn begin(&self) {
        safepoint::begin();
        self.began.set(None);
        self.thrown.set(false);
    }

    /// Does what may have to wait for somebody else: that time is not the job's.
    pub(crate) fn excuse<T>(&self, wait: impl FnOnce() -> T) -> T {
        // A job that the clock has not seen yet has no time to be told from.
        let Some(began) = self.began.get() else {
            return wait();
        };
        let before = Instant::now();
        let done = wait();
        self.began.set(Some(began + before.elapsed()));
        done
    }

    /// Looks at the clock, and after the heap. `interactive`: a person may interrupt what runs.
    ///
    /// # Errors
    ///
    /// `LimitExceeded`, once for each job that runs too long; or the interruption.
    pub(crate) fn look(&self, lua: &Lua, interactive: bool) -> mlua::Result<VmState> {
        self.heap.make_room(lua, 0);
        if interactive && terminal::take_interrupt() {
            let position = script_position(lua).unwrap_or_default();
            return Err(mlua::Error::external(CutOff(format!("{position}interrupted"))));
        }
        let now = Instant::now();
        let Some(began) = self.began.get() else {
            self.began.set(Some(now));
            return Ok(VmState::Continue);
        };
        if self.thrown.get() || now.duration_since(began) < self.longest {
            return Ok(VmState::Continue);
        }
        // The prelude keeps promises to the scheduler, so it is never cut off half way.
        let Some(position) = script_position(lua) else {
            return Ok(VmState::Continue);
        };
        self.thrown.set(true);
        let detail = format!(
            "the script ran for {} s without waiting (limit run; raise it with --limit run=SECONDS)",
            self.longest.as_secs_f64()
        );
        Err(mlua::Error::external(CutOff(format!(
            "{position}{}",
            error::limit_exceeded(&detail)
        ))))
    }
}

/// The error that a script meets when it runs too long, or is interrupted.
#[derive(Debug)]
struct CutOff(String);

impl fmt::Display for CutOff {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for CutOff {}

/// `path:line: ` of the innermost function of the script, or none where it is the prelude's own code that runs. (A C
/// function that the prelude's `pcall` called is the script's choice.)
fn script_position(lua: &Lua) -> Option<String> {
    for level in 0.. {
        let frame = lua.inspect_stack(level, |frame| {
            let name = frame.source().short_src.map(|name| name.into_owned());
            (name.unwrap_or_default(), frame.current_line())
        });
        match frame {
            Some((name, _)) if name == prelude::NAME && level == 0 => return None,
            Some((name, Some(line))) if line > 0 && name != prelude::NAME => {
                return Some(format!("{name}:{line}: "));
            }
            Some(_) => {}
            None => break,
        }
    }
    Some(String::new())
}
