//! Header fields: from a script's table to the wire.

use mlua::{Table, Value};

use crate::bindings::types::Header;
use crate::fields::shown;

/// The fields that a script's table names, ordered by name; a value is a string or an array of them.
///
/// # Errors
///
/// What is wrong with the table, as the end of a sentence that starts with the table's name.
pub(crate) fn from_table(table: &Table) -> Result<Vec<Header>, String> {
    let mut fields = Vec::new();
    for pair in table.pairs::<Value, Value>() {
        let (name, value) = pair.map_err(|problem| format!("could not be read: {problem}"))?;
        let Value::String(name) = name else {
            return Err(format!("must have strings as names, got {}", shown(&name)));
        };
        let name = match name.to_str() {
            Ok(text) if is_token(text.as_bytes()) => text.to_owned(),
            _ => {
                return Err(format!(
                    "has a name with a forbidden byte: {}",
                    shown(&Value::String(name))
                ));
            }
        };
        match value {
            Value::String(_) => fields.push(field(&name, &value)?),
            Value::Table(values) => {
                for value in values.sequence_values::<Value>() {
                    let value = value.map_err(|problem| format!("could not be read: {problem}"))?;
                    fields.push(field(&name, &value)?);
                }
            }
            other => return Err(not_a_value(&name, &other)),
        }
    }
    fields.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(fields)
}

fn field(name: &str, value: &Value) -> Result<Header, String> {
    let Value::String(text) = value else {
        return Err(not_a_value(name, value));
    };
    let bytes = text.as_bytes();
    if !is_value(&bytes) {
        return Err(format!(
            "has a value with a forbidden byte for '{name}': {}",
            shown(value)
        ));
    }
    Ok(Header {
        name: name.to_owned(),
        value: bytes.to_vec(),
    })
}

fn not_a_value(name: &str, got: &Value) -> String {
    format!(
        "must have a string or an array of strings as the value of '{name}', got {}",
        shown(got)
    )
}

/// Whether the bytes are a token (RFC 9110, section 5.6.2).
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !bytes.is_empty() && bytes.iter().all(allowed)
}

/// Whether the bytes may be a field's value: no control characters but the tab (RFC 9110, section 5.5).
fn is_value(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .all(|&byte| byte == b'\t' || byte >= b' ' && byte != 0x7f)
}

#[cfg(test)]
mod tests {
    use super::{is_token, is_value};

    #[test]
    fn tokens() {
        for (bytes, expected) in [
            ("GET", true),
            ("x-a_b!", true),
            ("", false),
            ("a b", false),
            ("a:", false),
        ] {
            assert_eq!(is_token(bytes.as_bytes()), expected, "{bytes}");
        }
    }

    #[test]
    fn values() {
        let table: [(&[u8], bool); 6] = [
            (b"", true),
            (b"a\tb \xff", true),
            (b"a\r\nb", false),
            (b"a\0", false),
            (b"\x7f", false),
            (b"\x1b", false),
        ];
        for (bytes, expected) in table {
            assert_eq!(is_value(bytes), expected, "{bytes:?}");
        }
    }
}
