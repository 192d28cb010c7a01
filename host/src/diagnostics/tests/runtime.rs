//! Messages of errors at run time, and the places that are found for them.

use super::super::MarkKind;
use super::{check, shown};

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
