//! Lines for a file or for standard error, written by a thread of its own: whoever has one never waits for the disk or for a
//! slow reader. `log` and `access_log` write so; `audit` does not, as a decision must be on record before it counts.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Bytes that wait to be written; what comes on top is lost, and counted.
const MOST: usize = 1 << 20;

/// How long the end of the program waits for the last lines.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Where lines go.
pub(super) enum Sink {
    StandardError,
    File(File),
}

impl Sink {
    /// Adds to the file, or writes to standard error for `-`.
    pub(super) fn open(path: &Path) -> io::Result<Sink> {
        Ok(if path == Path::new("-") {
            Sink::StandardError
        } else {
            Sink::File(OpenOptions::new().create(true).append(true).open(path)?)
        })
    }

    /// In one write: lines of several processes don't mix.
    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Sink::StandardError => io::stderr().lock().write_all(lines),
            Sink::File(file) => file.write_all(lines),
        }
    }
}

/// Takes lines. Clones write to the same place.
#[derive(Clone)]
pub(super) struct Lines(Arc<Inner>);

struct Inner {
    /// What it is, for the word on what was lost.
    name: &'static str,
    state: Mutex<State>,
    /// Something is to be written.
    more: Condvar,
    /// All is written.
    idle: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    lost: u64,
    is_writing: bool,
    /// The sink failed: nothing is written any more.
    is_broken: bool,
}

impl Lines {
    /// Starts the thread. It ends with the process.
    pub(super) fn start(name: &'static str, sink: Sink) -> io::Result<Lines> {
        let lines = Lines(Arc::new(Inner {
            name,
            state: Mutex::default(),
            more: Condvar::new(),
            idle: Condvar::new(),
        }));
        let own = lines.clone();
        std::thread::Builder::new()
            .name("atoll-lines".to_owned())
            .spawn(move || own.0.run(sink))?;
        Ok(lines)
    }

    /// Takes a line, with its line feed. False where it is lost.
    pub(super) fn push(&self, line: &[u8]) -> bool {
        let mut state = self.0.lock();
        if state.is_broken || state.waiting.len() + line.len() > MOST {
            state.lost += 1;
            return false;
        }
        state.waiting.extend_from_slice(line);
        drop(state);
        self.0.more.notify_one();
        true
    }

    /// Waits until all is written, for a while.
    pub(super) fn finish(&self) {
        let state = self.0.lock();
        let busy = |state: &mut State| (state.is_writing || !state.waiting.is_empty()) && !state.is_broken;
        // The guard has nothing more to say.
        drop(self.0.idle.wait_timeout_while(state, LAST_LINES, busy));
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, mut sink: Sink) {
        let mut batch = Vec::new();
        loop {
            let mut state = self.lock();
            while state.waiting.is_empty() {
                state = self.more.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            std::mem::swap(&mut batch, &mut state.waiting);
            let lost = std::mem::take(&mut state.lost);
            state.is_writing = true;
            drop(state);
            let written = sink.write(&batch);
            batch.clear();
            if lost > 0 {
                complain(format_args!(
                    "{}: {lost} lines were lost, as they came faster than they could be written",
                    self.name
                ));
            }
            if let Err(error) = &written {
                complain(format_args!("{}: cannot be written any more: {error}", self.name));
            }
            let mut state = self.lock();
            state.is_writing = false;
            state.is_broken = written.is_err();
            if state.is_broken {
                state.waiting = Vec::new();
            }
            let is_broken = state.is_broken;
            if state.waiting.is_empty() {
                self.idle.notify_all();
            }
            drop(state);
            if is_broken {
                return;
            }
        }
    }
}

/// Where standard error is closed, there is nobody to tell.
fn complain(text: std::fmt::Arguments<'_>) {
    drop(writeln!(io::stderr().lock(), "warning: {text}"));
}

/// `tracing` writes each event at once.
impl io::Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // Lost lines are counted, and are no reason for more lines.
        let _ = self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Lines;

    fn make_writer(&'a self) -> &'a Lines {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_lost_and_said() {
        // No thread: nothing is written, as with a reader that stands still.
        let lines = Lines(Arc::new(Inner {
            name: "test",
            state: Mutex::default(),
            more: Condvar::new(),
            idle: Condvar::new(),
        }));
        let half = vec![b'x'; MOST / 2];
        assert!(lines.push(&half) && lines.push(&half));
        assert!(!lines.push(b"\n") && !lines.push(b"\n"));
        let state = lines.0.lock();
        assert_eq!((state.waiting.len(), state.lost), (MOST, 2));
    }
}
