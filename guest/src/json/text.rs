//! JSON text as it is written (RFC 8259): one value after the other, with its layout and its bounds. Pure.
//!
//! Called by `encode`, which walks the script's tables. Members and items may come in any order: `close`
//! sorts them. Refuses to grow beyond its bound, and numbers that JSON does not have.

use std::cmp::Ordering;
use std::io;

/// The text does not fit.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// What is wrong with the items of an array: number `missing` is not there, but number `there` is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Hole {
    pub(crate) missing: usize,
    pub(crate) there: usize,
}

/// Text in the making.
pub(crate) struct Text {
    bytes: Vec<u8>,
    /// Bytes that it may have.
    most: usize,
    /// What each level is indented by; none for text on one line.
    indent: Option<String>,
    /// Arrays and objects that are open.
    level: usize,
    /// The parts of those that are open, the innermost one's last.
    parts: Vec<Part>,
    /// Kept between sorts, for its room.
    spare: Vec<u8>,
}

/// A member of an object, or neighbouring items of an array, each with the comma behind it.
struct Part {
    /// Where it starts.
    start: usize,
    /// Where the next one starts.
    end: usize,
    /// A member's name is between these; empty for items.
    name: (usize, usize),
    /// The number of the first item, from 1.
    first: usize,
    /// How many items there are.
    count: usize,
}

/// An array or an object that is open.
pub(crate) struct Open {
    /// Where its first part starts.
    start: usize,
    /// The number of parts of those around it.
    outer: usize,
}

impl Text {
    /// An empty text that may grow to `most` bytes.
    pub(crate) fn new(most: usize, indent: Option<String>) -> Self {
        Self {
            bytes: Vec::new(),
            most,
            indent,
            level: 0,
            parts: Vec::new(),
            spare: Vec::new(),
        }
    }

    /// The bytes of the text.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// `null`, `true` or `false`.
    pub(crate) fn word(&mut self, word: &str) -> Result<(), Full> {
        self.push(word.as_bytes())
    }

    /// A number that is finite: whole ones without a fraction, others as short as they can be read back.
    pub(crate) fn number(&mut self, number: f64) -> Result<(), Full> {
        /// Whole numbers beyond it are written with an exponent.
        const LONGEST: f64 = 1e18;
        if number.fract() != 0.0 || number.abs() > LONGEST {
            return self.serialized(&number);
        }
        if number == 0.0 && number.is_sign_negative() {
            return self.push(b"-0");
        }
        self.serialized(&(number as i64))
    }

    /// A string in its quotes.
    pub(crate) fn string(&mut self, text: &str) -> Result<(), Full> {
        self.serialized(text)
    }

    /// Begins an array or an object: `[` or `{`.
    pub(crate) fn open(&mut self, bracket: u8) -> Result<Open, Full> {
        self.push(&[bracket])?;
        self.level += 1;
        Ok(Open {
            start: self.bytes.len(),
            outer: self.parts.len(),
        })
    }

    /// Begins a member of the object that is open; its value is next, and then [`end_member`](Text::end_member).
    pub(crate) fn begin_member(&mut self, name: &str) -> Result<Member, Full> {
        let start = self.bytes.len();
        self.new_line()?;
        let name_start = self.bytes.len();
        self.string(name)?;
        let name = (name_start + 1, self.bytes.len() - 1);
        self.push(if self.indent.is_some() { b": " } else { b":" })?;
        Ok(Member { start, name })
    }

    /// Ends a member.
    pub(crate) fn end_member(&mut self, member: Member) -> Result<(), Full> {
        self.push(b",")?;
        self.parts.push(Part {
            start: member.start,
            end: self.bytes.len(),
            name: member.name,
            first: 0,
            count: 0,
        });
        Ok(())
    }

    /// Begins an item of the array that is open; its value is next, and then [`end_item`](Text::end_item).
    pub(crate) fn begin_item(&mut self) -> Result<usize, Full> {
        let start = self.bytes.len();
        self.new_line()?;
        Ok(start)
    }

    /// Ends the item that began at `start`; `number` is its place in the array, from 1.
    pub(crate) fn end_item(&mut self, open: &Open, start: usize, number: usize) -> Result<(), Full> {
        self.push(b",")?;
        let end = self.bytes.len();
        if let Some(last) = self.parts[open.outer..].last_mut()
            && last.first + last.count == number
        {
            last.end = end;
            last.count += 1;
            return Ok(());
        }
        self.parts.push(Part {
            start,
            end,
            name: (start, start),
            first: number,
            count: 1,
        });
        Ok(())
    }

    /// Ends the object, its members sorted by the bytes of their names.
    pub(crate) fn close_object(&mut self, open: Open) -> Result<(), Full> {
        self.sort(&open, |bytes, one, other| {
            bytes[one.name.0..one.name.1].cmp(&bytes[other.name.0..other.name.1])
        })?;
        self.close(open, b'}')
    }

    /// Ends the array, its items sorted by their numbers. What is wrong with those is returned.
    pub(crate) fn close_array(&mut self, open: Open) -> Result<Option<Hole>, Full> {
        self.sort(&open, |_, one, other| one.first.cmp(&other.first))?;
        let mut next = 1;
        for part in &self.parts[open.outer..] {
            if part.first != next {
                return Ok(Some(Hole {
                    missing: next,
                    there: part.first,
                }));
            }
            next += part.count;
        }
        self.close(open, b']').map(|()| None)
    }

    /// Puts the parts in order. A part's length stays what it is, as each has its comma behind it.
    fn sort(&mut self, open: &Open, order: impl Fn(&[u8], &Part, &Part) -> Ordering) -> Result<(), Full> {
        let (bytes, parts) = (&mut self.bytes, &mut self.parts[open.outer..]);
        if parts.is_sorted_by(|one, other| order(bytes, one, other).is_le()) {
            return Ok(());
        }
        parts.sort_unstable_by(|one, other| order(bytes, one, other));
        self.spare.clear();
        self.spare
            .try_reserve(bytes.len() - open.start)
            .map_err(|_| Full)?;
        for part in parts {
            self.spare.extend_from_slice(&bytes[part.start..part.end]);
        }
        bytes[open.start..].copy_from_slice(&self.spare);
        Ok(())
    }

    fn close(&mut self, open: Open, bracket: u8) -> Result<(), Full> {
        self.level -= 1;
        if self.parts.len() > open.outer {
            self.parts.truncate(open.outer);
            // The last comma.
            self.bytes.pop();
            self.new_line()?;
        }
        self.push(&[bracket])
    }

    /// Starts a line at the present level, in text that has lines.
    fn new_line(&mut self) -> Result<(), Full> {
        let Some(indent) = self.indent.take() else {
            return Ok(());
        };
        let mut written = self.push(b"\n");
        for _ in 0..self.level {
            written = written.and_then(|()| self.push(indent.as_bytes()));
        }
        self.indent = Some(indent);
        written
    }

    fn serialized<T: serde::Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Full> {
        // Only writing can fail: strings and finite numbers are values of JSON.
        serde_json::to_writer(self, value).map_err(|_| Full)
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), Full> {
        if bytes.len() > self.most - self.bytes.len() {
            return Err(Full);
        }
        self.bytes.try_reserve(bytes.len()).map_err(|_| Full)?;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

/// A member that has begun.
pub(crate) struct Member {
    start: usize,
    name: (usize, usize),
}

impl io::Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(bytes)
            .map(|()| bytes.len())
            .map_err(|Full| io::ErrorKind::OutOfMemory.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
