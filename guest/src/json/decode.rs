//! `json.decode`: text to tables.
//!
//! serde_json reads the text, and each value goes straight to its place in the table around it: there is no tree in between.
//! Refused: what is no JSON, more than [`DEEPEST`](super::DEEPEST) levels, numbers beyond a double's range.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fmt;

use mlua::{IntoLua, Lua, Table, Value};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::content::{Bytes, no_memory};
use crate::heap::Heap;
use crate::problem::Problem;

const CALL: &str = "json.decode";

/// A byte order mark, which a reader may ignore (RFC 8259, section 8.1).
const MARK: &[u8] = b"\xef\xbb\xbf";

/// More than the Luau bytes that a byte of text can become: `[],` is a table and its place in the one around it.
const EXPANSION: usize = 64;

/// The most room that a table gets before its first value.
const LARGEST_GUESS: usize = 64;

/// The reader's words that say less than they could, and what is said in their place.
const FAULTS: [(&str, &str); 15] = [
    ("EOF while parsing a list", "the text ends within an array"),
    ("EOF while parsing a string", "the text ends within a string"),
    (
        "EOF while parsing a value",
        "the text ends where a value is expected",
    ),
    ("EOF while parsing an object", "the text ends within an object"),
    (
        "control character (\\u0000-\\u001F) found while parsing a string",
        "a control character in a string, where it is written as \\u00XX",
    ),
    ("expected ident", "expected true, false or null"),
    ("expected value", "expected a value"),
    ("invalid escape", "an escape that JSON does not have"),
    ("invalid unicode code point", "bytes that are not UTF-8"),
    ("key must be a string", "expected a name in double quotes"),
    ("lone leading surrogate in hex escape", "half of a surrogate pair"),
    ("number out of range", "a number beyond 1.8e308"),
    (
        "recursion limit exceeded",
        "more than 127 arrays and objects within each other",
    ),
    ("trailing characters", "text behind the value"),
    ("unexpected end of hex escape", "half of a surrogate pair"),
];

/// The value that the text stands for; tables for arrays get `mark` as their metatable.
///
/// # Errors
///
/// The text is neither a string nor a buffer, is no JSON, or its value does not fit the memory.
pub(crate) fn decode(lua: &Lua, heap: &Heap, mark: &Table, text: &Value) -> Result<Value, Problem> {
    Bytes::of(CALL, "the text", text)?
        .with(|text| {
            let text = text.strip_prefix(MARK).unwrap_or(text);
            heap.with_room(lua, text.len().saturating_mul(EXPANSION), || {
                read(lua, mark, text)
            })
        })
        .map_err(|failure| match failure {
            Failure::Text(error) => Problem(format!("{CALL}: {}", described(&error))),
            Failure::Memory => {
                heap.after_failure(lua);
                no_memory(CALL)
            }
        })
}

/// Why there is no value.
enum Failure {
    /// The text is no JSON.
    Text(serde_json::Error),
    /// A value did not fit the Luau heap.
    Memory,
}

/// What is wrong with the text, and where.
fn described(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let fault = text.split(" at line ").next().unwrap_or_default();
    let said = FAULTS.iter().find(|(theirs, _)| *theirs == fault);
    let fault = said.map_or(fault, |(_, ours)| ours);
    format!(
        "{fault} at line {} column {}",
        error.line(),
        error.column().max(1)
    )
}

fn read(lua: &Lua, mark: &Table, text: &[u8]) -> Result<Value, Failure> {
    let site = Site {
        lua,
        mark,
        result: RefCell::new(Value::Nil),
        is_full: Cell::new(false),
        sizes: [const { Cell::new(0) }; super::DEEPEST + 1],
    };
    let mut reader = serde_json::Deserializer::from_slice(text);
    let spot = Spot {
        site: &site,
        place: Place::Result,
        level: 0,
    };
    match spot.deserialize(&mut reader).and_then(|()| reader.end()) {
        Ok(()) => Ok(site.result.into_inner()),
        Err(_) if site.is_full.get() => Err(Failure::Memory),
        Err(error) => Err(Failure::Text(error)),
    }
}

/// What all values of one text share.
struct Site<'a> {
    lua: &'a Lua,
    /// The metatable of arrays.
    mark: &'a Table,
    /// The outermost value.
    result: RefCell<Value>,
    /// Whether a value did not fit the Luau heap; the reader's error then means nothing.
    is_full: Cell<bool>,
    /// How many values the last table of each level had, which the next one may have too.
    sizes: [Cell<usize>; super::DEEPEST + 1],
}

/// Where the next value goes.
struct Spot<'a, 'text> {
    site: &'a Site<'a>,
    place: Place<'a, 'text>,
    /// Tables around it.
    level: usize,
}

enum Place<'a, 'text> {
    /// Nowhere: it is the whole text's.
    Result,
    /// The end of an array.
    Item(&'a Table),
    /// Under this name of an object.
    Member(&'a Table, Cow<'text, str>),
}

impl Spot<'_, '_> {
    fn put<E: Error>(self, value: impl IntoLua) -> Result<(), E> {
        let done = match self.place {
            Place::Result => value
                .into_lua(self.site.lua)
                .map(|value| drop(self.site.result.replace(value))),
            Place::Item(table) => table.raw_push(value),
            Place::Member(table, name) => table.raw_set(&*name, value),
        };
        done.map_err(|_| self.site.full())
    }
}

impl Site<'_> {
    /// Notes that the heap is full. Nothing else goes wrong where these tables are made and filled.
    fn full<E: Error>(&self) -> E {
        self.is_full.set(true);
        E::custom("the memory is full")
    }

    /// The size that a table at this level probably has.
    fn guess(&self, level: usize) -> usize {
        self.sizes.get(level).map_or(0, Cell::get)
    }

    fn learn(&self, level: usize, size: usize) {
        if let Some(place) = self.sizes.get(level) {
            place.set(size.min(LARGEST_GUESS));
        }
    }
}

impl<'text> DeserializeSeed<'text> for Spot<'_, 'text> {
    type Value = ();

    fn deserialize<D: Deserializer<'text>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'text> Visitor<'text> for Spot<'_, 'text> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.put(Value::NULL)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.put(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.put(value as f64)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.put(value as f64)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.put(value)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.put(value)
    }

    fn visit_seq<A: SeqAccess<'text>>(self, mut items: A) -> Result<(), A::Error> {
        let Spot { site, level, .. } = self;
        let table = site.lua.create_table_with_capacity(site.guess(level), 0);
        let table = table.map_err(|_| site.full())?;
        table
            .set_metatable(Some(site.mark.clone()))
            .map_err(|_| site.full())?;
        self.put(&table)?;
        let mut size = 0;
        while let Some(()) = items.next_element_seed(Spot {
            site,
            place: Place::Item(&table),
            level: level + 1,
        })? {
            size += 1;
        }
        site.learn(level, size);
        Ok(())
    }

    fn visit_map<A: MapAccess<'text>>(self, mut members: A) -> Result<(), A::Error> {
        let Spot { site, level, .. } = self;
        let table = site.lua.create_table_with_capacity(0, site.guess(level));
        let table = table.map_err(|_| site.full())?;
        self.put(&table)?;
        let mut size = 0;
        while let Some(name) = members.next_key_seed(Name)? {
            members.next_value_seed(Spot {
                site,
                place: Place::Member(&table, name),
                level: level + 1,
            })?;
            size += 1;
        }
        site.learn(level, size);
        Ok(())
    }
}

/// Reads a member's name: a piece of the text, or a copy where that has escapes.
struct Name;

impl<'text> DeserializeSeed<'text> for Name {
    type Value = Cow<'text, str>;

    fn deserialize<D: Deserializer<'text>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'text> Visitor<'text> for Name {
    type Value = Cow<'text, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a member's name")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'text str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}
