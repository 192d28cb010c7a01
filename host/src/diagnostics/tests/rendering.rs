//! Errors as they are written.

use super::super::{Diagnostic, Style, excerpts_of_error, excerpts_of_syntax};
use super::Texts;

fn rendered(source: &[u8], message: &str, trace: &str, style: Style) -> String {
    let texts = Texts::of([("m.luau", source)]);
    Diagnostic {
        excerpts: excerpts_of_error(message, trace, &texts),
        frames: trace.lines().map(str::to_owned).collect(),
        ..Diagnostic::error(message)
    }
    .render(style)
}

fn plain(source: &[u8], message: &str) -> String {
    rendered(source, message, "", Style::plain())
}

#[test]
fn a_place_has_a_column_and_a_statement_has_none() {
    assert_eq!(
        plain(b"print(a.x)", "m.luau:1: attempt to index nil with 'x'"),
        "error: m.luau:1:9: attempt to index nil with 'x'\n  1 | print(a.x)\n    |         ^ a is nil"
    );
    assert_eq!(
        plain(b"error('x')", "m.luau:1: x"),
        "error: m.luau:1: x\n  1 | error('x')\n    | ^^^^^^^^^^"
    );
    assert_eq!(plain(b"f()", "m.luau:1: x"), "error: m.luau:1: x\n  1 | f()");
    assert_eq!(plain(b"f()", "x"), "error: x");
}

#[test]
fn the_line_is_named_where_the_message_begins_with_another() {
    let source = b"\nerror({})\n";
    assert_eq!(
        rendered(
            source,
            "the error value is a table",
            "m.luau:2 function f",
            Style::plain()
        ),
        "error: the error value is a table\n  --> m.luau:2\n  2 | error({})\n    | ^^^^^^^^^\n  at m.luau:2 function f"
    );
    assert_eq!(
        plain(b"f()\na.x()", "m.luau:1: m.luau:2: attempt to index nil with 'x'"),
        "error: m.luau:1: m.luau:2:3: attempt to index nil with 'x'\n  --> m.luau:2:3\n  2 | a.x()\n    |   ^ a is nil"
    );
}

#[test]
fn two_lines() {
    let source = "local a = f(\n\n".to_owned() + &"\n".repeat(9) + "x";
    let message = "m.luau:12: Expected ')' (to close '(' at line 1), got 'x'";
    let texts = Texts::of([("m.luau", source.as_bytes())]);
    let diagnostic = Diagnostic {
        excerpts: excerpts_of_syntax(message, &texts),
        ..Diagnostic::error(message)
    };
    assert_eq!(
        diagnostic.render(Style::plain()),
        "error: m.luau:12:1: Expected ')' (to close '(' at line 1), got 'x'\n   1 | local a = f(\n     |            - opened here\n  …\n  12 | x\n     | ^"
    );
    let message = "m.luau:1: Expected ')' (to close '(' at column 2), got 'x'";
    let diagnostic = Diagnostic {
        excerpts: excerpts_of_syntax(message, &Texts::of([("m.luau", &b"f(1 x"[..])])),
        ..Diagnostic::error(message)
    };
    assert_eq!(
        diagnostic.render(Style::plain()).lines().last(),
        Some("    |  -  ^")
    );
}

#[test]
fn columns_are_those_of_the_screen() {
    let nil = "m.luau:1: attempt to index nil with 'x'";
    for (source, expected) in [
        // A tab is four columns, a wide character two, a combining one none.
        ("\t\ta.x()\r\n", ["1:5", "        a.x()", "          ^ a is nil"]),
        (
            "f('漢字')  a.x()",
            ["1:12", "f('漢字')  a.x()", "             ^ a is nil"],
        ),
        (
            "f('e\u{301}') a.x()",
            ["1:11", "f('e\u{301}') a.x()", "         ^ a is nil"],
        ),
        (
            "f('👩\u{200d}👧') a.x()",
            ["1:12", "f('👩👧') a.x()", "            ^ a is nil"],
        ),
        (
            "f('\u{1b}[31m') a.x()",
            ["1:14", "f('\\x1b[31m') a.x()", "                ^ a is nil"],
        ),
        (
            "--[[\u{202e}]] a.x()",
            ["1:11", "--[[\\u{202e}]] a.x()", "                 ^ a is nil"],
        ),
    ] {
        let text = plain(source.as_bytes(), nil);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            format!("error: m.luau:{}: attempt to index nil with 'x'", expected[0])
        );
        assert_eq!(
            lines[1..],
            [format!("  1 | {}", expected[1]), format!("    | {}", expected[2])]
        );
    }
    // What is no UTF-8 is one character for each piece of it.
    let text = plain(b"f('\xff\xe6\xbc') a.x()", nil);
    assert!(
        text.ends_with("  1 | f('\u{fffd}\u{fffd}') a.x()\n    |           ^ a is nil"),
        "{text}"
    );
}

#[test]
fn long_lines_are_cut_around_the_place() {
    let style = Style {
        width: 40,
        ..Style::plain()
    };
    let nil = "m.luau:1: attempt to index nil with 'x'";
    let long = "b = 1; ".repeat(50);
    for (source, expected) in [
        (
            format!("a.x() {long}"),
            ["a.x() b = 1; b = 1; b = 1; b = 1…", "  ^ a is nil"],
        ),
        (
            format!("{long}a.x()"),
            ["…; b = 1; a.x()", "            ^ a is nil"],
        ),
        (
            format!("{long}a.x() {long}"),
            ["…; b = 1; a.x() b = 1; b = 1; b =…", "            ^ a is nil"],
        ),
    ] {
        let text = rendered(source.as_bytes(), nil, "", style);
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(
            lines,
            [format!("  1 | {}", expected[0]), format!("    | {}", expected[1])]
        );
        assert!(lines[0].chars().count() <= 40);
    }
    let text = rendered(
        format!("error('x{}')", "x".repeat(100)).as_bytes(),
        "m.luau:1: x",
        "",
        style,
    );
    let lines: Vec<usize> = text.lines().skip(1).map(|line| line.chars().count()).collect();
    assert!(lines[0] <= 40 && lines[1] <= 40, "{text}");
    // Too long to be looked at.
    let text = rendered("a.x()".repeat(10_000).as_bytes(), nil, "", style);
    assert_eq!(text.lines().count(), 2);
    assert!(text.lines().all(|line| line.len() < 60), "{text}");
}

#[test]
fn nothing_of_a_script_acts_on_the_terminal() {
    let evil = "\u{1b}]0;x\u{7}\u{9b}2J\r\u{202e}";
    let diagnostic = Diagnostic {
        origin: Some(format!("request handler for GET /{evil}")),
        frames: vec![format!("m.luau:1 function {evil}\nerror: y")],
        ..Diagnostic::error(format!("{evil}\nerror: x{evil}\n  required from {evil}"))
    };
    let text = diagnostic.render(Style::plain());
    let spelled = "\\x1b]0;x\\x07\\u{9b}2J\\r\\u{202e}";
    assert_eq!(
        text,
        format!(
            "error: {spelled}\n    error: x{spelled}\n  required from {spelled}\n  in: request handler for GET /{spelled}\n  \
             at m.luau:1 function {spelled}\\nerror: y"
        )
    );
}

#[test]
fn what_says_more_stands_behind_the_source() {
    assert_eq!(
        rendered(
            b"error('x')",
            "m.luau:1: x\nmore\n  caused by: y\n  required from a.luau:1\n  …",
            "m.luau:1",
            Style::plain()
        ),
        "error: m.luau:1: x\n    more\n  1 | error('x')\n    | ^^^^^^^^^^\n  caused by: y\n  required from a.luau:1\n  …\n  at m.luau:1"
    );
}

#[test]
fn colours() {
    let style = Style {
        colors: true,
        ..Style::plain()
    };
    let trace = "m.luau:1";
    let colored = rendered(b"a.x()", "m.luau:1: attempt to index nil with 'x'", trace, style);
    assert_eq!(
        colored,
        "\u{1b}[1m\u{1b}[31merror\u{1b}[0m: \u{1b}[1mm.luau:1:3: attempt to index nil with 'x'\u{1b}[0m\n  \
         \u{1b}[1m\u{1b}[34m1 |\u{1b}[0m a.x()\n  \
         \u{1b}[1m\u{1b}[34m  |\u{1b}[0m   \u{1b}[1m\u{1b}[31m^ a is nil\u{1b}[0m\n  \
         at m.luau:1"
    );
    let plain = rendered(
        b"a.x()",
        "m.luau:1: attempt to index nil with 'x'",
        trace,
        Style::plain(),
    );
    let mut stripped = colored;
    for code in ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[31m", "\u{1b}[34m"] {
        stripped = stripped.replace(code, "");
    }
    assert_eq!(stripped, plain);
}
