//! What became of the tests, for the reporters: one for each file, and the sums.

use std::time::Duration;

use crate::runtime::{Output, ScriptError};

/// What became of one file.
#[derive(Debug)]
pub(super) struct FileReport {
    /// Its path.
    pub(super) name: String,
    /// Its tests in their order, but for those that were not asked for.
    pub(super) tests: Vec<TestReport>,
    /// Errors outside of its tests.
    pub(super) failures: Vec<ScriptError>,
    /// What it wrote.
    pub(super) lines: Vec<Line>,
    /// Tests that were not asked for.
    pub(super) filtered: usize,
    /// Whether it was given up before its tests were known.
    pub(super) is_given_up: bool,
    /// From its start to its end.
    pub(super) time: Duration,
}

/// What became of one test.
#[derive(Debug)]
pub(super) struct TestReport {
    /// The names of its groups, the outermost first, and its own; a line each.
    pub(super) names: Vec<String>,
    pub(super) outcome: Outcome,
    pub(super) time: Duration,
}

#[derive(Debug)]
pub(super) enum Outcome {
    Passed,
    Failed(Vec<ScriptError>),
    /// Its file ended before it began; why.
    Lost(String),
    Skipped,
    Todo,
    /// The run was given up before it had ended.
    GivenUp,
}

/// A line that a script wrote.
#[derive(Debug)]
pub(super) struct Line {
    /// The test of the report that had begun last, if one had.
    pub(super) during: Option<usize>,
    pub(super) to: Output,
    pub(super) text: String,
}

/// What stands between the names of groups and of tests.
pub(super) const SEPARATOR: &str = " > ";

impl FileReport {
    /// Whether nothing of it was asked for, and nothing happened.
    pub(super) fn is_empty(&self) -> bool {
        self.tests.is_empty() && self.failures.is_empty() && self.lines.is_empty() && !self.is_given_up
    }
}

impl TestReport {
    /// All of its names.
    pub(super) fn full_name(&self) -> String {
        self.names.join(SEPARATOR)
    }
}

/// Sums over all files.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) passed: usize,
    /// Tests, and files that have failed outside of theirs.
    pub(super) failed: usize,
    pub(super) skipped: usize,
    pub(super) todo: usize,
    pub(super) filtered: usize,
    /// Tests, and files whose tests are not known.
    pub(super) given_up: usize,
    pub(super) time: Duration,
    /// Why the run was given up, if it was.
    pub(super) end: Option<&'static str>,
}

impl Totals {
    /// Adds a file.
    pub(super) fn add(&mut self, report: &FileReport) {
        for test in &report.tests {
            match test.outcome {
                Outcome::Passed => self.passed += 1,
                Outcome::Failed(_) | Outcome::Lost(_) => self.failed += 1,
                Outcome::Skipped => self.skipped += 1,
                Outcome::Todo => self.todo += 1,
                Outcome::GivenUp => self.given_up += 1,
            }
        }
        self.failed += usize::from(!report.failures.is_empty());
        self.given_up += usize::from(report.is_given_up);
        self.filtered += report.filtered;
    }

    /// Whether anything was asked for at all.
    pub(super) fn is_nothing(&self) -> bool {
        self.passed + self.failed + self.skipped + self.todo + self.given_up == 0
    }
}

/// Makes a text of the run, file by file.
pub(super) trait Reporter {
    /// What stands first.
    fn begin(&mut self) -> String;

    /// What there is to say of a file.
    fn file(&mut self, report: &FileReport) -> String;

    /// What stands last.
    fn end(&mut self, totals: &Totals) -> String;
}
