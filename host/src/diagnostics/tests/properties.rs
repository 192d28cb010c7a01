//! Whatever a script's text and errors are, the host draws them: no panic, marks within the line, no control characters.

use proptest::prelude::*;

use super::super::{Diagnostic, Style, excerpts_of_error, excerpts_of_syntax};
use super::Texts;

/// Pieces of which sources and messages are made, so that rules are met often.
const PIECES: [&str; 64] = [
    "a",
    "b",
    "foo",
    ".",
    ":",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "[[",
    "]]",
    "[=[",
    "]=]",
    "--",
    "--[[",
    "'",
    "\"",
    "`",
    "\\",
    "\\z",
    "\n",
    "\r\n",
    "\t",
    " ",
    " ",
    "+",
    "-",
    "*",
    "/",
    "//",
    "%",
    "^",
    "..",
    "...",
    "=",
    "<",
    ">=",
    "#",
    ",",
    ";",
    "for",
    "in",
    "do",
    "end",
    "function",
    "error",
    "assert",
    "local",
    "1",
    "0x",
    "1e+",
    "漢",
    "\u{1b}",
    "\u{202e}",
    "\u{200d}",
    "\0",
    "m.luau:1: ",
    "m.luau:2",
    "'foo'",
    "<eof>",
    "at line 1",
    "at column 2",
];

/// Messages before a piece of their own.
const MESSAGES: [&str; 18] = [
    "attempt to index nil with 'foo'",
    "attempt to index nil with '",
    "attempt to call missing method 'foo' of table",
    "attempt to call a nil value",
    "attempt to iterate over a nil value",
    "attempt to perform arithmetic (add) on nil",
    "attempt to concatenate nil with nil",
    "attempt to compare nil < nil",
    "attempt to get length of a nil value",
    "invalid 'for' limit ",
    "invalid argument #2 to 'foo' (",
    "missing argument #18446744073709551615 to 'foo'",
    "a.foo: field 'b' must be",
    "the error value is ",
    "Expected ')' (to close '(' at line 1), got ",
    "Expected ')' (to close '(' at column 1), got ",
    "Malformed string",
    "",
];

fn pieces(most: usize) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        20 => proptest::sample::select(&PIECES[..]).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
    ];
    proptest::collection::vec(piece, 0..most).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn anything_is_drawn(
        source in pieces(40),
        start in proptest::sample::select(&MESSAGES[..]),
        more in pieces(6),
        line in 0_usize..5,
        trace in pieces(6),
        width in 0_usize..60,
        colors: bool,
    ) {
        let texts = Texts::of([("m.luau", &source[..])]);
        let message = format!("m.luau:{line}: {start}{}", String::from_utf8_lossy(&more));
        let trace = String::from_utf8_lossy(&trace);
        for excerpts in [excerpts_of_error(&message, &trace, &texts), excerpts_of_syntax(&message, &texts)] {
            for excerpt in &excerpts {
                for mark in &excerpt.marks {
                    prop_assert!(excerpt.text.get(mark.bytes.clone()).is_some(), "{excerpt:?}");
                }
            }
            let diagnostic = Diagnostic {
                excerpts,
                frames: trace.lines().map(str::to_owned).collect(),
                ..Diagnostic::error(&message)
            };
            let plain = diagnostic.render(Style { colors: false, width });
            let acts = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
            prop_assert!(!plain.contains(acts), "{plain:?}");
            diagnostic.render(Style { colors, width });
        }
    }
}
