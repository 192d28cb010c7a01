//! Which line an error is in.

use super::super::excerpts_of_error;
use super::Texts;

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
