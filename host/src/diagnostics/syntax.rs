//! Where on a line a syntax error is. Luau says which line, and its message most often names the token that it did not
//! expect: where that stands there once, it is the place.
//!
//! Called by `locate`. Refuses to guess, as `runtime` does.

use std::ops::Range;

use super::locate::Found;
use super::source::{Line, Source};
use super::tokens::Kind;

/// Finds what the message, without its position, is about.
pub(super) fn find(message: &str, number: usize, source: &Source) -> Option<Found> {
    let line = source.line(number)?;
    let message = message.lines().next().unwrap_or_default();
    if let Some(got) = rest_after(message, "got ") {
        return got_instead(got, &line).or_else(|| wrong_closing(message, got, &line));
    }
    if message.starts_with("Malformed string") {
        return unclosed(&line);
    }
    if message == "Malformed number" {
        return only(&line, |at| line.tokens[at].kind == Kind::Number);
    }
    if message.contains("contains malformed escape sequence") {
        return only(&line, |at| {
            line.tokens[at].kind == Kind::Text && line.word(at).contains(&b'\\')
        });
    }
    if message.starts_with("Incomplete statement") {
        return statement(&line);
    }
    if message.starts_with("a NUL byte") {
        let at = line.text.iter().position(|byte| *byte == 0)?;
        return Some(Found::exact(at..at + 1));
    }
    let word = ["break", "continue"]
        .into_iter()
        .find(|word| message.starts_with(&format!("{word} statement")));
    let word = word.or_else(|| {
        let rest = message
            .strip_prefix("Unexpected '")
            .or_else(|| message.strip_prefix("Cannot use '"))?;
        rest.split('\'').next()
    })?;
    only(&line, |at| line.is(at, word))
}

/// The bracket or keyword that the message says is still open: its line, and its bytes there.
pub(super) fn opener(message: &str, number: usize, source: &Source) -> Option<(usize, Range<usize>)> {
    let message = message.lines().next()?;
    // Luau's suspicion comes last, and is the better guess.
    let rest = rest_after(message, "forget to close ").or_else(|| rest_after(message, "(to close "))?;
    let (word, rest) = quoted(rest)?;
    if let Some(column) = rest.strip_prefix(" at column ") {
        let line = source.line(number)?;
        let at = at_column(column, word, &line)?;
        return Some((number, line.bytes(at, at)));
    }
    let other = leading_number(rest.strip_prefix(" at line ")?)?;
    let line = source.line(other)?;
    let at = line.only(|at| line.is(at, word))?;
    (other != number).then(|| (other, line.bytes(at, at)))
}

/// What `got …` speaks of.
fn got_instead(got: &str, line: &Line<'_>) -> Option<Found> {
    if got.starts_with("<eof>") {
        let end = line.text.len();
        return line.is_last.then(|| Found::exact(end..end));
    }
    if got.starts_with("malformed string") || got.starts_with("unfinished comment") {
        return unclosed(line);
    }
    if got.starts_with(['"', '`']) {
        return only(line, |at| {
            let word = line.word(at);
            line.tokens[at].kind == Kind::Text
                && word.len() > 2
                && std::str::from_utf8(&word[1..word.len() - 1]).is_ok_and(|text| got[1..].starts_with(text))
        });
    }
    let (word, _) = quoted(got)?;
    only(line, |at| line.is(at, word))
}

/// The bracket that closes none: the first one behind the open bracket that the message names.
fn wrong_closing(message: &str, got: &str, line: &Line<'_>) -> Option<Found> {
    let (open, rest) = quoted(rest_after(message, "(to close ")?)?;
    let open = at_column(rest.strip_prefix(" at column ")?, open, line)?;
    let at = line.closing(open)?;
    line.is(at, quoted(got)?.0)
        .then(|| Found::exact(line.bytes(at, at)))
}

/// The string or comment that does not end on its line.
fn unclosed(line: &Line<'_>) -> Option<Found> {
    only(line, |at| line.tokens[at].kind == Kind::Unclosed)
}

/// The whole line where it is nothing but an expression.
fn statement(line: &Line<'_>) -> Option<Found> {
    let last = line.tokens.len().checked_sub(1)?;
    let is_path =
        (0..=last).all(|at| line.tokens[at].kind == Kind::Name || line.is(at, ".") || line.is(at, ":"));
    is_path.then(|| Found::exact(line.bytes(0, last)))
}

/// The token that has this text and begins at the column, which counts bytes from 1.
fn at_column(column: &str, word: &str, line: &Line<'_>) -> Option<usize> {
    let begin = leading_number(column)?.checked_sub(1)?;
    line.only(|at| line.tokens[at].bytes.start == begin && line.is(at, word))
}

fn only(line: &Line<'_>, is_so: impl Fn(usize) -> bool) -> Option<Found> {
    line.only(is_so).map(|at| Found::exact(line.bytes(at, at)))
}

fn rest_after<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    text.rsplit_once(word).map(|(_, rest)| rest)
}

/// A word in quotes, and what follows it. The word may be a quote.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('\'')?;
    let end = inner
        .char_indices()
        .skip(1)
        .find(|(_, letter)| *letter == '\'')?
        .0;
    Some((&inner[..end], &inner[end + 1..]))
}

fn leading_number(text: &str) -> Option<usize> {
    let end = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    text[..end].parse().ok()
}
