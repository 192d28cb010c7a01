//! Source text, as it becomes a function or bytecode: the main script's and the modules'.
//!
//! Refuses what is not Luau text (bytecode included), unless the host says that it is compiled.

use std::borrow::Cow;

use mlua::{ChunkMode, Compiler, Function, Lua};

use crate::problem::message_of;

/// Why a text is no chunk; the message begins with the position.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It is not Luau.
    Syntax(String),
    /// There is no room for it.
    Other(String),
}

/// Compiles a text to a function, with the globals of the thread that runs. `name` is what messages call it.
///
/// # Errors
///
/// What is wrong with the text, or that the heap is full.
pub(crate) fn compile(lua: &Lua, name: &str, source: &[u8]) -> Result<Function, Fault> {
    let text = text_of(source).map_err(|(line, fault)| Fault::Syntax(format!("{name}:{line}: {fault}")))?;
    let chunk = lua
        .load(text.as_ref())
        .set_name(format!("@{name}"))
        .set_mode(ChunkMode::Text);
    chunk.into_function().map_err(|problem| match problem {
        mlua::Error::SyntaxError { .. } => Fault::Syntax(message_of(&problem)),
        _ => Fault::Other(message_of(&problem)),
    })
}

/// Makes a function of what the host has, which is a text or bytecode.
///
/// Luau believes bytecode: a forged one can take over this guest, which has nothing that its script may not have. The host says
/// which it is, as a text must never pass for bytecode.
///
/// # Errors
///
/// As [`compile`]; and that another version of Luau has made the bytecode.
pub(crate) fn load(lua: &Lua, name: &str, content: &[u8], is_bytecode: bool) -> Result<Function, Fault> {
    if !is_bytecode {
        return compile(lua, name, content);
    }
    lua.load(content)
        .set_name(format!("@{name}"))
        .set_mode(ChunkMode::Binary)
        .into_function()
        .map_err(|problem| Fault::Other(format!("{name}: {}", message_of(&problem))))
}

/// The bytecode of a text, as [`load`] takes it: with lines and the names of functions, so that errors say where they were, and
/// without names of locals.
///
/// # Errors
///
/// As [`compile`].
pub(crate) fn bytecode(lua: &Lua, name: &str, source: &[u8]) -> Result<Vec<u8>, Fault> {
    // It says what is wrong with a text better than the compiler alone, and knows the bound on memory.
    compile(lua, name, source)?;
    let text = text_of(source).map_err(|(line, fault)| Fault::Syntax(format!("{name}:{line}: {fault}")))?;
    Compiler::new()
        .set_optimization_level(1)
        .set_debug_level(1)
        .compile(text.as_ref())
        .map_err(|problem| Fault::Other(message_of(&problem)))
}

/// The source as the compiler takes it: without a byte order mark, and with a `#!` line as a comment.
///
/// # Errors
///
/// The line and the fault of what the compiler would misread: bytecode, and text behind a NUL.
fn text_of(source: &[u8]) -> Result<Cow<'_, [u8]>, (usize, &'static str)> {
    let text = source.strip_prefix(b"\xef\xbb\xbf").unwrap_or(source);
    if text.first().is_some_and(|&byte| (1..b'\t').contains(&byte)) {
        return Err((1, "the file is not Luau source text"));
    }
    if let Some(end) = text.iter().position(|&byte| byte == 0) {
        let line = 1 + text[..end].iter().filter(|&&byte| byte == b'\n').count();
        return Err((line, "a NUL byte, which Luau would take for the end of the file"));
    }
    Ok(match text.strip_prefix(b"#!") {
        Some(rest) => Cow::Owned([b"--", rest].concat()),
        None => Cow::Borrowed(text),
    })
}

#[cfg(test)]
mod tests {
    use super::text_of;

    #[test]
    fn source_text() {
        let table: [(&[u8], Option<&[u8]>); 7] = [
            (b"", Some(b"")),
            (b"\nprint()", Some(b"\nprint()")),
            (b"\xef\xbb\xbfprint()", Some(b"print()")),
            (
                b"#!/usr/bin/env atoll\nprint()",
                Some(b"--/usr/bin/env atoll\nprint()"),
            ),
            (b"\x06\x03Lua", None),
            (b"\0", None),
            (b"print() -- \0 hidden", None),
        ];
        for (source, expected) in table {
            assert_eq!(text_of(source).ok().as_deref(), expected, "{source:?}");
        }
    }
}
