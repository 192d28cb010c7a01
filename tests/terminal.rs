//! What errors look like on a terminal, and that nothing of a script acts on it. What they say is in `cases/errors/`.

use std::process::Command;

use libtest_mimic::{Failed, Trial};

use crate::harness::child::{Atoll, scratch};
use crate::harness::terminal::stderr_of;
use crate::harness::trials;

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    trials![
        colours_on_a_terminal_and_nowhere_else,
        heads_of_other_errors_are_coloured_too,
        lines_fit_the_terminal,
        control_characters_of_a_source,
        line_ends_of_other_systems,
    ]
}

const SOURCE: &str = "local config = nil\nprint(config.name)\n";

const PLAIN: &str = "\
error: main.luau:2:14: attempt to index nil with 'name'
  2 | print(config.name)
    |              ^^^^ config is nil
  at main.luau:2
";

const COLORED: &str = "\
<b><red>error</>: <b>main.luau:2:14: attempt to index nil with 'name'</>
  <b><blue>2 |</> print(config.name)
  <b><blue>  |</>              <b><red>^^^^ config is nil</>
  at main.luau:2
";

/// The text with the codes of colours as words.
fn readable(text: &str) -> String {
    [("<b>", "1"), ("<red>", "31"), ("<blue>", "34"), ("</>", "0")]
        .iter()
        .fold(text.to_owned(), |text, (word, code)| {
            text.replace(&format!("\u{1b}[{code}m"), word)
        })
}

/// `atoll WORDS…` in a folder where `main.luau` holds the source, in an environment that says nothing of colours.
fn command(name: &str, source: &[u8], words: &[&str]) -> Result<Command, Failed> {
    let folder = scratch().join("scripts").join(name);
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("main.luau"), source)?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_atoll"));
    command
        .args(words)
        .current_dir(folder)
        .env("XDG_CACHE_HOME", scratch())
        .env("TERM", "xterm");
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI", "RUST_LOG"] {
        command.env_remove(variable);
    }
    Ok(command)
}

fn colours_on_a_terminal_and_nowhere_else() -> Result<(), Failed> {
    let run = ["run", "main.luau"];
    let never = ["run", "main.luau", "--color=never"];
    let always = ["--color", "always", "run", "main.luau"];
    for (words, variable, terminal, pipe) in [
        (&run[..], None, COLORED, PLAIN),
        (&run, Some(("NO_COLOR", "1")), PLAIN, PLAIN),
        (&run, Some(("NO_COLOR", "")), COLORED, PLAIN),
        (&run, Some(("CLICOLOR", "0")), PLAIN, PLAIN),
        (&run, Some(("CLICOLOR_FORCE", "1")), COLORED, COLORED),
        (&run, Some(("TERM", "dumb")), PLAIN, PLAIN),
        (&never, None, PLAIN, PLAIN),
        (&never, Some(("CLICOLOR_FORCE", "1")), PLAIN, PLAIN),
        (&always, None, COLORED, COLORED),
        (&always, Some(("NO_COLOR", "1")), COLORED, COLORED),
    ] {
        let new = || -> Result<Command, Failed> {
            let mut command = command("colours", SOURCE.as_bytes(), words)?;
            command.envs(variable);
            Ok(command)
        };
        assert_eq!(
            readable(&stderr_of(new()?, 80)?),
            terminal,
            "terminal, {words:?} {variable:?}"
        );
        let piped = new()?.output()?.stderr;
        assert_eq!(
            readable(&String::from_utf8(piped)?),
            pipe,
            "pipe, {words:?} {variable:?}"
        );
    }
    Ok(())
}

fn heads_of_other_errors_are_coloured_too() -> Result<(), Failed> {
    for (source, words, expected) in [
        (
            "",
            &["run", "none.luau"][..],
            "<b><red>error</>: <b>cannot read the script none.luau: ",
        ),
        (
            "",
            &["runs"],
            "<b><red>error</>: <b>unrecognized subcommand 'runs'",
        ),
        (
            "",
            &["run", "main.luau", "--limit", "x=1"],
            "<b><red>error</>: <b>",
        ),
        (
            "task.wait(1000)",
            &["run", "main.luau", "--timeout", "0.01"],
            "<b><red>error</>: <b>the script ran for 0.01 s (raise it with --timeout SECONDS)</>\n",
        ),
        (
            "task.spawn(error, 'x')",
            &["run", "main.luau"],
            "<b><red>error</>: <b>x</>\n",
        ),
        // Words of a script stay as they are.
        (
            "warn('error: \\27[31mx')",
            &["run", "main.luau"],
            "error: <red>x\n",
        ),
    ] {
        let text = readable(&stderr_of(command("heads", source.as_bytes(), words)?, 80)?);
        if !text.starts_with(expected) {
            return Err(format!("{words:?}: {text:?}, not {expected:?}").into());
        }
    }
    Ok(())
}

fn lines_fit_the_terminal() -> Result<(), Failed> {
    let source = format!(
        "local a; {}print(a.name) {}",
        "b = '漢字'; ".repeat(30),
        "b = 1; ".repeat(30)
    );
    let words = ["run", "main.luau", "--color=never"];
    for (columns, lines) in [
        (
            50,
            [
                "  1 | …字'; print(a.name) b = 1; b = 1; b = 1; b…",
                "    |               ^^^^ a is nil",
            ],
        ),
        // No narrower than can be read.
        (
            5,
            [
                "  1 | …'; print(a.name) b = 1; b = 1; b…",
                "    |             ^^^^ a is nil",
            ],
        ),
    ] {
        let text = stderr_of(command("width", source.as_bytes(), &words)?, columns)?;
        let shown: Vec<&str> = text.lines().skip(1).take(2).collect();
        assert_eq!(shown, lines, "{columns} columns");
    }
    Ok(())
}

fn control_characters_of_a_source() -> Result<(), Failed> {
    let source = b"local a --[[ \x1b[31m \x9b2J \xc2\x9b \xe2\x80\xae ]] = a.name";
    for words in [&["run", "main.luau"][..], &["run", "main.luau", "--color=always"]] {
        let text = stderr_of(command("control", source, words)?, 100)?;
        let expected = "local a --[[ \\x1b[31m \u{fffd}2J \\u{9b} \\u{202e} ]] = a.name\n";
        if !text.contains(expected) || text.contains("\u{1b}[31m ") || text.contains(['\u{9b}', '\u{202e}']) {
            return Err(format!("{text:?}").into());
        }
    }
    Ok(())
}

fn line_ends_of_other_systems() -> Result<(), Failed> {
    for (source, expected) in [
        (
            "print('one')\r\nlocal = 1\r\n",
            "error: main.luau:2:7: Expected identifier when parsing variable name, got '='\n  2 | local = 1\n    |       ^\n",
        ),
        (
            "\u{feff}local a\r\n\ta.b = [[\r\n]]\r\n",
            "error: main.luau:2:4: attempt to index nil with 'b'\n  2 |     a.b = [[\n    |       ^ a is nil\n  at main.luau:2\n",
        ),
        (
            "#!/usr/bin/env atoll 'x\r\nlocal a\r\n\ta.b = 1",
            "error: main.luau:3:4: attempt to index nil with 'b'\n  3 |     a.b = 1\n    |       ^ a is nil\n  at main.luau:3\n",
        ),
    ] {
        let finished = Atoll::source("ends", source, [""; 0])?.finish()?;
        finished.expect_code(1)?;
        assert_eq!(finished.err(), expected);
    }
    Ok(())
}
