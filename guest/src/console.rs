//! Text for the person who runs the script: `print`, `warn`, and errors that nothing caught.
//!
//! Called by the prelude through the natives `write` and `report`, and by the scheduler. Says nothing
//! of its own accord.

use std::rc::Rc;

use mlua::prelude::LuaString;
use mlua::{Lua, Table};

use crate::bindings::console::{self, Output};
use crate::bindings::types::{ScriptError, ScriptErrorKind};
use crate::prelude;
use crate::slice::Slice;

/// Frames of a stack trace that are shown: enough to find the place, few enough to read.
const LONGEST_TRACE: usize = 32;

/// Adds the natives `write(isWarning, text)` and `report_in(origin, message, trace)`.
///
/// # Errors
///
/// When the Luau heap is full.
pub(crate) fn install(lua: &Lua, natives: &Table, slice: Rc<Slice>) -> mlua::Result<()> {
    let write = lua.create_function(move |_, (is_warning, text): (bool, LuaString)| {
        let output = if is_warning { Output::Err } else { Output::Out };
        // Whoever reads may be slow.
        slice.excuse(|| console::write_line(output, &text.as_bytes()));
        Ok(())
    })?;
    natives.raw_set("write", write)?;

    let report_in =
        lua.create_function(|_, (origin, message, trace): (LuaString, LuaString, LuaString)| {
            report(
                &origin.to_string_lossy(),
                &message.to_string_lossy(),
                &trace.to_string_lossy(),
            );
            Ok(())
        })?;
    natives.raw_set("report_in", report_in)
}

/// Reports an error that ended a task or a request handler, but not the program.
pub(crate) fn report(origin: &str, message: &str, trace: &str) {
    console::report(&runtime_error(origin, message, trace));
}

/// An error at run time, with Luau's own stack trace cut down to the script's frames.
pub(crate) fn runtime_error(origin: &str, message: &str, trace: &str) -> ScriptError {
    ScriptError {
        kind: ScriptErrorKind::Runtime,
        origin: origin.to_owned(),
        message: message.to_owned(),
        trace: script_frames(trace),
    }
}

/// The frames of a Luau stack trace that belong to the script, one a line, the innermost first.
fn script_frames(trace: &str) -> String {
    let frames: Vec<&str> = trace
        .lines()
        .filter(|frame| !frame.is_empty() && !frame.starts_with(prelude::NAME) && !frame.starts_with("[C]"))
        .collect();
    let mut shown = frames
        .iter()
        .take(LONGEST_TRACE)
        .copied()
        .collect::<Vec<_>>()
        .join("\n");
    if frames.len() > LONGEST_TRACE {
        shown.push_str(&format!("\n… and {} more", frames.len() - LONGEST_TRACE));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::script_frames;

    #[test]
    fn keeps_the_frames_of_the_script() {
        let trace = "main.luau:3 function f\n[atoll]:20 function spawn\n[C] function error\nmain.luau:9\n";
        assert_eq!(script_frames(trace), "main.luau:3 function f\nmain.luau:9");
    }

    #[test]
    fn says_how_many_frames_it_leaves_out() {
        let trace = "main.luau:1 function f\n".repeat(40);
        let shown = script_frames(&trace);
        assert_eq!(shown.lines().count(), 33);
        assert!(shown.ends_with("… and 8 more"), "{shown}");
    }
}
