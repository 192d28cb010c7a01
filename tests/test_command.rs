//! `atoll test` where a folder of files does not say enough: hostile files, signals, links, reports that others read.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use libtest_mimic::{Failed, Trial};
use roxmltree::{Document, Node};

use crate::harness::child::{Atoll, Finished, scratch};
use crate::harness::{root, trials};

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    trials![
        junit_is_what_others_read,
        a_file_that_pretends,
        tests_without_end,
        words_without_end,
        names_and_messages_of_any_bytes,
        links_are_not_followed,
        a_file_that_is_named_has_tests_whatever_its_name,
        a_report_in_a_file,
        a_report_that_can_not_be_written,
        interrupt_gives_up,
        colors_where_they_are_forced_only,
    ]
}

/// A fresh folder with these files.
fn folder(name: &str, files: &[(&str, &str)]) -> Result<PathBuf, Failed> {
    let folder = scratch().join("test_command").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    for (path, text) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().ok_or("no folder")?)?;
        fs::write(path, text)?;
    }
    Ok(folder)
}

/// `atoll test WORDS…` in a fresh folder with these files.
fn test(name: &str, files: &[(&str, &str)], words: &[&str]) -> Result<Finished, Failed> {
    let folder = folder(name, files)?;
    Atoll::new(&folder, ["test"].iter().chain(words)).finish()
}

fn number(node: &Node<'_, '_>, name: &str) -> Result<usize, Failed> {
    let text = node.attribute(name).ok_or_else(|| format!("no {name}"))?;
    Ok(text.parse()?)
}

/// The report as a parser of XML has it; the numbers in it agree with what is in it.
fn read_junit(text: &str) -> Result<Document<'_>, Failed> {
    let report = Document::parse(text).map_err(|error| format!("{error}\n{text}"))?;
    assert_eq!(report.root_element().tag_name().name(), "testsuites");
    for suite in report.root_element().children().filter(Node::is_element) {
        assert_eq!(suite.tag_name().name(), "testsuite");
        let elements = |name: &'static str| suite.descendants().filter(move |node| node.has_tag_name(name));
        for (sum, element) in [
            ("tests", "testcase"),
            ("failures", "failure"),
            ("errors", "error"),
            ("skipped", "skipped"),
        ] {
            assert_eq!(number(&suite, sum)?, elements(element).count(), "{sum}");
        }
        for case in elements("testcase") {
            assert_eq!(case.attribute("classname"), suite.attribute("name"));
            let time: f64 = case.attribute("time").ok_or("no time")?.parse()?;
            assert!(time >= 0.0 && case.attribute("name").is_some());
        }
    }
    Ok(report)
}

fn junit_is_what_others_read() -> Result<(), Failed> {
    let words = ["test", "--reporter", "junit", "--limit", "run=1"];
    let finished = Atoll::new(&root().join("tests/cases/test/junit"), words).finish()?;
    finished.expect_code(1)?;
    let text = finished.out();
    let report = read_junit(&text)?;
    let all = |name: &'static str| report.descendants().filter(move |node| node.has_tag_name(name));
    let names: Vec<_> = all("testcase")
        .filter_map(|case| case.attribute("name"))
        .collect();
    assert_eq!(
        names,
        [
            "group & co > passes",
            "group & co > fails \"<here>\"",
            "group & co > skipped",
            "group & co > to do",
            "spins",
            "is lost",
            "b.test.luau"
        ]
    );
    let failure = all("failure")
        .next()
        .and_then(|node| node.text())
        .unwrap_or_default();
    assert!(failure.contains("expected \"&b;\", got \"<a>\""), "{failure}");
    let output = all("system-out").next().and_then(|node| node.text());
    assert_eq!(output, Some("a line <&> of\toutput\n"));
    let warnings = all("system-err").next().and_then(|node| node.text());
    assert_eq!(warnings, Some("a warning ]]>\n"));
    Ok(())
}

/// Tries to write results of its own, into every report.
const PRETENDER: &str = r##"
local FORGED = "\n...\nok 7 - forged\n1..7\nBail out!\n  ---\n</failure></testcase><testcase name='forged'/>"
local TRICKS = "\27[2J\27]0;title\7\r\0\u{202e}\u{2028}]]>&amp;<!--" .. FORGED
print(TRICKS)
warn(TRICKS)
describe(TRICKS, function()
    test(TRICKS, function()
        print(TRICKS)
        error(TRICKS, 0)
    end)
    test.skip(TRICKS, error)
    test(TRICKS .. "2", function()
        expect(TRICKS).toBe(FORGED)
    end)
end)
"##;

fn a_file_that_pretends() -> Result<(), Failed> {
    let files = [("a.test.luau", PRETENDER)];
    let finished = test("pretends_tap", &files, &["--reporter", "tap"])?;
    finished.expect_code(1)?;
    let out = finished.out();
    let results: Vec<&str> = out
        .lines()
        .filter(|line| line.starts_with("ok ") || line.starts_with("not ok "))
        .collect();
    assert_eq!(results.len(), 3, "{out}");
    for line in out.lines() {
        let is_of_tap = [
            "TAP version 14",
            "ok ",
            "not ok ",
            "# ",
            "  ---",
            "  ...",
            "  message: ",
            "    ",
            "  duration_ms: ",
            "1..3",
        ];
        assert!(is_of_tap.iter().any(|start| line.starts_with(start)), "{line:?}");
    }
    assert_eq!(out.lines().last(), Some("1..3"));
    assert_eq!(out.lines().filter(|line| *line == "  ...").count(), 2);
    assert_inert(&out);

    let finished = test("pretends_junit", &files, &["--reporter", "junit"])?;
    finished.expect_code(1)?;
    let text = finished.out();
    let report = read_junit(&text)?;
    assert_eq!(
        report
            .descendants()
            .filter(|node| node.has_tag_name("testcase"))
            .count(),
        3
    );
    assert_inert(&text);

    let finished = test("pretends_human", &files, &[])?;
    finished.expect_code(1)?;
    let out = finished.out();
    assert_inert(&out);
    assert!(out.contains("\n0 passed, 2 failed, 1 skipped in "), "{out}");
    assert_eq!(out.lines().filter(|line| line.contains('✗')).count(), 2, "{out}");
    Ok(())
}

/// Nothing in it does anything on a terminal.
#[track_caller]
fn assert_inert(text: &str) {
    let acts = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
    assert!(
        !text.contains(acts) && !text.contains(['\u{202e}', '\u{2028}']),
        "{text:?}"
    );
}

fn tests_without_end() -> Result<(), Failed> {
    let endless = "while true do test('x', function() end) end";
    let most = "for number = 1, 10000 do test('test ' .. number, function() end) end";
    let long = "while true do test(string.rep('x', 500), function() end) end";
    let files = [
        ("a.test.luau", endless),
        ("b.test.luau", most),
        ("c.test.luau", long),
    ];
    let finished = test("endless", &files, &["--limit", "run=30", "--reporter", "tap"])?;
    finished.expect_code(1)?;
    let out = finished.out();
    assert!(
        out.contains("test: a file can have at most 10000 tests"),
        "no bound"
    );
    assert!(
        out.contains("\nok 10001 - b.test.luau > test 10000\n"),
        "not all of them"
    );
    assert!(
        out.contains("can have at most 4194304 bytes"),
        "no bound of the names"
    );
    assert!(out.ends_with("\n1..10002\n"), "not the last line");
    Ok(())
}

fn words_without_end() -> Result<(), Failed> {
    let source = "
        test('writes', function()
            for number = 1, 100000 do print(string.rep('x', 100)) end
            print(string.rep('y', 5000000))
        end)
        for number = 1, 200 do
            test('fails ' .. number, function() error(string.rep('long ', 1000000)) end)
        end";
    for reporter in ["human", "tap", "junit"] {
        let files = [("a.test.luau", source)];
        let words = ["--limit", "run=30", "--reporter", reporter];
        let finished = test(&format!("words_{reporter}"), &files, &words)?;
        finished.expect_code(1)?;
        let out = finished.out();
        // The output and the failures, a MiB each, and what a report makes of them.
        assert!(out.len() < 4 << 20, "{reporter}: {} bytes", out.len());
        assert!(out.contains("… what it wrote after this is left out: a file can have 1 MiB"));
        assert!(out.contains("fails 200"), "the last one is missing");
        if reporter == "junit" {
            read_junit(&out)?;
        }
    }
    Ok(())
}

fn names_and_messages_of_any_bytes() -> Result<(), Failed> {
    let source = r#"
        test("\xff\xfe \u{fffe}\u{ffff}", function() error("\xff\0\u{ffff}") end)
        test(string.rep("\u{1f600}", 125), function() print("\xc3") expect("\xff").toBe("\xfe") end)"#;
    for reporter in ["human", "tap", "junit"] {
        let finished = test(
            &format!("bytes_{reporter}"),
            &[("a.test.luau", source)],
            &["--reporter", reporter],
        )?;
        finished.expect_code(1)?;
        let out = std::str::from_utf8(&finished.stdout)?;
        assert_inert(out);
        if reporter == "junit" {
            read_junit(out)?;
        }
    }
    Ok(())
}

fn links_are_not_followed() -> Result<(), Failed> {
    let elsewhere = folder("links_elsewhere", &[("x.test.luau", "error('NEVER')")])?;
    let here = folder("links", &[("real/a.test.luau", "test('a', function() end)")])?;
    symlink(&elsewhere, here.join("folder"))?;
    symlink(elsewhere.join("x.test.luau"), here.join("file.test.luau"))?;
    symlink(&here, here.join("real/around"))?;
    let finished = Atoll::new(&here, ["test"]).finish()?;
    finished.expect_code(0)?;
    assert!(
        finished
            .out()
            .starts_with("real/a.test.luau\n  ✓ a\n\n1 passed in "),
        "{}",
        finished.out()
    );
    // One that is named is meant.
    Atoll::new(&here, ["test", "file.test.luau"])
        .finish()?
        .expect_code(1)?;
    Ok(())
}

fn a_file_that_is_named_has_tests_whatever_its_name() -> Result<(), Failed> {
    let files = [
        ("checks.luau", "test('a', function() end)"),
        ("b.test.luau", "test('b', function() end)"),
    ];
    let words = ["checks.luau", "b.test.luau", ".", "--reporter", "tap"];
    let finished = test("named", &files, &words)?;
    finished.expect_code(0)?;
    assert_eq!(
        finished.out(),
        "TAP version 14\nok 1 - b.test.luau > b\nok 2 - checks.luau > a\n1..2\n",
        "each once"
    );
    Ok(())
}

fn a_report_in_a_file() -> Result<(), Failed> {
    let folder = folder(
        "output",
        &[("a.test.luau", "print('said') test('a', function() end)")],
    )?;
    let words = ["test", "--reporter", "junit", "--output", "report.xml"];
    let finished = Atoll::new(&folder, words).finish()?;
    finished.expect_code(0)?;
    assert!(finished.out().contains("  | said\n  ✓ a\n"), "{}", finished.out());
    let report = fs::read_to_string(folder.join("report.xml"))?;
    assert_eq!(
        read_junit(&report)?
            .descendants()
            .filter(|node| node.has_tag_name("testcase"))
            .count(),
        1
    );
    Ok(())
}

fn a_report_that_can_not_be_written() -> Result<(), Failed> {
    let files = [("a.test.luau", "print('NEVER') test('a', function() end)")];
    let finished = test("no_output", &files, &["--output", "nowhere/report.xml"])?;
    finished.expect_code(2)?;
    assert_eq!(finished.out(), "");
    assert!(
        finished
            .err()
            .starts_with("error: cannot write the report to nowhere/report.xml: ")
    );
    Ok(())
}

fn interrupt_gives_up() -> Result<(), Failed> {
    let files = [
        ("a.test.luau", "test('passes', function() end)"),
        (
            "b.test.luau",
            "test('waits', function() warn('waits') task.wait(1000) end, 1000)\ntest('never', error)",
        ),
        ("c.test.luau", "test('never', error)"),
    ];
    for (signal, code, word) in [("INT", 130, "interrupted"), ("TERM", 143, "terminated")] {
        let folder = folder(&format!("interrupt_{signal}"), &files)?;
        let running = Atoll::new(&folder, ["test", "--jobs", "1"]).start()?;
        running.wait_stdout("a.test.luau\n")?;
        running.signal(signal)?;
        let finished = running.finish()?;
        finished.expect_code(code)?;
        let out = finished.out();
        assert!(
            out.contains("1 passed, ") && out.contains(" given up in "),
            "{out}"
        );
        assert!(out.ends_with(&format!(" s ({word})\n")), "{out}");
    }
    Ok(())
}

fn colors_where_they_are_forced_only() -> Result<(), Failed> {
    let folder = folder("colors", &[("a.test.luau", "test('a', function() end)")])?;
    let plain = Atoll::new(&folder, ["test"]).finish()?;
    assert_inert(&plain.out());
    let colored = Atoll::new(&folder, ["test"])
        .env("NO_COLOR", "")
        .env("CLICOLOR_FORCE", "1")
        .finish()?;
    assert!(
        colored.out().contains("\u{1b}[32m✓\u{1b}[0m a\n"),
        "{}",
        colored.out()
    );
    Ok(())
}
