//! Lines of a person at a terminal, with editing and history, or of a pipe. They are read on a thread of its own, which
//! blocks; the process ends without it.

use std::fs::OpenOptions;
use std::io::{self, BufRead, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc as handover;
use std::thread;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{Config, Editor, ExternalPrinter};
use tokio::sync::mpsc::Receiver;

use crate::cli::folders;
use crate::runtime::{Asked, Input};

/// Bytes that a line may have.
const LONGEST: u64 = 1 << 20;

/// Lines of history that are kept.
const HISTORY: usize = 1000;

/// Answers with the lines of standard input.
pub(super) fn from_a_pipe(asked: Receiver<Asked>) -> io::Result<()> {
    thread::Builder::new()
        .name("atoll-lines".to_owned())
        .spawn(move || answer(asked, |_| piped(io::stdin().lock())))?;
    Ok(())
}

/// Answers with what a person types at the terminal; returns what prints above the prompt.
pub(super) fn from_a_person(
    asked: Receiver<Asked>,
) -> rustyline::Result<impl ExternalPrinter + Send + 'static> {
    let (hand_over, handed_over) = handover::sync_channel(1);
    thread::Builder::new()
        .name("atoll-lines".to_owned())
        .spawn(move || {
            let mut editor = match editor() {
                Ok(editor) => editor,
                Err(error) => return drop(hand_over.send(Err(error))),
            };
            drop(hand_over.send(editor.create_external_printer()));
            let history = history();
            if let Some(path) = &history {
                // A history that can't be read is none.
                drop(editor.load_history(path));
            }
            answer(asked, |continues| {
                edited(&mut editor, continues, history.as_deref())
            });
        })?;
    handed_over
        .recv()
        .map_err(|_| io::Error::other("the terminal's thread has ended"))?
}

fn answer(mut asked: Receiver<Asked>, mut next: impl FnMut(bool) -> Input) {
    let mut left = None;
    while let Some(Asked { continues, answer }) = asked.blocking_recv() {
        let input = left.take().unwrap_or_else(|| next(continues));
        // Whoever asked may be gone: the line is for the next one.
        left = answer.send(input).err();
    }
}

fn piped(mut input: impl BufRead) -> Input {
    let mut line = Vec::new();
    match input.by_ref().take(LONGEST + 1).read_until(b'\n', &mut line) {
        // What can't be read has ended.
        Ok(0) | Err(_) => return Input::End,
        Ok(length) if length as u64 > LONGEST => {
            eprintln!("error: a line has more than {LONGEST} bytes");
            return Input::End;
        }
        Ok(_) => {}
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
    Input::Line(line)
}

fn editor() -> rustyline::Result<Editor<(), FileHistory>> {
    let config = Config::builder()
        .max_history_size(HISTORY)?
        .bracketed_paste(false)
        .build();
    Editor::with_config(config)
}

fn edited(editor: &mut Editor<(), FileHistory>, continues: bool, history: Option<&Path>) -> Input {
    match editor.readline(if continues { ">> " } else { "> " }) {
        Ok(line) => {
            let is_new = editor.add_history_entry(&line).unwrap_or(false);
            if let Some(path) = history.filter(|_| is_new) {
                // At once, as a session may end at any time; what can't be kept is not.
                drop(editor.append_history(path));
            }
            Input::Line(line.into_bytes())
        }
        Err(ReadlineError::Interrupted) => Input::Abandoned,
        Err(_) => Input::End,
    }
}

/// The file of what was typed, which only its user may read.
fn history() -> Option<PathBuf> {
    let path = folders::state()?.join("history");
    let mut options = OpenOptions::new();
    options.create(true).append(true).mode(0o600).open(&path).ok()?;
    Some(path)
}

/// How the terminal treats what is typed, where there is one.
pub(super) struct Mode(Option<Termios>);

impl Mode {
    pub(super) fn current() -> Mode {
        Mode(tcgetattr(io::stdin()).ok())
    }

    pub(super) fn restore(&self) {
        if let Some(mode) = &self.0 {
            // It fails where the terminal has gone.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, mode);
        }
    }
}
