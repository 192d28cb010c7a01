//! `json.encode`: tables to text.
//!
//! Tables are read raw, so no metamethod of the script's runs meanwhile. Refused, with the path to the place: values that JSON does
//! not have, tables that are neither array nor object, cycles, more than [`DEEPEST`](super::DEEPEST) levels.

use std::ffi::c_void;

use mlua::prelude::LuaString;
use mlua::{Table, Value};

use super::encode_options::indent_of;
use super::text::{Full, Hole, Open, Text};
use crate::content::no_memory;
use crate::fields::shown;
use crate::heap::Heap;
use crate::problem::Problem;

pub(crate) const CALL: &str = "json.encode";

/// Characters of a path that a message shows.
const LONGEST_PATH: usize = 160;

/// The text of the value; tables with `mark` as their metatable are arrays.
///
/// # Errors
///
/// An option is wrong, the value has no text, or the text is longer than half of the Luau heap.
pub(crate) fn encode(heap: &Heap, mark: &Table, value: &Value, options: &Value) -> Result<Vec<u8>, Problem> {
    let mut encoder = Encoder {
        text: Text::new(heap.limit() / 2, indent_of(CALL, options)?),
        mark: mark.to_pointer(),
        open: Vec::new(),
    };
    match encoder.value(value) {
        Ok(()) => Ok(encoder.text.into_bytes()),
        Err(Trouble::Full) => Err(no_memory(CALL)),
        Err(Trouble::Place { steps, fault }) => Err(Problem(format!("{CALL}: {} {fault}", place(&steps)))),
    }
}

struct Encoder {
    text: Text,
    /// The metatable of arrays.
    mark: *const c_void,
    /// The tables around the present value.
    open: Vec<*const c_void>,
}

/// Why there is no text.
enum Trouble {
    /// The text grew too long.
    Full,
    /// A value that JSON has no text for.
    Place {
        /// The way to it, the last step first.
        steps: Vec<Step>,
        /// What it is: `is a function`.
        fault: String,
    },
}

/// A step from a table to a value in it.
pub(crate) enum Step {
    /// To a member, by its name.
    Member(String),
    /// To an item, by its number.
    Item(usize),
}

impl From<Full> for Trouble {
    fn from(Full: Full) -> Self {
        Trouble::Full
    }
}

impl Trouble {
    fn here(fault: impl Into<String>) -> Self {
        Trouble::Place {
            steps: Vec::new(),
            fault: fault.into(),
        }
    }

    fn hole(Hole { missing, there }: &Hole) -> Self {
        Trouble::here(format!(
            "is an array with a hole: item {missing} is missing, and item {there} is there (json.null fills holes; the keys \
             of an object are strings)"
        ))
    }

    /// The same, as seen from the table around.
    fn after(mut self, step: impl FnOnce() -> Step) -> Self {
        if let Trouble::Place { steps, .. } = &mut self {
            steps.push(step());
        }
        self
    }
}

impl Encoder {
    fn value(&mut self, value: &Value) -> Result<(), Trouble> {
        let fault = match value {
            Value::Boolean(true) => return Ok(self.text.word("true")?),
            Value::Boolean(false) => return Ok(self.text.word("false")?),
            Value::Integer(number) => return Ok(self.text.number(*number as f64)?),
            Value::Number(number) if number.is_finite() => return Ok(self.text.number(*number)?),
            Value::String(string) => return self.string(string),
            Value::Table(table) => return self.table(table),
            Value::LightUserData(_) => return Ok(self.text.word("null")?),
            Value::Nil => "is nil: JSON's null is json.null".to_owned(),
            Value::Number(number) => {
                format!(
                    "is {}: JSON has finite numbers only",
                    if number.is_nan() { "nan" } else { "infinite" }
                )
            }
            Value::Buffer(_) => "is a buffer: JSON holds text, such as base64.encode makes of it".to_owned(),
            other => format!("is a {}, which JSON has no form for", other.type_name()),
        };
        Err(Trouble::here(fault))
    }

    fn string(&mut self, string: &LuaString) -> Result<(), Trouble> {
        match std::str::from_utf8(&string.as_bytes()) {
            Ok(text) => Ok(self.text.string(text)?),
            Err(error) => Err(Trouble::here(format!(
                "is a string that is not UTF-8 (byte {}): JSON holds text, such as base64.encode makes of it",
                error.valid_up_to() + 1
            ))),
        }
    }

    fn table(&mut self, table: &Table) -> Result<(), Trouble> {
        let pointer = table.to_pointer();
        if self.open.contains(&pointer) {
            return Err(Trouble::here(
                "leads back to a table around it: JSON has no cycles",
            ));
        }
        if self.open.len() == super::DEEPEST {
            let most = super::DEEPEST;
            return Err(Trouble::here(format!("is nested deeper than {most} tables")));
        }
        self.open.push(pointer);
        let is_marked = table
            .metatable()
            .is_some_and(|meta| meta.to_pointer() == self.mark);
        let mut kind = is_marked.then_some(Kind::Array);
        let mut open = None;
        each(table, |key, value| {
            let kind = *kind.get_or_insert_with(|| Kind::of(key));
            let open = match &open {
                Some(open) => open,
                None => &*open.insert(self.text.open(kind.bracket())?),
            };
            match kind {
                Kind::Array => self.item(open, key, value),
                Kind::Object => self.member(key, value),
            }
        })?;
        match (kind, open) {
            (Some(Kind::Array), Some(open)) => {
                if let Some(hole) = self.text.close_array(open)? {
                    return Err(Trouble::hole(&hole));
                }
            }
            (Some(Kind::Object), Some(open)) => self.text.close_object(open)?,
            (Some(Kind::Array), None) => self.text.word("[]")?,
            (_, None) | (None, _) => self.text.word("{}")?,
        }
        self.open.pop();
        Ok(())
    }

    fn item(&mut self, open: &Open, key: &Value, value: &Value) -> Result<(), Trouble> {
        let number = match key {
            Value::Integer(number) if *number > 0 => *number as usize,
            Value::Integer(_) | Value::Number(_) => {
                return Err(Trouble::here(format!(
                    "has {} as a key: arrays have 1, 2, 3…, and objects have strings (tostring makes one)",
                    shown(key)
                )));
            }
            _ => {
                return Err(Trouble::here(format!(
                    "is an array with {} as a key: JSON has arrays and objects, but no mix",
                    shown(key)
                )));
            }
        };
        let start = self.text.begin_item()?;
        self.value(value)
            .map_err(|trouble| trouble.after(|| Step::Item(number)))?;
        Ok(self.text.end_item(open, start, number)?)
    }

    fn member(&mut self, key: &Value, value: &Value) -> Result<(), Trouble> {
        let Value::String(name) = key else {
            return Err(Trouble::here(match key {
                Value::Integer(_) | Value::Number(_) => format!(
                    "is an object with {} as a key: JSON has arrays and objects, but no mix",
                    shown(key)
                ),
                _ => format!("has {} as a key: the keys of an object are strings", shown(key)),
            }));
        };
        let name = name.as_bytes();
        let name = std::str::from_utf8(&name)
            .map_err(|_| Trouble::here(format!("has {} as a key, which is not UTF-8", shown(key))))?;
        let member = self.text.begin_member(name)?;
        self.value(value)
            .map_err(|trouble| trouble.after(|| Step::Member(name.to_owned())))?;
        Ok(self.text.end_member(member)?)
    }
}

/// What a table is in JSON.
#[derive(Clone, Copy)]
enum Kind {
    Array,
    Object,
}

impl Kind {
    /// As a table's first key says; what is wrong with the others shows when they come.
    fn of(key: &Value) -> Kind {
        match key {
            Value::Integer(_) | Value::Number(_) => Kind::Array,
            _ => Kind::Object,
        }
    }

    fn bracket(self) -> u8 {
        match self {
            Kind::Array => b'[',
            Kind::Object => b'{',
        }
    }
}

/// Calls `visit` for every key and value, until it fails.
fn each(table: &Table, mut visit: impl FnMut(&Value, &Value) -> Result<(), Trouble>) -> Result<(), Trouble> {
    let mut trouble = Ok(());
    let walk = table.for_each(|key: Value, value: Value| {
        trouble = visit(&key, &value);
        match trouble {
            Ok(()) => Ok(()),
            // Only a sign to stop.
            Err(_) => Err(mlua::Error::StackError),
        }
    });
    trouble?;
    // The walk itself fails where the stack is full.
    walk.map_err(|_| Trouble::here("is nested too deep for the stack"))
}

/// The value as a message names it, by the way to it.
pub(crate) fn place(steps: &[Step]) -> String {
    if steps.is_empty() {
        return "the value".to_owned();
    }
    let mut path = String::new();
    for step in steps.iter().rev() {
        match step {
            Step::Item(number) => path.push_str(&format!("[{number}]")),
            Step::Member(name) if is_identifier(name) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(name);
            }
            Step::Member(name) => path.push_str(&format!("[{name:?}]")),
        }
    }
    if let Some((end, _)) = path.char_indices().nth(LONGEST_PATH) {
        path.truncate(end);
        path.push('…');
    }
    format!("field '{path}'")
}

fn is_identifier(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

#[cfg(test)]
mod tests {
    use super::{Step, place};

    #[test]
    fn places() {
        let member = |name: &str| Step::Member(name.to_owned());
        let table = [
            (vec![], "the value"),
            (vec![member("a")], "field 'a'"),
            (vec![Step::Item(3), member("b"), member("a")], "field 'a.b[3]'"),
            (vec![member("x"), Step::Item(1)], "field '[1].x'"),
            (vec![member("1 2"), member("a")], "field 'a[\"1 2\"]'"),
            (vec![member("")], "field '[\"\"]'"),
        ];
        for (steps, expected) in table {
            assert_eq!(place(&steps), expected);
        }
        let long = place(&[member(&"é".repeat(500))]);
        assert_eq!(
            long.chars().filter(|letter| *letter == 'é').count() + 2,
            160,
            "{long}"
        );
        assert!(long.ends_with("…'"));
    }
}
