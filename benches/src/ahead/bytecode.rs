//! Luau's bytecode, read as far as the translation needs it.

use std::fmt;

/// One function.
#[derive(Debug, Default)]
pub(super) struct Proto {
    /// Its name in the source, where it has one.
    pub(super) name: Option<String>,
    /// Registers.
    pub(super) registers: u8,
    /// Those of them that are parameters.
    pub(super) parameters: u8,
    /// Captured variables.
    pub(super) upvalues: u8,
    /// Whether it takes any number of arguments.
    pub(super) variadic: bool,
    /// Instructions and their operands.
    pub(super) code: Vec<u32>,
    /// Constants: the numbers, and nothing in place of others.
    pub(super) constants: Vec<Option<f64>>,
    /// The line of each word of the code.
    pub(super) lines: Vec<i32>,
}

/// Bytes that are no bytecode of a version that is known here.
#[derive(Debug)]
pub(super) struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("not the bytecode of a known Luau")
    }
}

impl std::error::Error for Malformed {}

/// Reads all functions of a chunk.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Proto>, Malformed> {
    let mut reader = Reader(bytes);
    if reader.byte()? != 6 || reader.byte()? != 3 {
        return Err(Malformed);
    }
    let mut strings = Vec::new();
    for _ in 0..reader.varint()? {
        let length = reader.varint()?;
        strings.push(String::from_utf8_lossy(reader.take(length)?).into_owned());
    }
    while reader.byte()? != 0 {
        reader.varint()?;
    }
    let count = reader.varint()?;
    (0..count).map(|_| proto(&mut reader, &strings)).collect()
}

fn proto(reader: &mut Reader<'_>, strings: &[String]) -> Result<Proto, Malformed> {
    let mut proto = Proto {
        registers: reader.byte()?,
        parameters: reader.byte()?,
        upvalues: reader.byte()?,
        variadic: reader.byte()? != 0,
        ..Proto::default()
    };
    let _flags = reader.byte()?;
    let types = reader.varint()?;
    reader.take(types)?;
    for _ in 0..reader.varint()? {
        proto.code.push(u32::from_le_bytes(reader.array()?));
    }
    for _ in 0..reader.varint()? {
        let number = reader.constant()?;
        proto.constants.push(number);
    }
    for _ in 0..reader.varint()? {
        reader.varint()?;
    }
    let _line_defined = reader.varint()?;
    let name = reader.varint()?;
    proto.name = name.checked_sub(1).and_then(|index| strings.get(index)).cloned();
    if reader.byte()? != 0 {
        proto.lines = lines(reader, proto.code.len())?;
    }
    if reader.byte()? != 0 {
        // Names of variables, with full debug information only.
        return Err(Malformed);
    }
    Ok(proto)
}

/// A byte for each word, relative to the one before, on top of a line for each interval of words.
fn lines(reader: &mut Reader<'_>, words: usize) -> Result<Vec<i32>, Malformed> {
    let gap = reader.byte()?;
    let mut offset = 0u8;
    let mut offsets = Vec::with_capacity(words);
    for _ in 0..words {
        offset = offset.wrapping_add(reader.byte()?);
        offsets.push(offset);
    }
    let mut line = 0i32;
    let mut bases = Vec::new();
    for _ in 0..(words.saturating_sub(1) >> gap) + 1 {
        line = line.wrapping_add(i32::from_le_bytes(reader.array()?));
        bases.push(line);
    }
    let of = |(index, offset): (usize, u8)| bases.get(index >> gap).map(|base| base + i32::from(offset));
    offsets
        .into_iter()
        .enumerate()
        .map(of)
        .collect::<Option<_>>()
        .ok_or(Malformed)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.try_into().map_err(|_| Malformed)
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    fn varint(&mut self) -> Result<usize, Malformed> {
        let mut value = 0;
        for shift in (0..35).step_by(7) {
            let byte = self.byte()?;
            value |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    fn constant(&mut self) -> Result<Option<f64>, Malformed> {
        match self.byte()? {
            0 => {}
            1 => drop(self.byte()?),
            2 => return Ok(Some(f64::from_le_bytes(self.array()?))),
            3 | 6 => drop(self.varint()?),
            4 => drop(self.take(4)?),
            5 => {
                for _ in 0..self.varint()? {
                    self.varint()?;
                }
            }
            7 => drop(self.take(16)?),
            _ => return Err(Malformed),
        }
        Ok(None)
    }
}
