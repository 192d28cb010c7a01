//! Values on their way between a script and a function of the host's: a tree, and the flat list that crosses.

use crate::bindings::generated::atoll::net::functions as wit;

/// Levels of tables in each other.
pub(crate) const DEEPEST: usize = 64;

/// Values of one call, or of one result.
const MOST_VALUES: usize = 100_000;

/// Bytes of them.
const MOST_BYTES: usize = 4 << 20;

/// A value as Luau has it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Nil,
    Boolean(bool),
    Number(f64),
    /// Any bytes.
    Text(Vec<u8>),
    Buffer(Vec<u8>),
    Array(Vec<Value>),
    Record(Vec<(String, Value)>),
}

/// What is left of the bounds.
pub(crate) struct Bounds {
    values: usize,
    bytes: usize,
}

impl Bounds {
    /// All of them.
    pub(crate) fn new() -> Bounds {
        Bounds {
            values: MOST_VALUES,
            bytes: MOST_BYTES,
        }
    }

    /// Bytes that were counted.
    pub(crate) fn used(&self) -> usize {
        MOST_BYTES - self.bytes
    }

    /// Counts a value with so many bytes at this level.
    pub(super) fn count(&mut self, bytes: usize, level: usize) -> Result<(), String> {
        if level > DEEPEST {
            return Err(format!("more than {DEEPEST} levels of tables"));
        }
        self.values = self
            .values
            .checked_sub(1)
            .ok_or_else(|| format!("more than {MOST_VALUES} values"))?;
        self.bytes = self
            .bytes
            .checked_sub(bytes)
            .ok_or_else(|| format!("more than {} MiB", MOST_BYTES >> 20))?;
        Ok(())
    }
}

/// The values that the guest has put into a list, whose beginning they are to be: any list may come.
///
/// # Errors
///
/// A bound is passed, or the list is none that our guest makes.
pub(crate) fn parse(list: Vec<wit::Value>, bounds: &mut Bounds) -> Result<Vec<Value>, String> {
    let mut list = list.into_iter();
    let mut values = Vec::new();
    while let Some(first) = list.next() {
        values.push(one(first, &mut list, bounds, 0)?);
    }
    Ok(values)
}

fn one(
    first: wit::Value,
    rest: &mut std::vec::IntoIter<wit::Value>,
    bounds: &mut Bounds,
    level: usize,
) -> Result<Value, String> {
    let bytes = match &first {
        wit::Value::Text(bytes) | wit::Value::Buffer(bytes) => bytes.len(),
        _ => 0,
    };
    bounds.count(bytes, level)?;
    let short = || "a table that is cut off".to_owned();
    Ok(match first {
        wit::Value::Nil => Value::Nil,
        wit::Value::Boolean(value) => Value::Boolean(value),
        wit::Value::Number(value) => Value::Number(value),
        wit::Value::Text(bytes) => Value::Text(bytes),
        wit::Value::Buffer(bytes) => Value::Buffer(bytes),
        wit::Value::Array(count) => {
            let mut items = Vec::new();
            for _ in 0..count {
                let item = rest.next().ok_or_else(short)?;
                items.push(one(item, rest, bounds, level + 1)?);
            }
            Value::Array(items)
        }
        wit::Value::Record(count) => {
            let mut members = Vec::new();
            for _ in 0..count {
                let Some(wit::Value::Text(name)) = rest.next() else {
                    return Err("a member without a name".to_owned());
                };
                bounds.count(name.len(), level)?;
                let name =
                    String::from_utf8(name).map_err(|_| "a member's name that is not UTF-8".to_owned())?;
                let value = rest.next().ok_or_else(short)?;
                members.push((name, one(value, rest, bounds, level + 1)?));
            }
            Value::Record(members)
        }
    })
}

impl Value {
    /// The value as the list that the guest reads.
    ///
    /// # Errors
    ///
    /// A bound is passed.
    pub(crate) fn flatten(self) -> Result<Vec<wit::Value>, String> {
        let mut list = Vec::new();
        self.append(&mut list, &mut Bounds::new(), 0)?;
        Ok(list)
    }

    fn append(self, list: &mut Vec<wit::Value>, bounds: &mut Bounds, level: usize) -> Result<(), String> {
        let bytes = match &self {
            Value::Text(bytes) | Value::Buffer(bytes) => bytes.len(),
            _ => 0,
        };
        bounds.count(bytes, level)?;
        match self {
            Value::Nil => list.push(wit::Value::Nil),
            Value::Boolean(value) => list.push(wit::Value::Boolean(value)),
            Value::Number(value) => list.push(wit::Value::Number(value)),
            Value::Text(bytes) => list.push(wit::Value::Text(bytes)),
            Value::Buffer(bytes) => list.push(wit::Value::Buffer(bytes)),
            Value::Array(items) => {
                list.push(wit::Value::Array(count(items.len())?));
                for item in items {
                    item.append(list, bounds, level + 1)?;
                }
            }
            Value::Record(members) => {
                list.push(wit::Value::Record(count(members.len())?));
                for (name, value) in members {
                    bounds.count(name.len(), level)?;
                    list.push(wit::Value::Text(name.into_bytes()));
                    value.append(list, bounds, level + 1)?;
                }
            }
        }
        Ok(())
    }
}

fn count(length: usize) -> Result<u32, String> {
    u32::try_from(length).map_err(|_| format!("more than {MOST_VALUES} values"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value behind so many tables.
    fn nested(levels: usize) -> Value {
        (0..levels).fold(Value::Nil, |inner, _| Value::Array(vec![inner]))
    }

    #[test]
    fn there_and_back() {
        let value = Value::Array(vec![
            Value::Boolean(true),
            Value::Record(vec![
                ("a".to_owned(), Value::Array(vec![])),
                ("b".to_owned(), Value::Number(1.5)),
            ]),
            Value::Buffer(vec![0, 255]),
        ]);
        let list = value.clone().flatten().expect("it fits");
        assert_eq!(list.len(), 8);
        assert_eq!(parse(list, &mut Bounds::new()), Ok(vec![value]));
    }

    #[test]
    fn bounds_hold_both_ways() {
        assert!(nested(DEEPEST).flatten().is_ok());
        let deep = "more than 64 levels of tables";
        assert_eq!(nested(DEEPEST + 1).flatten().err().as_deref(), Some(deep));
        let list = vec![wit::Value::Array(1); 10_000];
        assert_eq!(parse(list, &mut Bounds::new()), Err(deep.to_owned()));
        let long = Value::Text(vec![0; MOST_BYTES + 1]);
        assert_eq!(long.flatten().err().as_deref(), Some("more than 4 MiB"));
        let list = vec![wit::Value::Text(vec![0; MOST_BYTES / 2 + 1]); 2];
        assert_eq!(parse(list, &mut Bounds::new()), Err("more than 4 MiB".to_owned()));
        let many = Value::Array(vec![Value::Nil; MOST_VALUES]);
        assert_eq!(many.flatten().err().as_deref(), Some("more than 100000 values"));
    }

    #[test]
    fn lists_that_our_guest_does_not_make() {
        let table = [
            (vec![wit::Value::Array(u32::MAX)], "a table that is cut off"),
            (vec![wit::Value::Record(u32::MAX)], "a member without a name"),
            (
                vec![wit::Value::Record(1), wit::Value::Nil],
                "a member without a name",
            ),
            (
                vec![
                    wit::Value::Record(1),
                    wit::Value::Text(vec![0xff]),
                    wit::Value::Nil,
                ],
                "a member's name that is not UTF-8",
            ),
            (
                vec![wit::Value::Record(1), wit::Value::Text(vec![])],
                "a table that is cut off",
            ),
        ];
        for (list, message) in table {
            assert_eq!(parse(list, &mut Bounds::new()), Err(message.to_owned()));
        }
    }
}
