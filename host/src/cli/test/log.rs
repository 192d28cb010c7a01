//! Keeps what one file's run tells: its words, its tests, their failures. The file may be a stranger's, so all of it has
//! bounds, and no control character gets through.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::report::{FileReport, Line, Outcome, SEPARATOR, TestReport};
use super::text::{clean, clean_line, cut};
use crate::runtime::{
    Console, Event, Fate, Output, RunError, Schedule, ScriptError, ScriptErrorKind, TestCase, TestLog,
};

/// Tests of one file that are heard of. Atoll's guest has the same bound, and says so.
const MOST_TESTS: usize = 10_000;

/// Names of one test.
const MOST_NAMES: usize = 40;

/// Bytes of one name.
const LONGEST_NAME: usize = 500;

/// Bytes of what a file writes.
const MOST_OUTPUT: usize = 1 << 20;

/// What a line costs besides its bytes.
const LINE: usize = 64;

/// Errors of one test, or of a file outside of its tests.
const MOST_FAILURES: usize = 10;

/// Bytes of an error's message, of its stack; and of a message once the file has used up `MOST_FAILED`.
const LONGEST_MESSAGE: usize = 16 << 10;
const LONGEST_TRACE: usize = 8 << 10;
const SHORT_MESSAGE: usize = 200;

/// Bytes of all errors of a file; after those they are cut short.
const MOST_FAILED: usize = 1 << 20;

/// What holds for every file.
#[derive(Debug)]
pub(super) struct Rules {
    /// Only tests with this in their names are run.
    pub(super) filter: Option<String>,
    /// How long each may take.
    pub(super) time_limit: Duration,
    /// Whether the first failure ends the whole run.
    pub(super) bail: bool,
    /// Ends the whole run.
    pub(super) give_up: CancellationToken,
}

/// The log of one file.
pub(super) struct FileLog {
    rules: Arc<Rules>,
    kept: Mutex<Kept>,
}

struct Kept {
    is_planned: bool,
    tests: Vec<Tracked>,
    /// The test that runs, and since when.
    running: Option<(usize, Instant)>,
    /// Errors outside of any test.
    failures: Vec<ScriptError>,
    failed_bytes: usize,
    lines: Vec<Line>,
    output_bytes: usize,
    /// The test that began last, by its place in the report.
    position: Option<usize>,
}

struct Tracked {
    names: Vec<String>,
    state: State,
    failures: Vec<ScriptError>,
    time: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Filtered,
    Skipped,
    Todo,
    Waiting,
    Begun,
}

impl FileLog {
    pub(super) fn new(rules: Arc<Rules>) -> FileLog {
        FileLog {
            rules,
            kept: Mutex::new(Kept {
                is_planned: false,
                tests: Vec::new(),
                running: None,
                failures: Vec::new(),
                failed_bytes: 0,
                lines: Vec::new(),
                output_bytes: 0,
                position: None,
            }),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, error: ScriptError) {
        self.kept().fail(error);
        if self.rules.bail {
            self.rules.give_up.cancel();
        }
    }

    /// What became of a file that was not run at all.
    pub(super) fn failed(&self, name: &str, error: ScriptError) -> FileReport {
        self.fail(error);
        FileReport {
            is_given_up: false,
            ..self.finish(name, None, Duration::ZERO)
        }
    }

    /// What became of the file: `ended` is none where it was given up.
    pub(super) fn finish(
        &self,
        name: &str,
        ended: Option<Result<(), RunError>>,
        time: Duration,
    ) -> FileReport {
        // Why tests that have not begun never will.
        let lost = match &ended {
            _ if self.rules.give_up.is_cancelled() => None,
            None => None,
            Some(Ok(())) => Some("the file's script ended before".to_owned()),
            Some(Err(error)) => Some(clean_line(error.to_string().lines().next().unwrap_or_default())),
        };
        let (is_planned, is_running, is_empty) = {
            let kept = self.kept();
            (kept.is_planned, kept.running.is_some(), kept.tests.is_empty())
        };
        let is_given_up = ended.is_none() && !is_planned;
        match ended {
            None => {}
            Some(Ok(())) if !is_planned => self.fail(plain("it ended before its tests were known")),
            Some(Ok(())) if is_empty => self.fail(plain("it names no tests")),
            Some(Ok(())) if is_running => self.fail(plain("the file's script ended before the test had")),
            Some(Ok(())) => {}
            Some(Err(RunError::Script(error))) => self.fail(error),
            Some(Err(error)) => self.fail(plain(&error.to_string())),
        }
        let mut kept = self.kept();
        let running = kept.running.map(|(index, _)| index);
        kept.stop();
        let tracked = std::mem::take(&mut kept.tests);
        let filtered = tracked
            .iter()
            .filter(|test| test.state == State::Filtered)
            .count();
        let tests = tracked.into_iter().enumerate();
        let tests = tests.filter(|(_, test)| test.state != State::Filtered);
        FileReport {
            name: clean_line(name),
            tests: tests
                .map(|(index, test)| test.report(running == Some(index), lost.as_deref()))
                .collect(),
            failures: std::mem::take(&mut kept.failures),
            lines: std::mem::take(&mut kept.lines),
            filtered,
            is_given_up,
            time,
        }
    }
}

impl Kept {
    fn fail(&mut self, mut error: ScriptError) {
        let failures = match self.running {
            Some((index, _)) => &mut self.tests[index].failures,
            None => &mut self.failures,
        };
        if failures.len() == MOST_FAILURES {
            return;
        }
        let is_full = self.failed_bytes >= MOST_FAILED;
        let (message, trace) = match is_full {
            true => (SHORT_MESSAGE, 0),
            false => (LONGEST_MESSAGE, LONGEST_TRACE),
        };
        error.message = cut(&clean(&error.message), message);
        error.trace = cut(&clean(&error.trace), trace);
        error.origin = cut(&clean_line(&error.origin), LONGEST_NAME);
        self.failed_bytes += error.message.len() + error.trace.len() + error.origin.len();
        failures.push(error);
    }

    /// Ends the test that runs.
    fn stop(&mut self) {
        if let Some((index, since)) = self.running.take() {
            self.tests[index].time = since.elapsed();
        }
    }

    fn write(&mut self, to: Output, text: &[u8]) {
        if self.output_bytes >= MOST_OUTPUT {
            return;
        }
        let room = MOST_OUTPUT - self.output_bytes;
        let text = String::from_utf8_lossy(&text[..text.len().min(room)]);
        self.output_bytes += text.len() + LINE;
        for line in text.split('\n') {
            self.output_bytes += LINE;
            self.lines.push(Line {
                during: self.position,
                to,
                text: clean_line(line),
            });
            if self.output_bytes >= MOST_OUTPUT {
                self.lines.push(Line {
                    during: self.position,
                    to: Output::Err,
                    text: "… what it wrote after this is left out: a file can have 1 MiB".to_owned(),
                });
                break;
            }
        }
    }
}

impl Tracked {
    fn report(self, is_running: bool, lost: Option<&str>) -> TestReport {
        let outcome = match (self.state, lost) {
            (State::Skipped | State::Filtered, _) => Outcome::Skipped,
            (State::Todo, _) => Outcome::Todo,
            (State::Waiting, Some(why)) => Outcome::Lost(why.to_owned()),
            (State::Waiting, None) => Outcome::GivenUp,
            (State::Begun, _) if !self.failures.is_empty() => Outcome::Failed(self.failures),
            (State::Begun, None) if is_running => Outcome::GivenUp,
            (State::Begun, _) => Outcome::Passed,
        };
        TestReport {
            names: self.names,
            outcome,
            time: self.time,
        }
    }
}

impl TestLog for FileLog {
    fn plan(&self, tests: Vec<TestCase>) -> Schedule {
        let count = tests.len();
        let mut kept = self.kept();
        let mut chosen = Vec::new();
        if !kept.is_planned {
            kept.is_planned = true;
            for test in tests.into_iter().take(MOST_TESTS) {
                let names: Vec<String> = test
                    .names
                    .iter()
                    .take(MOST_NAMES)
                    .map(|name| clean_line(&cut(name, LONGEST_NAME)))
                    .collect();
                let is_asked_for = match &self.rules.filter {
                    Some(filter) => names.join(SEPARATOR).contains(filter.as_str()),
                    None => true,
                };
                let state = match test.fate {
                    _ if !is_asked_for => State::Filtered,
                    Fate::Skip => State::Skipped,
                    Fate::Todo => State::Todo,
                    Fate::Run => State::Waiting,
                };
                chosen.push(state == State::Waiting);
                kept.tests.push(Tracked {
                    names,
                    state,
                    failures: Vec::new(),
                    time: Duration::ZERO,
                });
            }
        }
        chosen.resize(count, false);
        Schedule {
            chosen,
            time_limit: self.rules.time_limit,
        }
    }

    fn begin(&self, test: u32) -> bool {
        if self.rules.give_up.is_cancelled() {
            return false;
        }
        let mut kept = self.kept();
        kept.stop();
        let index = test as usize;
        let Some(tracked) = kept.tests.get_mut(index) else {
            return false;
        };
        if tracked.state != State::Waiting {
            return false;
        }
        tracked.state = State::Begun;
        kept.running = Some((index, Instant::now()));
        let before = kept.tests[..index].iter();
        kept.position = Some(before.filter(|test| test.state != State::Filtered).count());
        true
    }

    fn end(&self) {
        self.kept().stop();
    }
}

impl Console for FileLog {
    fn write_line(&self, to: Output, text: &[u8]) -> io::Result<()> {
        self.kept().write(to, text);
        Ok(())
    }

    fn report(&self, error: &ScriptError) {
        self.fail(error.clone());
    }

    /// Where a test's servers listen is nobody's business but its own.
    fn event(&self, _: &Event<'_>) {}
}

/// An error that is not the script's own words.
pub(super) fn plain(message: &str) -> ScriptError {
    ScriptError {
        kind: ScriptErrorKind::Runtime,
        origin: "main script".to_owned(),
        message: message.to_owned(),
        trace: String::new(),
        excerpt: None,
    }
}
