//! Where on a line an error at run time is. Luau says which line, and its message names a key, an operator or a function;
//! where that stands there once, and nothing else could be meant, it is the place.
//!
//! Called by `locate`. Refuses to guess: no place is better than a wrong one.

use super::grammar::{callee, closing_of_call, is_call, is_whole, list, opens_call, path, primary};
use super::locate::Found;
use super::source::{Line, Source};
use super::tokens::Kind;

/// Messages of Luau's and the guest's own that come up anywhere, whatever stands there.
const ANYWHERE: [&str; 4] = [
    "LimitExceeded",
    "not enough memory",
    "stack overflow",
    "C stack overflow",
];

/// Finds what the message, without its position, is about.
pub(super) fn find(message: &str, number: usize, source: &Source) -> Option<Found> {
    let line = source.line(number)?;
    if let Some(thrown) = thrown(message, &line) {
        return Some(thrown);
    }
    let first = message.lines().next().unwrap_or_default();
    if let Some(rest) = first.strip_prefix("attempt to ") {
        return attempt(rest, number, source, &line);
    }
    if let Some(rest) = first.strip_prefix("invalid 'for' ") {
        return loop_bound(rest, &line);
    }
    argument(first, &line).or_else(|| library(first, &line))
}

/// `attempt to …`: an operation on a value that has none.
fn attempt(rest: &str, number: usize, source: &Source, line: &Line<'_>) -> Option<Found> {
    let quoted = |text: &str| Some(text.split_once('\'')?.1.rsplit_once('\'')?.0.to_owned());
    if let Some(rest) = rest.strip_prefix("index ") {
        return index(rest.split(" with ").next()?, &quoted(rest)?, line);
    }
    if let Some(rest) = rest.strip_prefix("call missing method ") {
        let name = quoted(rest)?;
        let method = |at| at > 0 && line.is(at, &name) && line.is(at - 1, ":") && opens_call(line, at + 1);
        return Some(Found::exact(line.only(method).map(|at| line.bytes(at, at))?));
    }
    if let Some(rest) = rest.strip_prefix("call a ") {
        return call(rest.strip_suffix(" value")?, line);
    }
    if rest.starts_with("iterate over ") {
        return iterated(line);
    }
    let operators: &[&str] = if let Some(rest) = rest.strip_prefix("perform arithmetic (") {
        match rest.split(')').next()? {
            "add" => &["+", "+="],
            "sub" | "unm" => &["-", "-="],
            "mul" => &["*", "*="],
            "div" => &["/", "/="],
            "idiv" => &["//", "//="],
            "mod" => &["%", "%="],
            "pow" => &["^", "^="],
            _ => return None,
        }
    } else if rest.starts_with("concatenate ") {
        &["..", "..="]
    } else if rest.starts_with("get length of ") {
        &["#"]
    } else if rest.starts_with("compare ") {
        // `a > b` is compiled as `b < a`.
        if rest.contains(" <= ") {
            &["<=", ">="]
        } else {
            &["<", ">"]
        }
    } else {
        return None;
    };
    // The line of an operator is that of its last operand, so an expression must not go beyond the line.
    let at = line.only(|at| operators.iter().any(|operator| line.is(at, operator)))?;
    is_whole(number, source, line).then(|| Found::exact(line.bytes(at, at)))
}

/// The key `.name`, `:name` or `["name"]`, and what was nil before it.
fn index(kind: &str, name: &str, line: &Line<'_>) -> Option<Found> {
    let is_key = |at: usize| {
        if at == 0 {
            return false;
        }
        match line.tokens[at].kind {
            Kind::Name => {
                line.is(at, name)
                    && (line.is(at - 1, ".") || line.is(at - 1, ":") && opens_call(line, at + 1))
            }
            Kind::Text => {
                line.is(at - 1, "[")
                    && line.is(at + 1, "]")
                    && literal(line.word(at)) == Some(name.as_bytes())
            }
            _ => false,
        }
    };
    let at = line.only(is_key)?;
    let mut found = Found::exact(line.bytes(at, at));
    // A value of another type may have come from a metatable.
    if kind == "nil"
        && let Some(path) = at.checked_sub(2).and_then(|before| path(line, before))
    {
        found.label = Some(format!("{path} is nil"));
    }
    Some(found)
}

/// The only call on the line: what it calls.
fn call(kind: &str, line: &Line<'_>) -> Option<Found> {
    let at = line.only(|at| is_call(line, at))?;
    let from = primary(line, at)?;
    let mut found = Found::exact(line.bytes(from, at));
    if kind == "nil"
        && let Some(path) = path(line, at)
    {
        found.label = Some(format!("{path} is nil"));
    }
    Some(found)
}

/// What a loop runs over: between `in` and `do`.
fn iterated(line: &Line<'_>) -> Option<Found> {
    line.only(|at| line.is(at, "for"))?;
    let begin = line.only(|at| line.is(at, "in"))? + 1;
    let end = line.only(|at| line.is(at, "do"))?.checked_sub(1)?;
    (begin <= end).then(|| Found::exact(line.bytes(begin, end)))
}

/// `invalid 'for' limit (number expected, got nil)`.
fn loop_bound(rest: &str, line: &Line<'_>) -> Option<Found> {
    let which = ["initial", "limit", "step"]
        .iter()
        .position(|word| rest.starts_with(word))?;
    line.only(|at| line.is(at, "for"))?;
    let begin = line.only(|at| line.is(at, "="))?;
    let end = line.only(|at| line.is(at, "do"))?;
    let (from, to) = *list(line, begin + 1, end)?.get(which)?;
    Some(Found::exact(line.bytes(from, to)))
}

/// `invalid argument #2 to 'insert' (…)`, `missing argument #1 to 'tonumber' (…)`.
fn argument(message: &str, line: &Line<'_>) -> Option<Found> {
    let is_missing = message.starts_with("missing argument #");
    let rest = message
        .strip_prefix("missing argument #")
        .or_else(|| message.strip_prefix("invalid argument #"))?;
    let (number, rest) = rest.split_once(" to '")?;
    let number: usize = number.parse().ok()?;
    let callee = callee(rest.split('\'').next()?, line)?;
    let whole = Found::exact(line.bytes(callee, callee));
    // The first argument of a method stands before its name.
    let is_method = callee > 0 && line.is(callee - 1, ":");
    let arguments = if line.is(callee + 1, "(") {
        line.closing(callee + 1)
            .and_then(|end| list(line, callee + 2, end))
    } else {
        None
    };
    let index = number.checked_sub(1 + usize::from(is_method));
    match (arguments, index) {
        (Some(arguments), Some(index)) if !is_missing && index < arguments.len() => {
            let (from, to) = arguments[index];
            Some(Found::exact(line.bytes(from, to)))
        }
        _ => Some(whole),
    }
}

/// Messages of Atoll's libraries: `net.serve: field 'port' must be …`.
fn library(message: &str, line: &Line<'_>) -> Option<Found> {
    let (name, rest) = message.split_once(": ")?;
    if !name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':'))
    {
        return None;
    }
    // A script's own function may bear the name, and throw.
    if line.tokens.iter().enumerate().any(|(at, _)| is_thrower(line, at)) {
        return None;
    }
    let callee = callee(name.rsplit(['.', ':']).next()?, line)?;
    let field = rest
        .strip_prefix("field '")
        .and_then(|rest| rest.split('\'').next());
    let key = field.and_then(|field| {
        let end = closing_of_call(line, callee)?;
        line.only(|at| at > callee && at < end && line.is(at, field) && line.is(at + 1, "="))
    });
    let at = key.unwrap_or(callee);
    Some(Found::exact(line.bytes(at, at)))
}

/// The `error(…)` or `assert(…)` that threw the message: the only one on the line, and its text is there, or there is
/// nothing else that could throw.
fn thrown(message: &str, line: &Line<'_>) -> Option<Found> {
    let at = line.only(|at| is_thrower(line, at))?;
    let end = closing_of_call(line, at).unwrap_or(line.tokens.len() - 1);
    let begins = |bytes: &[u8]| !bytes.is_empty() && message.as_bytes().starts_with(bytes);
    let says = (at + 1..=end).any(|index| match line.tokens[index].kind {
        Kind::Text => begins(plain_start(line.word(index))),
        _ => false,
    });
    let is_value = message.starts_with("the error value is ") || message == "assertion failed!";
    let is_anywhere = ANYWHERE.iter().any(|start| message.starts_with(start));
    // Without operations nothing else on the line can throw.
    let is_plain = |index: usize, symbols: &[&str]| {
        line.tokens[index].kind != Kind::Symbol || symbols.iter().any(|symbol| line.is(index, symbol))
    };
    let is_alone = line.only(|index| is_call(line, index)) == Some(at)
        && (is_value
            || !is_anywhere
                && (0..at)
                    .chain(end + 1..line.tokens.len())
                    .all(|index| is_plain(index, &["=", ",", ";"]))
                && (at + 1..=end).all(|index| is_plain(index, &["(", ",", ")"])));
    (says || is_alone).then(|| Found {
        is_exact: false,
        ..Found::exact(line.bytes(at, end))
    })
}

fn is_thrower(line: &Line<'_>, at: usize) -> bool {
    (line.is(at, "error") || line.is(at, "assert")) && is_call(line, at) && (at == 0 || !line.is(at - 1, "."))
}

/// The characters of a string from its start that are what they seem: up to an escape, an expression or a format.
fn plain_start(word: &[u8]) -> &[u8] {
    let text = match word.first() {
        Some(b'"' | b'\'' | b'`') => &word[1..],
        _ => return b"",
    };
    let end = text
        .iter()
        .position(|byte| matches!(byte, b'\\' | b'{' | b'%' | b'"' | b'\'' | b'`'));
    &text[..end.unwrap_or(text.len())]
}

/// The content of a quoted string without escapes.
fn literal(word: &[u8]) -> Option<&[u8]> {
    let inner = word.get(1..word.len().checked_sub(1)?)?;
    (matches!(word[0], b'"' | b'\'') && !inner.contains(&b'\\')).then_some(inner)
}
