//! From a script's value to the type that a function takes.

use std::fmt;

use serde::de::value::SeqDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, MapAccess,
    Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::value::Value;

/// Up to here a number holds every integer.
pub(super) const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;

/// Reads the value as this type.
///
/// # Errors
///
/// Why it is none, behind the way to the place.
pub(super) fn read<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    T::deserialize(value).map_err(|error| error.to_string())
}

/// Why a value is not of the type that is wanted, and where.
#[derive(Debug)]
pub(crate) struct Error {
    /// The names of the members, the innermost first.
    path: Vec<String>,
    fault: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, name) in self.path.iter().rev().enumerate() {
            if position > 0 {
                f.write_str(".")?;
            }
            f.write_str(name)?;
        }
        if !self.path.is_empty() {
            f.write_str(": ")?;
        }
        f.write_str(&self.fault)
    }
}

impl std::error::Error for Error {}

impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Error {
        Error {
            path: Vec::new(),
            fault: message.to_string(),
        }
    }

    fn invalid_type(got: Unexpected<'_>, wanted: &dyn serde::de::Expected) -> Error {
        match got {
            Unexpected::Unit | Unexpected::Option => {
                Error::custom(format_args!("invalid type: nil, expected {wanted}"))
            }
            got => Error::custom(format_args!("invalid type: {got}, expected {wanted}")),
        }
    }
}

impl<'de> IntoDeserializer<'de, Error> for Value {
    type Deserializer = Value;

    fn into_deserializer(self) -> Value {
        self
    }
}

impl<'de> Deserializer<'de> for Value {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Value::Nil => visitor.visit_unit(),
            Value::Boolean(value) => visitor.visit_bool(value),
            // `as` is exact there.
            Value::Number(value) if value.fract() == 0.0 && value.abs() <= LARGEST_EXACT => {
                visitor.visit_i64(value as i64)
            }
            Value::Number(value) => visitor.visit_f64(value),
            Value::Text(bytes) => match String::from_utf8(bytes) {
                Ok(text) => visitor.visit_string(text),
                Err(error) => visitor.visit_byte_buf(error.into_bytes()),
            },
            Value::Buffer(bytes) => visitor.visit_byte_buf(bytes),
            Value::Array(items) => {
                let mut items = SeqDeserializer::new(items.into_iter());
                let value = visitor.visit_seq(&mut items)?;
                items.end()?;
                Ok(value)
            }
            Value::Record(members) => visitor.visit_map(Members {
                members: members.into_iter(),
                next: None,
            }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Value::Nil => visitor.visit_none(),
            value => visitor.visit_some(value),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    /// An empty table may be either; a buffer is a sequence of bytes too.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Value::Record(members) if members.is_empty() => Value::Array(Vec::new()).deserialize_any(visitor),
            Value::Buffer(bytes) => visitor.visit_seq(SeqDeserializer::new(bytes.into_iter())),
            value => value.deserialize_any(visitor),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Value::Array(items) if items.is_empty() => Value::Record(Vec::new()).deserialize_any(visitor),
            value => value.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    /// A variant's name; or a table whose one member is called so, and has what is in it.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let (name, content) = match self {
            Value::Text(name) => match String::from_utf8(name) {
                Ok(name) => (name, None),
                Err(_) => return Err(Error::custom("the name of a variant is not UTF-8")),
            },
            Value::Record(mut members) if members.len() == 1 => match members.pop() {
                Some((name, content)) => (name, Some(content)),
                None => return Err(Error::custom("the table is empty")),
            },
            _ => {
                return Err(Error::custom(
                    "invalid type: expected a variant's name, or a table with it as its only key",
                ));
            }
        };
        visitor.visit_enum(Variant { name, content })
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct identifier
    }
}

/// Reads members, and puts their names before the errors in them.
struct Members {
    members: std::vec::IntoIter<(String, Value)>,
    next: Option<(String, Value)>,
}

impl<'de> MapAccess<'de> for Members {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        self.next = self.members.next();
        match &self.next {
            Some((name, _)) => seed.deserialize(name.clone().into_deserializer()).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        let Some((name, value)) = self.next.take() else {
            return Err(Error::custom("a value is asked for before its name"));
        };
        seed.deserialize(value).map_err(|mut error| {
            error.path.push(name);
            error
        })
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.members.len())
    }
}

/// Reads a variant of an enum.
struct Variant {
    name: String,
    content: Option<Value>,
}

impl<'de> EnumAccess<'de> for Variant {
    type Error = Error;
    type Variant = Content;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Content), Error> {
        let value = seed.deserialize(self.name.into_deserializer())?;
        Ok((value, Content(self.content)))
    }
}

/// Reads what is in it.
struct Content(Option<Value>);

impl Content {
    fn given(self) -> Value {
        self.0.unwrap_or(Value::Nil)
    }
}

impl<'de> VariantAccess<'de> for Content {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        match self.0 {
            None | Some(Value::Nil) => Ok(()),
            Some(_) => Err(Error::custom("this variant has no content")),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.given())
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.given().deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.given().deserialize_map(visitor)
    }
}
