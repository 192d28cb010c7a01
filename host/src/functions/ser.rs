//! From what a function returns to a script's value.

use std::fmt;

use serde::ser::{self, Error as _, Serialize, Serializer};

use super::de::LARGEST_EXACT;
use super::value::{Bounds, DEEPEST, Value};

/// The value as Luau has it.
///
/// # Errors
///
/// What it has no form for, or which bound it passes.
pub(super) fn write(value: &impl Serialize) -> Result<Value, String> {
    let mut bounds = Bounds::new();
    let writer = Writer {
        bounds: &mut bounds,
        level: 0,
    };
    value.serialize(writer).map_err(|error| error.0)
}

/// Why there is no value.
#[derive(Debug)]
pub(crate) struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl ser::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Error {
        Error(message.to_string())
    }
}

/// Writes one value. The bounds are counted while it is made, as nobody knows how large it gets.
struct Writer<'a> {
    bounds: &'a mut Bounds,
    /// Tables around it.
    level: usize,
}

impl<'a> Writer<'a> {
    fn leaf(self, value: Value) -> Result<Value, Error> {
        let bytes = match &value {
            Value::Text(bytes) | Value::Buffer(bytes) => bytes.len(),
            _ => 0,
        };
        self.bounds.count(bytes, self.level).map_err(Error)?;
        Ok(value)
    }

    fn text(self, text: &str) -> Result<Value, Error> {
        self.leaf(Value::Text(text.into()))
    }

    /// A table, in another with the variant as its only key where there is one.
    fn table(self, variant: Option<&'static str>, is_array: bool) -> Result<Table<'a>, Error> {
        self.bounds.count(0, self.level).map_err(Error)?;
        let level = self.level + usize::from(variant.is_some());
        if level >= DEEPEST {
            return Err(Error(format!("more than {DEEPEST} levels of tables")));
        }
        Ok(Table {
            content: if is_array {
                Value::Array(Vec::new())
            } else {
                Value::Record(Vec::new())
            },
            bounds: self.bounds,
            level: level + 1,
            variant,
            name: None,
        })
    }
}

/// An integer, where a number holds it exactly.
fn integer<T: Copy + fmt::Display + TryInto<i64>>(value: T) -> Result<Value, Error> {
    let exact = value
        .try_into()
        .ok()
        .filter(|value| value.unsigned_abs() <= LARGEST_EXACT as u64);
    match exact {
        Some(value) => Ok(Value::Number(value as f64)),
        None => Err(Error(format!("{value} is more than a number holds exactly"))),
    }
}

impl<'a> Serializer for Writer<'a> {
    type Ok = Value;
    type Error = Error;
    type SerializeSeq = Table<'a>;
    type SerializeTuple = Table<'a>;
    type SerializeTupleStruct = Table<'a>;
    type SerializeTupleVariant = Table<'a>;
    type SerializeMap = Table<'a>;
    type SerializeStruct = Table<'a>;
    type SerializeStructVariant = Table<'a>;

    fn serialize_bool(self, value: bool) -> Result<Value, Error> {
        self.leaf(Value::Boolean(value))
    }

    fn serialize_i8(self, value: i8) -> Result<Value, Error> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<Value, Error> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<Value, Error> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<Value, Error> {
        self.leaf(integer(value)?)
    }

    fn serialize_i128(self, value: i128) -> Result<Value, Error> {
        self.leaf(integer(value)?)
    }

    fn serialize_u8(self, value: u8) -> Result<Value, Error> {
        self.serialize_u64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<Value, Error> {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<Value, Error> {
        self.serialize_u64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<Value, Error> {
        self.leaf(integer(value)?)
    }

    fn serialize_u128(self, value: u128) -> Result<Value, Error> {
        self.leaf(integer(value)?)
    }

    fn serialize_f32(self, value: f32) -> Result<Value, Error> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<Value, Error> {
        self.leaf(Value::Number(value))
    }

    fn serialize_char(self, value: char) -> Result<Value, Error> {
        self.text(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<Value, Error> {
        self.text(value)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<Value, Error> {
        self.leaf(Value::Buffer(value.into()))
    }

    fn serialize_none(self) -> Result<Value, Error> {
        self.leaf(Value::Nil)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Value, Error> {
        self.leaf(Value::Nil)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Value, Error> {
        self.leaf(Value::Nil)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Value, Error> {
        self.text(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Value, Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value, Error> {
        let mut table = self.table(None, false)?;
        table.member(variant, value)?;
        table.done()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Table<'a>, Error> {
        self.table(None, true)
    }

    fn serialize_tuple(self, _: usize) -> Result<Table<'a>, Error> {
        self.table(None, true)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Table<'a>, Error> {
        self.table(None, true)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Table<'a>, Error> {
        self.table(Some(variant), true)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Table<'a>, Error> {
        self.table(None, false)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Table<'a>, Error> {
        self.table(None, false)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Table<'a>, Error> {
        self.table(Some(variant), false)
    }
}

/// A table that is being written.
pub(crate) struct Table<'a> {
    bounds: &'a mut Bounds,
    /// That of what is in it.
    level: usize,
    content: Value,
    variant: Option<&'static str>,
    /// The name of a member whose value is yet to come.
    name: Option<String>,
}

impl Table<'_> {
    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<Value, Error> {
        value.serialize(Writer {
            bounds: self.bounds,
            level: self.level,
        })
    }

    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let value = self.value(value)?;
        if let Value::Array(items) = &mut self.content {
            items.push(value);
        }
        Ok(())
    }

    fn member<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Error> {
        self.bounds.count(name.len(), self.level).map_err(Error)?;
        let value = self.value(value)?;
        // A member that is nil is none.
        if let (Value::Record(members), true) = (&mut self.content, value != Value::Nil) {
            members.push((name.to_owned(), value));
        }
        Ok(())
    }

    fn done(self) -> Result<Value, Error> {
        Ok(match self.variant {
            Some(variant) => Value::Record(vec![(variant.to_owned(), self.content)]),
            None => self.content,
        })
    }
}

macro_rules! items {
    ($($kind:ident $method:ident),*) => {$(
        impl ser::$kind for Table<'_> {
            type Ok = Value;
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.item(value)
            }

            fn end(self) -> Result<Value, Error> {
                self.done()
            }
        }
    )*};
}

items!(SerializeSeq serialize_element, SerializeTuple serialize_element);
items!(SerializeTupleStruct serialize_field, SerializeTupleVariant serialize_field);

macro_rules! members {
    ($($kind:ident),*) => {$(
        impl ser::$kind for Table<'_> {
            type Ok = Value;
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
                self.member(name, value)
            }

            fn end(self) -> Result<Value, Error> {
                self.done()
            }
        }
    )*};
}

members!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Table<'_> {
    type Ok = Value;
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, name: &T) -> Result<(), Error> {
        self.name = match self.value(name)? {
            Value::Text(bytes) => String::from_utf8(bytes).ok(),
            Value::Number(number) => Some(number.to_string()),
            Value::Boolean(value) => Some(value.to_string()),
            _ => return Err(Error::custom("a map's keys are to be strings")),
        };
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let name = self.name.take();
        self.member(&name.unwrap_or_default(), value)
    }

    fn end(self) -> Result<Value, Error> {
        self.done()
    }
}
