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

/// Frames of a long stack trace that are shown of where the error is: enough to find the place, few enough to read.
const INNERMOST: usize = 24;

/// And of where it all began.
const OUTERMOST: usize = 8;

/// Functions that call each other in turn, in a recursion that is told by its first round.
const LONGEST_CIRCLE: usize = 8;

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

/// The frames of a Luau stack trace that belong to the script, one a line, the innermost first. Between the first and the
/// last there are words on those that are left out.
fn script_frames(trace: &str) -> String {
    let frames: Vec<&str> = trace
        .lines()
        .filter(|frame| !frame.is_empty() && !frame.starts_with(prelude::NAME) && !frame.starts_with("[C]"))
        .collect();
    let mut rest = frames.as_slice();
    let mut shown: Vec<String> = Vec::new();
    while !rest.is_empty() {
        let (circle, times) = repeated(rest);
        let (once, others) = rest.split_at(circle);
        shown.extend(once.iter().map(|frame| (*frame).to_owned()));
        let left_out = circle * (times - 1);
        if left_out > 0 {
            let like = if circle == 1 { "it" } else { "these" };
            shown.push(format!("… and {left_out} more like {like}"));
        }
        rest = &others[left_out..];
    }
    if shown.len() > INNERMOST + OUTERMOST + 1 {
        let left_out = INNERMOST..shown.len() - OUTERMOST;
        let word = format!("… and {} more", left_out.len());
        shown.splice(left_out, [word]);
    }
    shown.join("\n")
}

/// How many frames come again and again from the start, as a recursion has them, and how often; one frame, once, where none
/// does.
fn repeated(frames: &[&str]) -> (usize, usize) {
    (1..=LONGEST_CIRCLE)
        .map(|circle| {
            let again = frames.iter().zip(frames.iter().skip(circle));
            let same = again.take_while(|(one, other)| one == other).count();
            (circle, same / circle + 1)
        })
        .find(|(_, times)| *times > 2)
        .unwrap_or((1, 1))
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
        let trace: String = (1..=40).map(|line| format!("main.luau:{line}\n")).collect();
        let shown = script_frames(&trace);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines.len(), 33);
        assert_eq!(lines[23..26], ["main.luau:24", "… and 8 more", "main.luau:33"]);
        assert_eq!(lines[32], "main.luau:40");
        let trace: String = (1..=33).map(|line| format!("main.luau:{line}\n")).collect();
        assert_eq!(script_frames(&trace), trace.trim_end());
    }

    #[test]
    fn says_how_often_a_frame_is_repeated() {
        for (count, expected) in [
            (1, "a:1 function f\na:2"),
            (2, "a:1 function f\na:1 function f\na:2"),
            (3, "a:1 function f\n… and 2 more like it\na:2"),
            (20_000, "a:1 function f\n… and 19999 more like it\na:2"),
        ] {
            let trace = "a:1 function f\n".repeat(count) + "a:2\n";
            assert_eq!(script_frames(&trace), expected);
        }
        let trace =
            "a:3\n".to_owned() + &"a:1 function f\na:2 function g\n".repeat(100) + "a:1 function f\na:9\n";
        assert_eq!(
            script_frames(&trace),
            "a:3\na:1 function f\na:2 function g\n… and 198 more like these\na:1 function f\na:9"
        );
    }
}
