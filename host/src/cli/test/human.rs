//! The report for people: each file with its tests, then what has failed, then the sums.

use super::report::{FileReport, Line, Outcome, Reporter, TestReport, Totals};
use super::text::clean;
use crate::runtime::ScriptError;

/// Bytes of failures that are kept for the end.
const MOST_FAILURES: usize = 4 << 20;

/// A test that takes less says nothing of its time.
const SLOW: f64 = 1.0;

/// Red, green, yellow and grey on terminals (ECMA-48, SGR).
const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const GREY: &str = "90";
const BOLD: &str = "1";

pub(super) struct Human {
    has_colors: bool,
    failures: String,
    shown: usize,
    left_out: usize,
}

impl Human {
    pub(super) fn new(has_colors: bool) -> Human {
        Human {
            has_colors,
            failures: String::new(),
            shown: 0,
            left_out: 0,
        }
    }

    fn paint(&self, color: &str, text: &str) -> String {
        match self.has_colors && !text.is_empty() {
            true => format!("\u{1b}[{color}m{text}\u{1b}[0m"),
            false => text.to_owned(),
        }
    }

    fn test(&mut self, file: &str, test: &TestReport) -> String {
        let time = match test.time.as_secs_f64() {
            seconds if seconds >= SLOW => self.paint(GREY, &format!(" ({seconds:.1} s)")),
            _ => String::new(),
        };
        let name = test.names.last().map_or("", String::as_str);
        let (color, mark, word) = match &test.outcome {
            Outcome::Passed => (GREEN, "✓", ""),
            Outcome::Failed(errors) => {
                for error in errors {
                    self.fail(&format!("{file} > {}", test.full_name()), error);
                }
                (RED, "✗", "")
            }
            Outcome::Lost(_) => (RED, "✗", " (not run)"),
            Outcome::Skipped => (YELLOW, "-", " (skipped)"),
            Outcome::Todo => (YELLOW, "-", " (to do)"),
            Outcome::GivenUp => (YELLOW, "-", " (given up)"),
        };
        format!(
            "{} {name}{}{time}",
            self.paint(color, mark),
            self.paint(GREY, word)
        )
    }

    fn fail(&mut self, place: &str, error: &ScriptError) {
        if self.failures.len() > MOST_FAILURES {
            self.left_out += 1;
            return;
        }
        self.shown += 1;
        let title = self.paint(BOLD, &format!("{}) {place}", self.shown));
        self.failures.push_str(&format!("\n{title}\n"));
        for line in clean(&error.to_string()).lines() {
            self.failures.push_str(&format!("   {line}\n"));
        }
    }
}

impl Reporter for Human {
    fn begin(&mut self) -> String {
        String::new()
    }

    fn file(&mut self, report: &FileReport) -> String {
        if report.is_empty() {
            return String::new();
        }
        let mut text = format!("{}\n", self.paint(BOLD, &report.name));
        let mut lines = report.lines.iter().peekable();
        let mut groups: &[String] = &[];
        let write = |line: &Line, human: &Human| format!("  {} {}\n", human.paint(GREY, "|"), line.text);
        while let Some(line) = lines.next_if(|line| line.during.is_none()) {
            text.push_str(&write(line, self));
        }
        for (index, test) in report.tests.iter().enumerate() {
            let own = &test.names[..test.names.len().saturating_sub(1)];
            let shared = own
                .iter()
                .zip(groups)
                .take_while(|(one, other)| one == other)
                .count();
            for (level, name) in own.iter().enumerate().skip(shared) {
                text.push_str(&format!("{}{name}\n", "  ".repeat(level + 1)));
            }
            groups = own;
            while let Some(line) = lines.next_if(|line| line.during <= Some(index)) {
                text.push_str(&write(line, self));
            }
            let shown = self.test(&report.name, test);
            text.push_str(&format!("{}{shown}\n", "  ".repeat(own.len() + 1)));
        }
        for line in lines {
            text.push_str(&write(line, self));
        }
        if report.is_given_up {
            text.push_str(&format!("  {} given up\n", self.paint(YELLOW, "-")));
        }
        if !report.failures.is_empty() {
            let what = if report.tests.is_empty() {
                "the file"
            } else {
                "outside of its tests"
            };
            text.push_str(&format!("  {} {what}\n", self.paint(RED, "✗")));
        }
        for error in &report.failures {
            self.fail(&report.name, error);
        }
        text
    }

    fn end(&mut self, totals: &Totals) -> String {
        let mut text = String::new();
        if !self.failures.is_empty() {
            text.push_str(&format!("\nFailures:\n{}", self.failures));
        }
        if self.left_out > 0 {
            text.push_str(&format!("\n… {} more are left out here\n", self.left_out));
        }
        let mut sums = vec![self.paint(GREEN, &format!("{} passed", totals.passed))];
        let others = [
            (totals.failed, RED, "failed"),
            (totals.skipped, YELLOW, "skipped"),
            (totals.todo, YELLOW, "to do"),
            (totals.given_up, YELLOW, "given up"),
            (totals.filtered, GREY, "filtered out"),
        ];
        for (count, color, word) in others.into_iter().filter(|(count, ..)| *count > 0) {
            sums.push(self.paint(color, &format!("{count} {word}")));
        }
        let end = totals.end.map(|end| format!(" ({end})")).unwrap_or_default();
        let seconds = totals.time.as_secs_f64();
        text.push_str(&format!("\n{} in {seconds:.2} s{end}\n", sums.join(", ")));
        text
    }
}
