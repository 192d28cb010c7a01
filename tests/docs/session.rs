//! Plays a page of the documentation. Called by `docs`, once for each page.
//!
//! - A block with a file's name above it (`` `main.luau`: ``) is written to a folder of the page's own.
//! - Any other block of `lua` has to compile.
//! - A block of `console` is what somebody types and sees: `$ atoll …`, with variables before it, or `$ curl …`. What follows is compared
//!   with what was written; `…` stands for any characters, or as a line for any number of lines. A line of a command that ends with `\`
//!   goes on in the next one.
//!
//! A command whose output begins with `listening on` is left running to the end of the page, and then gets an interrupt; every
//! other one has to end with 0. README is not played: it speaks of this repository's own folder.
//!
//! The ports 8080 and 8081 stand for two that are free.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use libtest_mimic::Failed;

use super::curl;
use super::markdown::{self, Block};
use crate::harness::child::{Atoll, Running, scratch};
use crate::harness::{matching, root};

/// How the line begins that says where a server is.
const LISTENING: &str = "listening on ";

/// Plays the page of this path below the root.
pub(super) fn play(page: &str) -> Result<(), Failed> {
    play_text(page, &fs::read_to_string(root().join(page))?)
}

/// Plays a page with this text.
pub(super) fn play_text(page: &str, text: &str) -> Result<(), Failed> {
    let text = text
        .replace("8080", &free_port()?.to_string())
        .replace("8081", &free_port()?.to_string());
    let folder = scratch().join("docs").join(page.replace('/', "_"));
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let mut session = Session {
        folder,
        servers: Vec::new(),
    };
    for block in markdown::blocks(&text)? {
        let line = block.line;
        session
            .block(page, &block)
            .map_err(|error| format!("{page}:{line}: {}", error.message().unwrap_or_default()))?;
    }
    session.end()
}

struct Session {
    folder: PathBuf,
    /// Each with its command and what it must have written at the end.
    servers: Vec<(Command, Running)>,
}

/// What was typed, and what must come.
#[derive(Debug, PartialEq, Eq)]
struct Command {
    words: Vec<String>,
    output: String,
}

impl Session {
    fn block(&mut self, page: &str, block: &Block) -> Result<(), Failed> {
        if let Some(file) = &block.file {
            let path = self.folder.join(file);
            fs::create_dir_all(path.parent().unwrap_or(&self.folder))?;
            return Ok(fs::write(path, &block.text)?);
        }
        match block.language.as_str() {
            "lua" | "luau" => compile(&self.folder, &block.text),
            "console" if page != "README.md" => {
                for command in commands(&block.text)? {
                    self.command(command)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn command(&mut self, command: Command) -> Result<(), Failed> {
        let said = command.words.join(" ");
        let is_variable = |word: &&String| word.split('=').next().is_some_and(is_upper) && word.contains('=');
        let variables = command.words.iter().take_while(is_variable).count();
        let (variables, words) = command.words.split_at(variables);
        match words
            .split_first()
            .map(|(program, words)| (program.as_str(), words))
        {
            Some(("atoll", words)) => {
                let mut atoll = Atoll::new(&self.folder, words);
                for variable in variables {
                    let (name, value) = variable.split_once('=').unwrap_or_default();
                    atoll = atoll.env(name, value);
                }
                if command.output.starts_with(LISTENING) {
                    let server = atoll.start()?;
                    server.addresses(command.output.matches(LISTENING).count())?;
                    self.servers.push((command, server));
                    return Ok(());
                }
                let finished = atoll.finish()?;
                finished.expect_code(0)?;
                let err = finished.err();
                let err: Vec<&str> = err.lines().filter(|line| !line.starts_with(LISTENING)).collect();
                let written = finished.out() + &lines(&err);
                compare(&said, &command.output, &written)
            }
            Some(("curl", words)) => compare(&said, &command.output, &curl::run(words)?),
            _ => Err(format!("no command of these sessions: {said}").into()),
        }
    }

    /// Ends the servers. What they say of the requests that the page has sent is written by then.
    fn end(self) -> Result<(), Failed> {
        for (command, server) in self.servers {
            server.signal("INT")?;
            let finished = server.finish()?;
            finished.expect_code(130)?;
            let listening = command.output.matches(LISTENING).count();
            let wanted: Vec<&str> = command.output.lines().collect();
            let err = finished.err();
            let written: Vec<&str> = err.lines().collect();
            let (addresses, err) = written.split_at(listening.min(written.len()));
            let written = format!("{}\n{}{}", addresses.join("\n"), finished.out(), lines(err));
            compare(&command.words.join(" "), &lines(&wanted), &written)?;
        }
        Ok(())
    }
}

fn lines(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// A port that nobody has, and that no page of this process gets again. It is below those that systems hand out by themselves, so
/// that nobody is given it before the script takes it.
fn free_port() -> Result<u16, Failed> {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    // Two suites that run at once begin at different places.
    let first = process::id().wrapping_mul(61);
    for _ in 0..1_000 {
        let number = first.wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(10_000 + number % 20_000)?;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err("no port is free".into())
}

/// Fails unless the text is Luau: it is compiled and not run.
pub(super) fn compile(folder: &Path, text: &str) -> Result<(), Failed> {
    // On the text's first line, so that a message's line is the text's.
    fs::write(
        folder.join("compiled.luau"),
        format!("local _ = function(...) {text}\nend\n"),
    )?;
    Atoll::new(folder, ["run", "compiled.luau"])
        .finish()?
        .expect_code(0)?;
    Ok(())
}

/// Compares with a pattern as pages write it.
fn compare(command: &str, wanted: &str, written: &str) -> Result<(), Failed> {
    let wanted: String = wanted
        .lines()
        .map(|line| {
            if line == "…" {
                "...\n".to_owned()
            } else {
                line.replace('…', "*") + "\n"
            }
        })
        .collect();
    Ok(matching::compare(
        &format!("what `{command}` writes"),
        &wanted,
        written,
    )?)
}

/// The commands of a block and what follows each.
fn commands(text: &str) -> Result<Vec<Command>, String> {
    let mut commands: Vec<Command> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(typed) = line.strip_prefix("$ ") {
            let mut typed = typed.to_owned();
            while let Some(part) = typed.strip_suffix('\\') {
                typed = format!(
                    "{part}{}",
                    lines.next().ok_or("a command does not end")?.trim_start()
                );
            }
            commands.push(Command {
                words: words(&typed)?,
                output: String::new(),
            });
        } else {
            let command = commands.last_mut().ok_or("output before any command")?;
            command.output.push_str(line);
            command.output.push('\n');
        }
    }
    Ok(commands)
}

/// The words of a command line, as a shell would split them where nothing but quotes is special.
fn words(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for letter in line.chars() {
        match quote {
            Some(end) if letter == end => quote = None,
            Some(_) => word.get_or_insert_default().push(letter),
            None if letter == '\'' || letter == '"' => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            None if letter == ' ' => words.extend(word.take()),
            None if "$`\\|&;<>*?()".contains(letter) => {
                return Err(format!("{letter} means more to a shell: {line}"));
            }
            None => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    if quote.is_some() {
        return Err(format!("a quote does not end: {line}"));
    }
    Ok(words)
}

fn is_upper(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|letter| letter.is_ascii_uppercase() || letter == '_')
}
