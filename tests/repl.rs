//! `atoll repl` where time and terminals matter; what a pipe can say is in `cases/terminal`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};

use crate::harness::child::{Atoll, Finished, Running, scratch};
use crate::harness::http::get;
use crate::harness::terminal::session;
use crate::harness::trials;

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    trials![
        waiting_for_a_line_is_no_running,
        servers_serve_between_the_lines,
        line_ends_of_other_systems,
        too_much_unfinished_input_is_refused,
        a_line_without_end_is_refused,
        interrupt_ends_a_session_of_a_pipe,
        a_person_is_prompted,
        a_person_interrupts_what_waits,
        a_person_interrupts_what_spins,
        a_person_interrupts_what_does_not_hear,
        a_person_gives_up_a_chunk,
        output_leaves_the_line_alone,
        a_new_session_begins_where_a_limit_ended_one,
        what_was_typed_is_kept_for_its_user,
    ]
}

/// What a person waits for.
const PROMPT: &str = "> ";

fn piped(words: &[&str]) -> Result<Running, Failed> {
    let words = ["repl"].iter().chain(words);
    Atoll::new(&scratch(), words).typed().start()
}

/// A session at a terminal, with a folder of its own for its state.
struct Terminal {
    running: Running,
    state: PathBuf,
    /// Bytes of the output that were expected and came.
    seen: usize,
}

impl Terminal {
    fn open(name: &str, words: &[&str]) -> Result<Terminal, Failed> {
        let state = scratch().join("state").join(name);
        if state.exists() {
            fs::remove_dir_all(&state)?;
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_atoll"));
        command
            .arg("repl")
            .args(words)
            .env("XDG_CACHE_HOME", scratch())
            .env("XDG_STATE_HOME", &state)
            .env("TERM", "xterm")
            .env("NO_COLOR", "1")
            .env_remove("RUST_LOG");
        let mut terminal = Terminal {
            running: session(command, Duration::from_secs(60))?,
            state,
            seen: 0,
        };
        terminal.expect("", "Ctrl-D ends\r\n")?;
        terminal.expect("", PROMPT)?;
        Ok(terminal)
    }

    /// Types keys, and waits until the terminal shows the text. What is typed while there is no prompt may be lost.
    fn expect(&mut self, keys: &str, shown: &str) -> Result<(), Failed> {
        self.running.type_in(keys)?;
        let seen = self.seen;
        self.seen = self.running.stdout.wait(self.running.deadline, shown, |all| {
            let at = all.get(seen..)?.find(shown)?;
            Some(seen + at + shown.len())
        })?;
        Ok(())
    }

    /// Types a line (or Ctrl-C), and waits until what it says is shown, and then the prompt.
    fn line(&mut self, line: &str, shown: &str) -> Result<(), Failed> {
        let enter = if line == "\x03" { "" } else { "\r" };
        self.expect(&format!("{line}{enter}"), shown)?;
        self.expect("", PROMPT)
    }

    /// Ctrl-D.
    fn leave(mut self) -> Result<Finished, Failed> {
        self.running.type_in("\x04")?;
        self.running.finish()
    }
}

/// Plays with a terminal, and expects the session to end well.
fn at_a_terminal(
    name: &str,
    words: &[&str],
    play: impl FnOnce(&mut Terminal) -> Result<(), Failed>,
) -> Result<(), Failed> {
    let mut terminal = Terminal::open(name, words)?;
    play(&mut terminal)?;
    terminal.leave()?.expect_code(0)?;
    Ok(())
}

fn waiting_for_a_line_is_no_running() -> Result<(), Failed> {
    let mut session = piped(&["--limit", "run=0.2"])?;
    // It says so when the time is over, and the next line comes only then.
    session.type_in("task.delay(0.5, print, 'late') ~= nil\n")?;
    session.wait_stdout("true\nlate\n")?;
    session.type_in("x = 0 for i = 1, 1e5 do x += 1 end\nx\n")?;
    session.wait_stdout("100000\n")?;
    let finished = session.finish()?;
    finished.expect_code(0)?;
    assert_eq!(finished.err(), "");
    Ok(())
}

fn servers_serve_between_the_lines() -> Result<(), Failed> {
    let mut session = piped(&["--allow-listen=localhost"])?;
    session.type_in(
        "count = 0\nok, server = net.serve({ port = 0, address = '127.0.0.1', request = function()\n\
         count += 1 return `answer {count}` end })\n",
    )?;
    let address = session.address()?;
    assert_eq!(get(address, "/")?.text(), "answer 1");
    session.type_in("count = 41\nprint('set')\n")?;
    session.wait_stdout("set\n")?;
    assert_eq!(get(address, "/")?.text(), "answer 42");
    // The end of the input is the end of the server.
    session.finish()?.expect_code(0)?;
    Ok(())
}

fn line_ends_of_other_systems() -> Result<(), Failed> {
    let mut session = piped(&[])?;
    session.type_in("1 + 1\r\nfunction f()\r\nreturn [[\r\n]] end\r\n#f(), 'no line feed'")?;
    let finished = session.finish()?;
    finished.expect_code(0)?;
    assert_eq!(
        (finished.out(), finished.err()),
        ("2\n0\tno line feed\n".to_owned(), String::new())
    );
    Ok(())
}

fn too_much_unfinished_input_is_refused() -> Result<(), Failed> {
    let mut session = piped(&[])?;
    let line = format!("-- {}\n", "x".repeat(300_000));
    session.type_in(&format!("f(\n{}print('next')\n", line.repeat(4)))?;
    let finished = session.finish()?;
    finished.expect_code(0)?;
    assert_eq!(finished.out(), "next\n");
    let err = finished.err();
    assert!(
        err.starts_with("error: the input is not finished after 1048576 bytes: repl:"),
        "{err}"
    );
    Ok(())
}

fn a_line_without_end_is_refused() -> Result<(), Failed> {
    let mut session = piped(&[])?;
    session.type_in("print('before')\n")?;
    session.type_in(&"x".repeat((1 << 20) + 1))?;
    let finished = session.finish()?;
    finished.expect_code(0)?;
    assert_eq!(finished.out(), "before\n");
    assert_eq!(finished.err(), "error: a line has more than 1048576 bytes\n");
    Ok(())
}

fn interrupt_ends_a_session_of_a_pipe() -> Result<(), Failed> {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let mut session = piped(&[])?;
        session.type_in("print('waits') task.wait(1000)\n")?;
        session.wait_stdout("waits")?;
        session.signal(signal)?;
        session.finish()?.expect_code(code)?;
    }
    Ok(())
}

fn a_person_is_prompted() -> Result<(), Failed> {
    at_a_terminal("prompt", &[], |terminal| {
        terminal.line("function f()", ">")?;
        terminal.line("return 'from', 'f'", ">")?;
        terminal.line("end", "\r\n")?;
        terminal.line("f()", "\nfrom\tf\r\n")?;
        terminal.line("error('mine')", "error: repl:1: mine\r\n  at repl:1\r\n")?;
        terminal.line("f()", "\nfrom\tf\r\n")
    })
}

fn a_person_interrupts_what_waits() -> Result<(), Failed> {
    at_a_terminal("interrupt_wait", &[], |terminal| {
        terminal.expect("print('waits') task.wait(1000) print('never')\r", "\nwaits\r\n")?;
        terminal.line("\x03", "error: interrupted\r\n")?;
        terminal.line("'go ' .. 'on'", "\ngo on\r\n")?;
        assert!(!terminal.running.stdout.text().contains("\nnever"));
        Ok(())
    })
}

fn a_person_interrupts_what_spins() -> Result<(), Failed> {
    at_a_terminal("interrupt_spin", &["--limit", "run=1000"], |terminal| {
        terminal.expect("print('spins') while true do end\r", "\nspins\r\n")?;
        terminal.line("\x03", "error: repl:1: interrupted\r\n  at repl:1\r\n")?;
        terminal.line("'go ' .. 'on'", "\ngo on\r\n")
    })
}

fn a_person_interrupts_what_does_not_hear() -> Result<(), Failed> {
    let mut terminal = Terminal::open("interrupt_deaf", &["--limit", "run=1000"])?;
    // Sorting without a function passes no safepoint.
    terminal.line(
        "numbers = table.create(2e6, 1) for i = 1, 2e6 do numbers[i] = i * 7919 % 1000003 end",
        "",
    )?;
    terminal.expect(
        "print('deaf') for i = 1, 400 do table.sort(numbers) end\r",
        "\ndeaf\r\n",
    )?;
    // The first may not be through when the second comes, and then it is one.
    while terminal.expect("\x03", "^C").is_ok() {}
    terminal.running.finish()?.expect_code(130)?;
    Ok(())
}

fn a_person_gives_up_a_chunk() -> Result<(), Failed> {
    at_a_terminal("give_up", &[], |terminal| {
        terminal.expect("f(\r", ">> ")?;
        terminal.expect("\x03", PROMPT)?;
        terminal.line("'go ' .. 'on'", "\ngo on\r\n")
    })
}

fn output_leaves_the_line_alone() -> Result<(), Failed> {
    at_a_terminal("output", &[], |terminal| {
        terminal.line(
            "wait = function() task.wait(0.1) print('from a task') end",
            "\r\n",
        )?;
        terminal.line("task.spawn(wait) ~= nil", "\ntrue\r\n")?;
        // Typed before it and after it.
        terminal.expect("'half ' ..", "from a task")?;
        terminal.line(" 'line'", "\nhalf line\r\n")
    })
}

fn a_new_session_begins_where_a_limit_ended_one() -> Result<(), Failed> {
    at_a_terminal(
        "afresh",
        &["--limit", "run=0.1", "--limit", "grace=0.1"],
        |terminal| {
            terminal.line("x = 5", "\r\n")?;
            let spin = "while true do pcall(function() while true do end end) end";
            terminal.line(
                spin,
                "a new session begins: the globals of the last one are gone\r\n",
            )?;
            terminal.line("x, 'and on'", "\nnil\tand on\r\n")
        },
    )
}

fn what_was_typed_is_kept_for_its_user() -> Result<(), Failed> {
    let mut terminal = Terminal::open("history", &[])?;
    terminal.line("1 + 1", "\n2\r\n")?;
    terminal.line("secret = 'key'", "\r\n")?;
    let path = terminal.state.join("atoll/history");
    terminal.leave()?.expect_code(0)?;
    assert_eq!(fs::read_to_string(&path)?, "#V2\n1 + 1\nsecret = 'key'\n");
    assert_eq!(fs::metadata(&path)?.permissions().mode() & 0o777, 0o600);
    let folder = path.parent().ok_or("no folder")?;
    assert_eq!(fs::metadata(folder)?.permissions().mode() & 0o777, 0o700);
    Ok(())
}
