//! From an error's text to the lines of source that it is about.
//!
//! Called by `mod`. A message begins with the position of whatever threw (`path:line: `), or several where it was thrown on;
//! a stack begins with the innermost frame. A path counts only where it is the name of a chunk that runs.

use std::ops::Range;
use std::sync::Arc;

use super::source::Source;
use super::{Excerpt, Mark, Sources, runtime, syntax};

/// Positions at the start of a message that are looked at.
const MOST_POSITIONS: usize = 8;

/// Names of chunks that a text may begin with: a name may have positions in itself.
const MOST_COLONS: usize = 8;

/// Bytes of a message or frame in which a position is looked for.
const LONGEST_POSITION: usize = 4 << 10;

/// What a message is about on its line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The bytes of the line.
    pub(super) bytes: Range<usize>,
    /// Whether it begins where the fault is, and not only around it.
    pub(super) is_exact: bool,
    /// What is wrong with it, in a few words.
    pub(super) label: Option<String>,
}

impl Found {
    pub(super) fn exact(bytes: Range<usize>) -> Found {
        Found {
            bytes,
            is_exact: true,
            label: None,
        }
    }
}

/// A line in a chunk.
struct Place<'a> {
    name: &'a str,
    line: usize,
    source: Arc<Source>,
}

/// The excerpts for an error, in the order in which they are read; the one that the error is in comes last.
pub(super) fn excerpts(message: &str, trace: &str, is_syntax: bool, sources: &dyn Sources) -> Vec<Excerpt> {
    let mut text = message;
    let mut place = None;
    for _ in 0..MOST_POSITIONS {
        let Some((found, rest)) = position(text, ": ", sources) else {
            break;
        };
        (place, text) = (Some(found), rest);
    }
    let Some(place) = place.or_else(|| trace.lines().find_map(|frame| frame_of(frame, sources))) else {
        return Vec::new();
    };
    let Place { name, line, source } = &place;
    let mut shown = Vec::new();
    let mut marks = Vec::new();
    // A module that is no Luau has not run.
    let has_run = || {
        let start = format!("{name}:{line}");
        trace.lines().any(|frame| frame.starts_with(&start))
    };
    let found = if is_syntax || text.contains("\n  required from ") && !has_run() {
        if let Some((number, bytes)) = syntax::opener(text, *line, source) {
            let mark = Mark::aside(bytes);
            if number == *line {
                marks.push(mark);
            } else {
                shown.extend(excerpt(name, number, source, vec![mark]));
            }
        }
        syntax::find(text, *line, source)
    } else {
        runtime::find(text, *line, source)
    };
    marks.extend(found.map(Mark::from));
    shown.extend(excerpt(name, *line, source, marks));
    shown
}

/// The line as an embedder gets it: whatever is no UTF-8 is replaced, and the marks moved with it.
fn excerpt(name: &str, number: usize, source: &Source, mut marks: Vec<Mark>) -> Option<Excerpt> {
    let bytes = source.line(number)?.text;
    let shift = |at: usize| String::from_utf8_lossy(&bytes[..at]).len();
    for mark in &mut marks {
        mark.bytes = shift(mark.bytes.start)..shift(mark.bytes.end);
    }
    Some(Excerpt {
        file: name.to_owned(),
        line: number,
        text: String::from_utf8_lossy(bytes).into_owned(),
        marks,
    })
}

/// The first frame of a stack that is in a chunk: `path:line` or `path:line function name`.
fn frame_of<'a>(frame: &'a str, sources: &dyn Sources) -> Option<Place<'a>> {
    position(frame, " function ", sources)
        .or_else(|| position(frame, "", sources))
        .map(|(place, _)| place)
}

/// The position that the text begins with, and what follows it and `end`; with an empty `end` nothing does.
fn position<'a>(text: &'a str, end: &str, sources: &dyn Sources) -> Option<(Place<'a>, &'a str)> {
    let near = &text[..text.floor_char_boundary(LONGEST_POSITION)];
    let candidates = near.match_indices(':').filter_map(|(colon, _)| {
        let rest = &text[colon + 1..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let rest_after = rest[digits..].strip_prefix(end)?;
        let line = rest[..digits].parse().ok()?;
        (!end.is_empty() || rest_after.is_empty()).then_some((&text[..colon], line, rest_after))
    });
    candidates.take(MOST_COLONS).find_map(|(name, line, rest)| {
        let source = sources.source(name)?;
        Some((Place { name, line, source }, rest))
    })
}
