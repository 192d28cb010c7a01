//! The options of `json.encode`.

use mlua::Value;

use crate::fields::{Fields, options_of};
use crate::problem::Problem;

/// What a level is indented by where a script asks for lines and names nothing.
const INDENT: &str = "  ";

/// Bytes that an indentation may have.
const LONGEST: usize = 16;

/// What each level is indented by; none for text on one line.
///
/// # Errors
///
/// The option that is wrong.
pub(crate) fn indent_of(call: &'static str, options: &Value) -> Result<Option<String>, Problem> {
    let fields = Fields::new(call, options_of(call, options)?);
    let pretty = fields.boolean("pretty", false)?;
    match fields.value("indent")? {
        Value::Nil => Ok(pretty.then(|| INDENT.to_owned())),
        Value::String(given) if is_indent(&given.as_bytes()) => Ok(Some(given.to_string_lossy())),
        other => Err(fields.wrong("indent", "must be a string of at most 16 spaces and tabs", &other)),
    }
}

fn is_indent(bytes: &[u8]) -> bool {
    bytes.len() <= LONGEST && bytes.iter().all(|byte| b" \t".contains(byte))
}
