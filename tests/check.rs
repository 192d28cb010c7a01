//! `atoll check` on what no case can hold: whole projects, and texts that are made to be too much for it.

use std::fs;
use std::path::PathBuf;

use libtest_mimic::{Failed, Trial};

use crate::harness::child::{Atoll, scratch};
use crate::harness::{root, trials};

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    trials![
        a_new_project_has_no_mistakes,
        the_examples_have_no_mistakes,
        nesting_without_end_is_survived,
        nesting_that_luau_takes_is_followed,
        what_luau_can_not_compile_in_time_is_told,
        links_are_not_followed_in_circles,
    ]
}

/// An empty folder of the test's own.
fn folder(name: &str) -> Result<PathBuf, Failed> {
    let folder = scratch().join("checked").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn a_new_project_has_no_mistakes() -> Result<(), Failed> {
    let folder = folder("new")?;
    Atoll::new(&folder, ["init"]).finish()?.expect_code(0)?;
    for path in [".", "main.luau"] {
        let finished = Atoll::new(&folder, ["check", path]).finish()?;
        finished.expect_code(0)?;
        assert_eq!((finished.out(), finished.err()), (String::new(), String::new()));
    }
    Ok(())
}

fn the_examples_have_no_mistakes() -> Result<(), Failed> {
    let finished = Atoll::new(&root(), ["check", "examples"]).finish()?;
    finished.expect_code(0)?;
    assert_eq!((finished.out(), finished.err()), (String::new(), String::new()));
    Ok(())
}

fn nesting_without_end_is_survived() -> Result<(), Failed> {
    let folder = folder("deep")?;
    let pieces = [
        "(",
        "{",
        "{[",
        "{a=",
        "[",
        "a(",
        "a[",
        "not ",
        "- ",
        "#",
        "a..",
        "a^",
        "do ",
        "repeat ",
        "while a do ",
        "if a then ",
        "function f() ",
        "return function() ",
        "if ",
        "`{",
        "(function() ",
        "do ) ",
        "do ( end ",
        "f{",
        "a.b(",
        "for i = 1, 2 do ",
    ];
    let types = ["(", "{", "{a:", "() -> ", "A<", "typeof(", "A|", "A&"];
    let texts = pieces
        .iter()
        .map(|piece| ("x = ", *piece))
        .chain(pieces.iter().map(|piece| ("", *piece)));
    for (before, piece) in texts.chain(types.iter().map(|piece| ("type T = ", *piece))) {
        let text = format!("{before}{}", piece.repeat(50_000));
        fs::write(folder.join("main.luau"), text)?;
        let finished = Atoll::new(&folder, ["check", "main.luau"]).finish()?;
        finished.expect_code(1)?;
        let (out, err) = (finished.out(), finished.err());
        assert!(
            out.starts_with("main.luau:1:") && err.is_empty(),
            "{piece:?}: {out:.300} {err}"
        );
    }
    Ok(())
}

fn nesting_that_luau_takes_is_followed() -> Result<(), Failed> {
    let folder = folder("nested")?;
    for (open, close) in [
        ("(", ")"),
        ("{", "}"),
        ("(function() return ", " end)()"),
        ("- ", ""),
        ("`{", "}`"),
    ] {
        let count = 60;
        let text = format!(
            "x = {}require('./none'){}",
            open.repeat(count),
            close.repeat(count)
        );
        fs::write(folder.join("main.luau"), text)?;
        let finished = Atoll::new(&folder, ["check", "main.luau"]).finish()?;
        finished.expect_code(1)?;
        assert!(
            finished.out().contains("there is no module \"./none\""),
            "{open}: {}",
            finished.out()
        );
    }
    Ok(())
}

fn what_luau_can_not_compile_in_time_is_told() -> Result<(), Failed> {
    // More than the guest's memory has room for.
    let folder = folder("too_much")?;
    fs::write(folder.join("main.luau"), "x = {1}\n".repeat(12_000_000))?;
    let finished = Atoll::new(&folder, ["check", "main.luau"]).finish()?;
    finished.expect_code(1)?;
    assert!(
        finished.out().contains("main.luau: error: "),
        "{}",
        finished.out()
    );
    Ok(())
}

fn links_are_not_followed_in_circles() -> Result<(), Failed> {
    let folder = folder("links")?;
    std::os::unix::fs::symlink(".", folder.join("again"))?;
    fs::write(folder.join("main.luau"), "x = = 1")?;
    let finished = Atoll::new(&folder, ["check", "."]).finish()?;
    finished.expect_code(1)?;
    assert_eq!(finished.out().matches("error: ").count(), 1, "{}", finished.out());
    Ok(())
}
