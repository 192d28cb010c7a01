//! Messages of syntax errors, and the places that are found for them.

use super::super::{MarkKind, excerpts_of_syntax};
use super::{Texts, check};

#[test]
fn syntax() {
    check(
        &[
            (
                "Expected identifier when parsing variable name, got '='",
                &["local «=» 5", "local = = 5", "local '=' «=» 5 -- ="],
            ),
            (
                "Expected 'end' (to close 'function' at line 1), got <eof>",
                &["function f()\n«»", "function f() x = 1\n-- a«»"],
            ),
            (
                "Expected '}' (to close '{' at column 3), got ')'",
                &["f({ g(1) «)» h()", "x({ 1 }) f({ )"],
            ),
            ("Expected ')', got \"abc\"", &["f(1 «\"abc\"»"]),
            ("Expected ')', got `a {", &["f(1 «`a {»b}`"]),
            (
                "Expected 'then' when parsing if statement, got 'x'",
                &["if a «x»", "if x x"],
            ),
            ("Expected identifier, got ''''", &["a = b"]),
            (
                "Malformed string; did you forget to finish it?",
                &["x = «'abc»", "x = 'a' .. «'abc»", "f(«[[ abc»"],
            ),
            ("Expected ')', got unfinished comment", &["f( «--[[ a»"]),
            ("Malformed number", &["x = «12a»", "x = 12a + 1"]),
            (
                "String literal contains malformed escape sequence",
                &["x = 'a' .. «'\\xz'»", "x = '\\xz' .. '\\n'"],
            ),
            (
                "Incomplete statement: expected assignment or a function call",
                &["«a.b.c»", "a.b = c.d e"],
            ),
            (
                "break statement must be inside a loop",
                &["if x then «break» end"],
            ),
            ("Unexpected '!='; did you mean '~='?", &["if a «!=» b then"]),
            ("Cannot use '...' outside of a vararg function", &["print(«...»)"]),
            (
                "a NUL byte, which Luau would take for the end of the file",
                &["x = 1 --«\0»"],
            ),
            ("something new, got '='", &["a «=» b"]),
            ("something new", &["a = b"]),
        ],
        MarkKind::Place,
        true,
    );
}

#[test]
fn what_is_still_open() {
    for (message, source, line, opened) in [
        (
            "m.luau:3: Expected 'end' (to close 'do' at line 1), got 'x'",
            "while a do\n\nx",
            1,
            "do",
        ),
        (
            "m.luau:3: Expected ')' (to close '(' at column 2), got 'x'",
            "\n\nf((1) x",
            3,
            "(",
        ),
        (
            "m.luau:4: Expected 'end' (to close 'function' at line 1), got <eof>; did you forget to close 'then' at line 2?",
            "function f()\nif a then\nend\n",
            2,
            "then",
        ),
    ] {
        let excerpts = excerpts_of_syntax(message, &Texts::of([("m.luau", source.as_bytes())]));
        let first = &excerpts[0];
        let mark = &first.marks[0];
        assert_eq!((first.line, mark.kind), (line, MarkKind::Aside));
        assert_eq!(&first.text[mark.bytes.clone()], opened);
    }
    for message in [
        "m.luau:2: Expected ')' (to close '(' at line 1), got 'x'",
        "m.luau:2: Expected ')' (to close '(' at line 9), got 'x'",
        "m.luau:2: Expected ')' (to close '(' at column 9), got 'x'",
        "m.luau:2: Expected ')' (to close '(' at column 0), got 'x'",
    ] {
        let excerpts = excerpts_of_syntax(message, &Texts::of([("m.luau", &b"((\nx"[..])]));
        assert_eq!((excerpts.len(), excerpts[0].marks.len()), (1, 1), "{message}");
    }
}
