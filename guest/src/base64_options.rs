//! The options of `base64.encode` and `base64.decode`.

use mlua::Value;

use crate::fields::{Fields, options_of};
use crate::problem::Problem;

/// Whether to write the URL-safe alphabet, and whether to write padding: unless the script says otherwise, where the alphabet
/// is the standard one (RFC 4648, section 3.2; RFC 7515 leaves it out of URLs).
///
/// # Errors
///
/// The option that is wrong.
pub(crate) fn of_encode(call: &'static str, options: &Value) -> Result<(bool, bool), Problem> {
    let fields = Fields::new(call, options_of(call, options)?);
    let is_url = fields.boolean("url", false)?;
    Ok((is_url, fields.boolean("padding", !is_url)?))
}

/// Whether to read the URL-safe alphabet. Padding may be there or not.
///
/// # Errors
///
/// The option that is wrong.
pub(crate) fn of_decode(call: &'static str, options: &Value) -> Result<bool, Problem> {
    let fields = Fields::new(call, options_of(call, options)?);
    fields.boolean("url", false)
}
