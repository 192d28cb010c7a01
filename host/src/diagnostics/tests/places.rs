//! Messages and sources, and the place that is found. In a source `«…»` is around the place; where there is none, `▸`
//! stands at the beginning of the line that the message names, if it is not the first.

use super::super::{MarkKind, excerpts_of_error, excerpts_of_syntax};
use super::Texts;

/// What is found for the message on the marked line, in the notation of the source.
fn shown(message: &str, source: &str, is_syntax: bool) -> (String, Option<MarkKind>, Option<String>) {
    let number = 1 + source
        .lines()
        .position(|line| line.contains(['«', '▸']))
        .unwrap_or_default();
    let plain = source.replace(['«', '»', '▸'], "");
    let texts = Texts::of([("m.luau", plain.as_bytes())]);
    let message = format!("m.luau:{number}: {message}");
    let excerpts = if is_syntax {
        excerpts_of_syntax(&message, &texts)
    } else {
        excerpts_of_error(&message, &format!("m.luau:{number} function f"), &texts)
    };
    let last = excerpts.last().expect("the line is there");
    assert_eq!(last.line, number, "{message}\n{source}");
    let mark = last.marks.iter().find(|mark| mark.kind != MarkKind::Aside);
    let lines = plain.split('\n').enumerate().map(|(index, line)| match mark {
        Some(mark) if index + 1 == number => {
            let (start, end) = (mark.bytes.start, mark.bytes.end);
            format!("{}«{}»{}", &line[..start], &line[start..end], &line[end..])
        }
        None if index + 1 == number && number > 1 => format!("▸{line}"),
        _ => line.to_owned(),
    });
    (
        lines.collect::<Vec<_>>().join("\n"),
        mark.map(|mark| mark.kind),
        mark.and_then(|mark| mark.label.clone()),
    )
}

fn check(table: &[(&str, &[&str])], kind: MarkKind, is_syntax: bool) {
    for (message, sources) in table {
        for source in *sources {
            let expected_kind = source.contains('«').then_some(kind);
            let (place, kind, _) = shown(message, source, is_syntax);
            assert_eq!((place.as_str(), kind), (*source, expected_kind), "{message}");
        }
    }
}

#[test]
fn keys() {
    check(
        &[
            (
                "attempt to index nil with 'foo'",
                &[
                    "print(config.«foo»)",
                    "config.«foo» = 1",
                    "config:«foo»()",
                    "config[«\"foo\"»] = 1",
                    "local foo: foo = a.«foo» -- .foo",
                    "local x: T.foo = a.foo",
                    "local x = { foo = 1, y = a.«foo», '.foo' }",
                    "print(`{a.«foo»} .foo`)",
                    "a.foo.foo()",
                    "a['\\x66oo'] = foo",
                    "print(a[key])",
                    "print('.foo')",
                    "--[[ a.foo\n]] b.«foo» = 1",
                    "x = [[\n▸.foo",
                    "x = `{\n▸a.foo}`",
                    "a\n.«foo»()",
                ],
            ),
            ("attempt to index nil with 'a'b'", &["x[«\"a'b\"»]", "x.a"]),
            ("attempt to index nil with number", &["x[1]"]),
            (
                "attempt to call missing method 'm' of table",
                &[
                    "t:«m»()",
                    "t:«m» 'x'",
                    "t:«m»{ m = 1 }",
                    "t:m() t:m()",
                    "t.m()",
                    "local m: m = t:«m»()",
                ],
            ),
        ],
        MarkKind::Place,
        false,
    );
}

#[test]
fn what_was_nil() {
    for (message, source, label) in [
        ("attempt to index nil with 'c'", "a.b.«c»()", Some("a.b is nil")),
        ("attempt to index nil with 'c'", "x = -a.«c»", Some("a is nil")),
        ("attempt to index nil with 'c'", "f().«c» = 1", None),
        ("attempt to index nil with 'c'", "f().b.«c» = 1", None),
        ("attempt to index nil with 'c'", "t[1].b.«c» = 1", None),
        ("attempt to index nil with 'c'", "a:b().x.«c» = 1", None),
        ("attempt to index number with 'c'", "a.«c» = 1", None),
        (
            "attempt to call a nil value",
            "«net.serv»()",
            Some("net.serv is nil"),
        ),
        ("attempt to call a nil value", "«t[i]»()", None),
        ("attempt to call a table value", "«t»()", None),
    ] {
        let found = shown(message, source, false);
        let label = label.map(str::to_owned);
        assert_eq!(
            found,
            (source.to_owned(), Some(MarkKind::Place), label),
            "{message}"
        );
    }
}

#[test]
fn calls_and_loops() {
    check(
        &[
            (
                "attempt to call a nil value",
                &[
                    "«a.b.c»()",
                    "local x = «a.b[1].c» 'x'",
                    "«a.b» { 1 }",
                    "«(f or g)»(1)",
                    "local function f(x) «x»() end",
                    "function a.b:c(x: (number) -> ()) «x»() end",
                    "a() b()",
                    "a()()",
                    "if (a) then end",
                    "return (a)",
                    "x = [[\n▸ a() ]]",
                    "f(\n▸)(x)",
                ],
            ),
            (
                "attempt to iterate over a nil value",
                &[
                    "for k, v in «t.x» do",
                    "for k in «f(x)» do end",
                    "for a in b do for c in d do",
                    "for a in\n▸b do",
                ],
            ),
            (
                "invalid 'for' initial value (number expected, got nil)",
                &["for i = «a», b, c do", "for i = «f(1, 2)», b do"],
            ),
            (
                "invalid 'for' limit (number expected, got nil)",
                &[
                    "for i = a, «b.c» do",
                    "for i = f(1, { 2, 3 }), «b», c do",
                    "for i = a, b do for j = 1, 2 do",
                    "for i = a,\n▸b do",
                ],
            ),
            (
                "invalid 'for' step (number expected, got nil)",
                &["for i = a, b, «#c» do", "for i = a, b do"],
            ),
        ],
        MarkKind::Place,
        false,
    );
}

#[test]
fn operators() {
    check(
        &[
            (
                "attempt to perform arithmetic (add) on nil and number",
                &[
                    "x = a «+» 1",
                    "x «+=» a",
                    "x = '+' .. a «+» 1 -- +",
                    "x = a + b + c",
                    "x = 1\n▸y = f(a +\nb)",
                    "x = a «+» 1\nprint(x)",
                    "x = a + 1\n+ b",
                    "x = b +\n▸a + 1",
                    "x = b + (\n▸a + 1\n)",
                    "t = {\n▸x = a + 1,\n}",
                    "x = 1 -- (\ny = a «+» 1\n\n-- then\nreturn y",
                    "if a «+» 1 then\nend",
                ],
            ),
            (
                "attempt to perform arithmetic (sub) on nil",
                &["x = a «-» 1", "x = a - -1"],
            ),
            ("attempt to perform arithmetic (unm) on nil", &["x = «-»a"]),
            ("attempt to perform arithmetic (mul) on nil", &["x = a «*» 1"]),
            (
                "attempt to perform arithmetic (div) on nil",
                &["x = a «/» (1 // 1)"],
            ),
            ("attempt to perform arithmetic (idiv) on nil", &["x «//=» 1"]),
            ("attempt to perform arithmetic (mod) on nil", &["x = a «%» 1"]),
            ("attempt to perform arithmetic (pow) on nil", &["x = a «^» 1"]),
            ("attempt to perform arithmetic (new) on nil", &["x = a new 1"]),
            (
                "attempt to concatenate nil with string",
                &["x = a «..» 'b..c'", "x «..=» a", "f(a, ...)", "x = a .. b .. c"],
            ),
            (
                "attempt to compare nil < number",
                &["x = a «<» 1", "x = a «>» 1", "x = a <= 1", "x = a > 1 and a < 3"],
            ),
            (
                "attempt to compare nil <= number",
                &["x = a «<=» 1", "x = a «>=» 1"],
            ),
            (
                "attempt to get length of a nil value",
                &["x = «#»a", "x = #a + #b"],
            ),
        ],
        MarkKind::Place,
        false,
    );
}

#[test]
fn functions_that_complain() {
    check(
        &[
            (
                "invalid argument #2 to 'insert' (number expected, got nil)",
                &[
                    "table.insert(t, «x.y», 1)",
                    "table.insert(f(a, b), «{ 1, 2 }», 1)",
                    "table.«insert»(t)",
                    "table.«insert»(t, function(a, b) end)",
                    "table.«insert»(t, function(a, b)\nend)",
                    "t:insert(insert(1), 2)",
                    "ins(t, insert)",
                ],
            ),
            (
                "invalid argument #1 to 'rep' (string expected, got nil)",
                &["string.rep(«x»)", "x:«rep»(1)", "string.«rep»{ 1 }"],
            ),
            (
                "missing argument #2 to 'rep' (number expected)",
                &["string.«rep»(x)", "string.«rep»(x, f())"],
            ),
            (
                "net.serve: field 'port' must be an integer",
                &[
                    "net.serve({ «port» = '80x' })",
                    "net.«serve»({\n\tport = '80x',",
                    "net.«serve»(options)",
                    "«serve»(net.serve)",
                    "local port = 1 net.«serve»(port)",
                    "local port = 1 net.serve({ «port» = port == 1 })",
                    "net.serve(a) net.serve(b)",
                ],
            ),
            (
                "WebSocket:send: the message must be a string",
                &["socket:«send»(1)"],
            ),
            ("require: there is no module", &["local x = «require»('./x')"]),
            // Whoever throws it says so on the same line.
            ("load: failed", &["if not load(x) then error(y) end"]),
            ("some words: more", &["words(1)"]),
        ],
        MarkKind::Place,
        false,
    );
}

#[test]
fn what_the_script_throws() {
    check(
        &[
            (
                "boom",
                &[
                    "if x then «error('boom')» end",
                    "«error(\"boo\" .. f(x) .. g(y))»",
                    "«error(message)»",
                    "«error(message, 2)»",
                    "«assert(ok, message)»",
                    "«assert(f(x), 'boom')»",
                    "local x = f(y) or «error('boom')»",
                    "return «error(`boom {x}`)»",
                    "«error(string.format('boo%s', x))»",
                    "«error('boom' ..»\n\tx)",
                    // Something else may have thrown here.
                    "local x = t.x or error(message)",
                    "error(f(message))",
                    "error(t.message)",
                    "error('bang ' .. message)",
                    "error(`{f(message)}`)",
                    "error('boom') error('boom')",
                    "log.error('boom')",
                    "f()",
                ],
            ),
            // What a message says counts for less than what stands there.
            (
                "attempt to index nil with 'x'",
                &["«error(\"attempt to index nil with 'x'\")» t.x()"],
            ),
            ("LimitExceeded: too long", &["error(message)"]),
            (
                "the error value is { code = 7 }",
                &["«error({ code = 7 })»", "«error(t.x)»", "error(f(1))"],
            ),
            ("assertion failed!", &["«assert(t.x == 1)»", "assert(f(1))"]),
        ],
        MarkKind::Statement,
        false,
    );
}

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

#[test]
fn which_line() {
    let texts = Texts::of([
        ("m.luau", &b"one\ntwo\nthree"[..]),
        ("a:1: b.luau", &b"uno\ndue"[..]),
    ]);
    for (message, trace, expected) in [
        ("m.luau:2: x", "m.luau:3", Some(("m.luau", 2))),
        ("m.luau:3: m.luau:2: x", "m.luau:3", Some(("m.luau", 2))),
        ("a:1: b.luau:2: x", "", Some(("a:1: b.luau", 2))),
        ("m.luau:3: a:1: b.luau:2: x", "", Some(("a:1: b.luau", 2))),
        (
            "x m.luau:2: x",
            "other.luau:1 function f\nm.luau:3 function f",
            Some(("m.luau", 3)),
        ),
        ("x", "a:1: b.luau:1", Some(("a:1: b.luau", 1))),
        ("x", "… and 7 more\nm.luau:1", Some(("m.luau", 1))),
        ("m.luau:4: x", "", None),
        ("m.luau:0: x", "", None),
        ("m.luau:99999999999999999999999: x", "", None),
        ("m.luau:2 x", "m.luau:x\nm.luau", None),
        ("/etc/passwd:1: x", "/etc/passwd:1", None),
        ("", "", None),
    ] {
        let excerpts = excerpts_of_error(message, trace, &texts);
        let found = excerpts.last().map(|last| (last.file.as_str(), last.line));
        assert_eq!(found, expected, "{message}");
    }
}
