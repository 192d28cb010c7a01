//! Reads tables of options that a script hands to a native function.
//!
//! Called by `net::serve` and `net::request`. Each wrong field is a [`Problem`] that names the call, the
//! field, the rule and the value. Unknown fields are ignored: scripts for other runtimes have more.

use std::time::Duration;

use mlua::{Function, Table, Value};

use crate::problem::Problem;

/// Characters of a wrong value that a message shows.
const LONGEST_SHOWN: usize = 40;

/// The options of one call.
pub(crate) struct Fields<'a> {
    /// What the script called, for messages: `net.serve`.
    call: &'static str,
    /// The options; none where the script gave none.
    table: Option<&'a Table>,
}

impl<'a> Fields<'a> {
    /// The options in `table`, given to `call`.
    pub(crate) fn new(call: &'static str, table: Option<&'a Table>) -> Self {
        Self { call, table }
    }

    /// The field's value, nil where it is missing.
    pub(crate) fn value(&self, field: &str) -> Result<Value, Problem> {
        match self.table {
            Some(table) => Ok(table.get(field)?),
            None => Ok(Value::Nil),
        }
    }

    /// A boolean, false or true as `default` says where it is missing.
    pub(crate) fn boolean(&self, field: &str, default: bool) -> Result<bool, Problem> {
        match self.value(field)? {
            Value::Nil => Ok(default),
            Value::Boolean(given) => Ok(given),
            other => Err(self.wrong(field, "must be a boolean", &other)),
        }
    }

    /// An integer between `least` and `most`; none where it is missing.
    pub(crate) fn integer(&self, field: &str, least: u64, most: u64) -> Result<Option<u64>, Problem> {
        let value = self.value(field)?;
        if value.is_nil() {
            return Ok(None);
        }
        match whole_number(&value) {
            Some(given) if (least..=most).contains(&given) => Ok(Some(given)),
            _ => Err(self.wrong(
                field,
                &format!("must be an integer from {least} to {most}"),
                &value,
            )),
        }
    }

    /// A number of seconds above zero, in nanoseconds; infinity is the longest time there is.
    pub(crate) fn seconds(&self, field: &str, default: Duration) -> Result<u64, Problem> {
        let value = self.value(field)?;
        let seconds = match value {
            Value::Nil => return Ok(u64::try_from(default.as_nanos()).unwrap_or(u64::MAX)),
            Value::Integer(given) => given as f64,
            Value::Number(given) => given,
            _ => f64::NAN,
        };
        if seconds > 0.0 {
            Ok(nanoseconds(seconds))
        } else {
            Err(self.wrong(field, "must be a number of seconds above 0", &value))
        }
    }

    /// A function; none where it is missing.
    pub(crate) fn function(&self, field: &str) -> Result<Option<Function>, Problem> {
        match self.value(field)? {
            Value::Nil => Ok(None),
            Value::Function(given) => Ok(Some(given)),
            other => Err(self.wrong(field, "must be a function", &other)),
        }
    }

    /// A table; none where it is missing.
    pub(crate) fn table(&self, field: &str) -> Result<Option<Table>, Problem> {
        match self.value(field)? {
            Value::Nil => Ok(None),
            Value::Table(given) => Ok(Some(given)),
            other => Err(self.wrong(field, "must be a table", &other)),
        }
    }

    /// The PEM texts that the field, a table, has under these names; none where the field is missing.
    pub(crate) fn pems<const N: usize>(
        &self,
        field: &str,
        names: [&str; N],
    ) -> Result<Option<[Option<String>; N]>, Problem> {
        let Some(table) = self.table(field)? else {
            return Ok(None);
        };
        let mut texts = [const { None }; N];
        for (text, name) in texts.iter_mut().zip(names) {
            *text = match table.get::<Value>(name)? {
                Value::Nil => None,
                Value::String(given) => Some(given.to_string_lossy()),
                other => {
                    return Err(self.wrong(field, &format!("must have a PEM string as '{name}'"), &other));
                }
            };
        }
        Ok(Some(texts))
    }

    /// The field, a table, as an array of strings; empty where it is missing.
    pub(crate) fn strings(&self, field: &str) -> Result<Vec<String>, Problem> {
        match self.table(field)? {
            Some(list) => self.strings_of(field, &list),
            None => Ok(Vec::new()),
        }
    }

    /// The strings of an array that messages call `field`.
    pub(crate) fn strings_of(&self, field: &str, list: &Table) -> Result<Vec<String>, Problem> {
        let mut strings = Vec::new();
        for value in list.sequence_values::<Value>() {
            match value? {
                Value::String(text) => strings.push(text.to_string_lossy()),
                other => return Err(self.wrong(field, "must be an array of strings", &other)),
            }
        }
        Ok(strings)
    }

    /// `net.serve: field 'port' must be an integer from 0 to 65535, got "80x"`.
    pub(crate) fn wrong(&self, field: &str, rule: &str, got: &Value) -> Problem {
        Problem(format!(
            "{}: field '{field}' {rule}, got {}",
            self.call,
            shown(got)
        ))
    }

    /// A problem with a field that its value alone does not explain.
    pub(crate) fn refused(&self, field: &str, why: &str) -> Problem {
        Problem(format!("{}: field '{field}' {why}", self.call))
    }

    /// A problem with the call as a whole.
    pub(crate) fn mistaken(&self, why: &str) -> Problem {
        Problem(format!("{}: {why}", self.call))
    }
}

/// The table of options that `call` was given, if any.
///
/// # Errors
///
/// Something else was given.
pub(crate) fn options_of<'a>(call: &str, options: &'a Value) -> Result<Option<&'a Table>, Problem> {
    match options {
        Value::Nil => Ok(None),
        Value::Table(table) => Ok(Some(table)),
        other => Err(Problem(format!(
            "{call}: the options must be a table, got {}",
            shown(other)
        ))),
    }
}

/// The number where it is whole, not negative and exact.
pub(crate) fn whole_number(value: &Value) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match *value {
        Value::Integer(given) => u64::try_from(given).ok(),
        Value::Number(given) if (0.0..=EXACT).contains(&given) && given.fract() == 0.0 => Some(given as u64),
        _ => None,
    }
}

/// Seconds in nanoseconds, rounded up so that no wait ends early; at most 584 years.
pub(crate) fn nanoseconds(seconds: f64) -> u64 {
    // The conversion saturates: infinity is the longest time there is.
    (seconds * 1e9).ceil() as u64
}

/// The value as a message shows it: numbers and short strings in full, of others the kind.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Nil => "nil".to_owned(),
        Value::Boolean(given) => given.to_string(),
        Value::Integer(given) => given.to_string(),
        Value::Number(given) if given.is_nan() => "nan".to_owned(),
        // Not with all the digits of 1e300.
        Value::Number(given) if given.abs() >= 1e17 => format!("{given:?}"),
        Value::Number(given) => given.to_string(),
        Value::LightUserData(_) => "json.null".to_owned(),
        Value::String(given) => {
            let text = given.to_string_lossy();
            let cut: String = text.chars().take(LONGEST_SHOWN).collect();
            let dots = if cut.len() < text.len() { "…" } else { "" };
            format!("{cut:?}{dots}")
        }
        other => format!("a {}", other.type_name()),
    }
}

#[cfg(test)]
mod tests {
    use mlua::Value;

    use super::{nanoseconds, shown, whole_number};

    #[test]
    fn whole_numbers() {
        let table = [
            (Value::Integer(80), Some(80)),
            (Value::Number(80.0), Some(80)),
            (Value::Integer(-1), None),
            (Value::Number(0.5), None),
            (Value::Number(f64::INFINITY), None),
            (Value::Number(f64::NAN), None),
            (Value::Nil, None),
        ];
        for (value, expected) in table {
            assert_eq!(whole_number(&value), expected, "{value:?}");
        }
    }

    #[test]
    fn times_saturate_and_never_round_down() {
        let table = [
            (0.0, 0),
            (1e-10, 1),
            (1.5, 1_500_000_000),
            (f64::INFINITY, u64::MAX),
        ];
        for (seconds, expected) in table {
            assert_eq!(nanoseconds(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn values_in_messages() {
        let table = [
            (Value::Nil, "nil"),
            (Value::Boolean(true), "true"),
            (Value::Number(1.5), "1.5"),
            (Value::Number(4294967296.0), "4294967296"),
            (Value::Number(1e300), "1e300"),
            (Value::Number(f64::INFINITY), "inf"),
            (Value::NULL, "json.null"),
            (Value::Number(f64::NAN), "nan"),
        ];
        for (value, expected) in table {
            assert_eq!(shown(&value), expected);
        }
    }
}
