//! As much of Luau's grammar as a line of tokens shows: calls, the expressions that they call, lists, and whether an
//! expression goes beyond the line. Called by `runtime`.

use super::source::{Around, Line, Source};
use super::tokens::Kind;

/// The only call on the line of a function with this name.
pub(super) fn callee(name: &str, line: &Line<'_>) -> Option<usize> {
    line.only(|at| line.is(at, name) && is_call(line, at))
}

/// Whether the token is the last one of what a call calls.
pub(super) fn is_call(line: &Line<'_>, at: usize) -> bool {
    let ends = match line.tokens[at].kind {
        Kind::Name => !is_keyword(line.word(at)),
        Kind::Symbol => line.is(at, ")") || line.is(at, "]"),
        _ => false,
    };
    if !ends || !opens_call(line, at + 1) {
        return false;
    }
    // `function name(` and a type (`name: (…)`) call nothing.
    let from = primary(line, at).unwrap_or(at);
    from == 0 || !(line.is(from - 1, "function") || line.is(from - 1, "type"))
}

pub(super) fn opens_call(line: &Line<'_>, at: usize) -> bool {
    line.is(at, "(")
        || line.is(at, "{")
        || line.tokens.get(at).is_some_and(|token| {
            token.kind == Kind::Text && matches!(line.word(at)[0], b'"' | b'\'' | b'[' | b'`')
        })
}

/// The first token of the expression that ends with this one: a path of names, calls and indexes. None where it begins
/// before the line.
pub(super) fn primary(line: &Line<'_>, end: usize) -> Option<usize> {
    let mut at = end;
    loop {
        if line.is(at, ")") || line.is(at, "]") {
            let open = line.opening(at)?;
            let before = open.checked_sub(1).filter(|before| {
                line.is(*before, ")") || line.is(*before, "]") || is_plain_name(line, *before)
            });
            match before {
                Some(before) => at = before,
                None => return line.is(open, "(").then_some(open),
            }
            continue;
        }
        if !is_plain_name(line, at) {
            return None;
        }
        match at.checked_sub(1) {
            Some(dot) if line.is(dot, ".") || line.is(dot, ":") => at = dot.checked_sub(1)?,
            _ => return Some(at),
        }
    }
}

/// The names with dots between them that end with this token, and nothing before them: `a.b`.
pub(super) fn path(line: &Line<'_>, end: usize) -> Option<String> {
    let mut at = end;
    while is_plain_name(line, at) {
        match at.checked_sub(1) {
            Some(dot) if line.is(dot, ".") => at = dot.checked_sub(1)?,
            Some(colon) if line.is(colon, ":") => return None,
            _ => {
                let words = (at..=end).map(|index| String::from_utf8_lossy(line.word(index)).into_owned());
                return Some(words.collect());
            }
        }
    }
    None
}

fn is_plain_name(line: &Line<'_>, at: usize) -> bool {
    line.tokens[at].kind == Kind::Name && !is_keyword(line.word(at))
}

/// The last token of the call of what ends at this one.
pub(super) fn closing_of_call(line: &Line<'_>, callee: usize) -> Option<usize> {
    match line.tokens.get(callee + 1)?.kind {
        Kind::Text => Some(callee + 1),
        _ => line.closing(callee + 1),
    }
}

/// The first and last tokens of expressions with commas between them, up to a token. None where one is a function, whose
/// body has commas of its own.
pub(super) fn list(line: &Line<'_>, begin: usize, end: usize) -> Option<Vec<(usize, usize)>> {
    let mut found = Vec::new();
    let (mut depth, mut from) = (0_usize, begin);
    for at in begin..end {
        if line.is(at, "function") {
            return None;
        }
        depth = line.depth(depth, at);
        if depth == 0 && line.is(at, ",") {
            found.push((from, at.checked_sub(1)?));
            from = at + 1;
        }
    }
    if from < end {
        found.push((from, end - 1));
    }
    found.iter().all(|(from, to)| from <= to).then_some(found)
}

/// Whether every expression on the line is there as a whole.
pub(super) fn is_whole(number: usize, source: &Source, line: &Line<'_>) -> bool {
    let Some(Around { before, after }) = source.around(number) else {
        return false;
    };
    let (mut depth, mut deepest_close) = (0_i64, 0_i64);
    for at in 0..line.tokens.len() {
        depth += i64::from(line.opens(at)) - i64::from(line.closes(at));
        deepest_close = deepest_close.min(depth);
    }
    let first = line.word(0);
    let last = line.word(line.tokens.len().saturating_sub(1));
    depth == 0
        && deepest_close == 0
        && !(joins(first) || is_prefix(first) && before.is_some_and(|word| !ends_statement(word)))
        && !joins(last)
        && before.is_none_or(|word| !joins(word) && !matches!(word, b"(" | b"[" | b"{" | b"not" | b"#"))
        && after.is_none_or(|word| !joins(word) && !matches!(word, b"(" | b"[" | b"{" | b")" | b"]" | b"}"))
        && after.is_none_or(|word| !matches!(word[0], b'"' | b'\'' | b'`'))
}

/// Whether an expression goes on before and after the word.
fn joins(word: &[u8]) -> bool {
    matches!(
        word,
        b"+" | b"-"
            | b"*"
            | b"/"
            | b"//"
            | b"%"
            | b"^"
            | b".."
            | b"=="
            | b"~="
            | b"<"
            | b"<="
            | b">"
            | b">="
            | b"and"
            | b"or"
            | b"."
            | b":"
            | b","
            | b"="
            | b"::"
    )
}

fn is_prefix(word: &[u8]) -> bool {
    matches!(word, b"(" | b"[" | b"{")
}

fn ends_statement(word: &[u8]) -> bool {
    matches!(word, b";" | b"then" | b"do" | b"else" | b"end" | b"repeat")
}

fn is_keyword(word: &[u8]) -> bool {
    matches!(
        word,
        b"and"
            | b"break"
            | b"do"
            | b"else"
            | b"elseif"
            | b"end"
            | b"false"
            | b"for"
            | b"function"
            | b"if"
            | b"in"
            | b"local"
            | b"nil"
            | b"not"
            | b"or"
            | b"repeat"
            | b"return"
            | b"then"
            | b"true"
            | b"until"
            | b"while"
    )
}
