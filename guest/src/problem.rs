//! A mistake of the script, on its way from a native function to the Luau code that throws it.
//!
//! mlua turns an `Err` of a native function into a userdata value, but scripts expect error messages to be
//! strings. So natives return a [`Problem`] as a string, and the prelude throws it with the position
//! of the script's call in front.

use mlua::{IntoLua, Lua, Value};

/// What the script did wrong, or which limit it met; the text of the error to throw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem(pub(crate) String);

impl From<mlua::Error> for Problem {
    fn from(error: mlua::Error) -> Self {
        Self(message_of(&error))
    }
}

/// Hands the outcome of a check to the prelude: nil, or the problem's text.
///
/// # Errors
///
/// When the Luau heap is full.
pub(crate) fn handed_over(lua: &Lua, outcome: Result<(), Problem>) -> mlua::Result<Value> {
    match outcome {
        Ok(()) => Ok(Value::Nil),
        Err(Problem(text)) => Ok(Value::String(lua.create_string(text)?)),
    }
}

/// Hands a result to the prelude: itself, or nil and the problem's text.
///
/// # Errors
///
/// When the Luau heap is full.
pub(crate) fn answered(lua: &Lua, outcome: Result<impl IntoLua, Problem>) -> mlua::Result<(Value, Value)> {
    match outcome {
        Ok(value) => Ok((value.into_lua(lua)?, Value::Nil)),
        Err(Problem(text)) => Ok((Value::Nil, Value::String(lua.create_string(text)?))),
    }
}

/// The message of an error that mlua caught, without the stack trace that it appends.
pub(crate) fn message_of(error: &mlua::Error) -> String {
    let text = match error {
        mlua::Error::RuntimeError(text) | mlua::Error::MemoryError(text) => text.clone(),
        mlua::Error::SyntaxError { message, .. } => message.clone(),
        mlua::Error::CallbackError { cause, .. } => return message_of(cause),
        other => other.to_string(),
    };
    match text.split_once("\nstack traceback:") {
        Some((message, _)) => message.to_owned(),
        None => text,
    }
}
